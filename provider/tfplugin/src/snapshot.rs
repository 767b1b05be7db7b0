//! A provider's schema as JSON, to be kept with a version and compared with later ones.
//!
//! [`of`] makes it, and [`breaks`] says what a later schema takes away from those who use the earlier one. A test that
//! compares today's schema with the committed one of the last version keeps a provider compatible.
//!
//! Descriptions, defaults, validators and plan modifiers are no part of it.

mod compare;

use serde_json::{Map, Value as Json, json};

use crate::function::Signature;
use crate::provider::{Entries, Provider, Registry};
use crate::schema::{Attribute, Kind, Nesting, Schema, Source};
use crate::value::Type;

pub use compare::breaks;

/// The schema of a provider: of its block, and by kind and name of all that it has.
pub fn of<P: Provider>(provider: &P) -> Json {
    let mut registry = Registry::new();
    provider.register(&mut registry);
    json!({
        "provider": schema(&Schema::of::<P::Model>(0)),
        "resources": each(&registry.resources, |entry| {
            let mut made = schema(&entry.described.schema);
            if let Some(identity) = entry.identity() {
                made["identity"] = schema(&identity.schema);
            }
            made
        }),
        "data_sources": each(&registry.data_sources, |entry| schema(&entry.described.schema)),
        "ephemeral_resources": each(&registry.ephemeral_resources, |entry| schema(&entry.described.schema)),
        "list_resources": each(&registry.list_resources, |entry| schema(&entry.described.schema)),
        "actions": each(&registry.actions, |entry| schema(&entry.described.schema)),
        "state_stores": each(&registry.state_stores, |entry| schema(&entry.described.schema)),
        "functions": each(&registry.functions, |entry| function(&entry.signature)),
    })
}

fn each<E>(entries: &Entries<E>, make: impl Fn(&E) -> Json) -> Json {
    entries.iter().map(|(name, entry)| ((*name).to_owned(), make(entry))).collect::<Map<_, _>>().into()
}

fn schema(schema: &Schema) -> Json {
    json!({ "version": schema.version, "attributes": attributes(&schema.attributes) })
}

fn attributes(attributes: &[Attribute]) -> Json {
    attributes.iter().map(|inner| (inner.name.clone(), attribute(inner))).collect::<Map<_, _>>().into()
}

/// What is true of an attribute is said; what is false is left out.
fn attribute(attribute: &Attribute) -> Json {
    let mut made = match &attribute.kind {
        Kind::Type(plain) => json!({ "type": type_of(plain) }),
        Kind::Nested(nesting, inner) => json!({ "nesting": word(*nesting), "attributes": attributes(inner) }),
    };
    let flags = [
        ("required", attribute.source == Source::Required),
        ("optional", matches!(attribute.source, Source::Optional | Source::OptionalComputed)),
        ("computed", attribute.is_computed()),
        ("sensitive", attribute.sensitive),
        ("write_only", attribute.write_only),
    ];
    for (flag, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
        made[flag] = true.into();
    }
    made
}

fn function(signature: &Signature) -> Json {
    let arguments = signature.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "type": type_of(&parameter.wanted),
            "nullable": parameter.nullable,
            "variadic": parameter.variadic,
        })
    });
    json!({ "arguments": arguments.collect::<Vec<_>>(), "returns": type_of(&signature.returns) })
}

fn type_of(plain: &Type) -> Json {
    serde_json::from_slice(&plain.to_json()).expect("a type is written as JSON")
}

fn word(nesting: Nesting) -> &'static str {
    match nesting {
        Nesting::Single => "single",
        Nesting::List => "list",
        Nesting::Set => "set",
        Nesting::Map => "map",
    }
}
