//! Schemas, functions, diagnostics, paths, times and values as protocol messages.

use jiff::Timestamp;

use super::{Budget, decode, encode};
use crate::deferral::DeferralReason;
use crate::diagnostic::{Diagnostic, Diagnostics, Result, Severity};
use crate::function::{Parameter, Signature};
use crate::json::decode_json;
use crate::path::{Path, Step};
use crate::proto::tfplugin6 as pb;
use crate::schema::{Attribute, Kind, Nesting, Schema, Source};
use crate::value::{Dynamic, Type};

/// Reads a value; a missing one is null.
pub(crate) fn from_dynamic(value: Option<&pb::DynamicValue>, wanted: &Type) -> Result<Dynamic> {
    match value {
        Some(value) if !value.msgpack.is_empty() => Ok(decode(&value.msgpack, wanted, &mut Budget::default())?),
        Some(value) if !value.json.is_empty() => {
            let text = std::str::from_utf8(&value.json).map_err(|_| super::WireError::NotUtf8)?;
            Ok(decode_json(text, wanted, &Path::root())?)
        }
        _ => Ok(Dynamic::Null),
    }
}

/// Writes a value.
pub(crate) fn dynamic(value: &Dynamic, wanted: &Type) -> Result<pb::DynamicValue> {
    Ok(pb::DynamicValue { msgpack: encode(value, wanted)?, json: Vec::new() })
}

/// Writes an instant. The wire counts fractions of a second forwards, also before 1970.
pub(crate) fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    let mut written = prost_types::Timestamp { seconds: instant.as_second(), nanos: instant.subsec_nanosecond() };
    written.normalize();
    written
}

/// Writes why something waits.
pub(crate) fn deferred(reason: DeferralReason) -> pb::Deferred {
    use pb::deferred::Reason;
    let reason = match reason {
        DeferralReason::ResourceConfigUnknown => Reason::ResourceConfigUnknown,
        DeferralReason::ProviderConfigUnknown => Reason::ProviderConfigUnknown,
        DeferralReason::AbsentPrerequisite => Reason::AbsentPrereq,
    };
    pb::Deferred { reason: reason.into() }
}

/// Writes the schema of an identity.
pub(crate) fn identity_schema(schema: &Schema) -> pb::ResourceIdentitySchema {
    let attributes = schema.attributes.iter().map(|attribute| pb::resource_identity_schema::IdentityAttribute {
        name: attribute.name.clone(),
        r#type: attribute.value_type().to_json(),
        required_for_import: attribute.source == Source::Required,
        optional_for_import: attribute.source != Source::Required,
        description: attribute.description.clone(),
    });
    pb::ResourceIdentitySchema { version: schema.version, identity_attributes: attributes.collect() }
}

/// Writes messages to the user.
pub(crate) fn diagnostics(all: &Diagnostics) -> Vec<pb::Diagnostic> {
    all.iter()
        .map(|diagnostic| pb::Diagnostic {
            severity: match diagnostic.severity() {
                Severity::Error => pb::diagnostic::Severity::Error.into(),
                Severity::Warning => pb::diagnostic::Severity::Warning.into(),
            },
            summary: diagnostic.summary().to_owned(),
            detail: located_detail(diagnostic),
            attribute: (!diagnostic.path().is_root()).then(|| path(diagnostic.path())),
        })
        .collect()
}

/// The detail, with the path when Terraform would not show it: it points at whole attributes only.
fn located_detail(diagnostic: &Diagnostic) -> String {
    let detail = diagnostic.detail_text();
    let place = diagnostic.path().to_string();
    if diagnostic.path().steps().len() < 2 || detail.contains(&place) {
        return detail.to_owned();
    }
    let gap = if detail.is_empty() { "" } else { "\n\n" };
    format!("{detail}{gap}This is about `{place}`.")
}

/// Writes a path.
pub(crate) fn path(path: &Path) -> pb::AttributePath {
    use pb::attribute_path::step::Selector;
    let steps = path.steps().iter().map(|step| pb::attribute_path::Step {
        selector: Some(match step {
            Step::Attribute(name) => Selector::AttributeName(name.clone()),
            Step::Key(key) => Selector::ElementKeyString(key.clone()),
            Step::Index(index) => Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX)),
        }),
    });
    pb::AttributePath { steps: steps.collect() }
}

/// Writes a schema.
pub(crate) fn schema(schema: &Schema) -> pb::Schema {
    pb::Schema {
        version: schema.version,
        block: Some(pb::schema::Block {
            version: schema.version,
            attributes: schema.attributes.iter().map(attribute).collect(),
            description: schema.description.clone(),
            description_kind: pb::StringKind::Markdown.into(),
            ..pb::schema::Block::default()
        }),
    }
}

fn attribute(attribute: &Attribute) -> pb::schema::Attribute {
    let (plain, nested) = match &attribute.kind {
        Kind::Type(plain) => (plain.to_json(), None),
        Kind::Nested(nesting, children) => (Vec::new(), Some(nested(*nesting, children))),
    };
    pb::schema::Attribute {
        name: attribute.name.clone(),
        r#type: plain,
        nested_type: nested,
        description: attribute.description.clone(),
        description_kind: pb::StringKind::Markdown.into(),
        required: attribute.source == Source::Required,
        optional: matches!(attribute.source, Source::Optional | Source::OptionalComputed),
        computed: attribute.is_computed(),
        sensitive: attribute.sensitive,
        write_only: attribute.write_only,
        deprecated: attribute.deprecated.is_some(),
        deprecation_message: attribute.deprecated.clone().unwrap_or_default(),
    }
}

fn nested(nesting: Nesting, children: &[Attribute]) -> pb::schema::Object {
    use pb::schema::object::NestingMode;
    let mode = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    pb::schema::Object {
        attributes: children.iter().map(attribute).collect(),
        nesting: mode.into(),
        min_items: 0,
        max_items: 0,
    }
}

/// Writes the signature of a function.
pub(crate) fn function(signature: &Signature) -> pb::Function {
    let all = || signature.parameters.iter();
    pb::Function {
        parameters: all().filter(|parameter| !parameter.variadic).map(parameter).collect(),
        variadic_parameter: all().find(|parameter| parameter.variadic).map(parameter),
        r#return: Some(pb::function::Return { r#type: signature.returns.to_json() }),
        summary: signature.summary.to_owned(),
        description: signature.description.to_owned(),
        description_kind: pb::StringKind::Markdown.into(),
        deprecation_message: signature.deprecated.unwrap_or_default().to_owned(),
    }
}

fn parameter(parameter: &Parameter) -> pb::function::Parameter {
    pb::function::Parameter {
        name: parameter.name.to_owned(),
        r#type: parameter.declared.to_json(),
        allow_null_value: parameter.nullable,
        allow_unknown_values: parameter.unknowable,
        description: parameter.description.to_owned(),
        description_kind: pb::StringKind::Markdown.into(),
    }
}
