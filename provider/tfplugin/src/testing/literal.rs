//! Configurations as tests write them, values as tests read them.
//!
//! A configuration is a model, a [`Dynamic`] or a JSON literal in which [`unknown`] stands for what is not known yet.
//! It is checked and converted as Terraform does with what users write: `"5"` is a number where one is wanted, an
//! argument that does not exist is refused.

use serde_json::{Map, Value as Json};

use super::schema::{Attribute, Kind, Schema};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::path::Path;
use crate::schema::{Model, Nesting};
use crate::value::{Dynamic, Object, Type, convert};
use crate::wire;

/// The only key of the object that stands for an unknown value; no configuration has such a key.
const UNKNOWN: &str = "\0unknown";

/// The place of an unknown value in a JSON literal, and in what a plan shows.
///
/// ```
/// use tfplugin_rs::testing::{json, unknown};
///
/// let config = json!({ "name": "a", "text": unknown(), "tags": { "owner": unknown() } });
/// # assert_ne!(config["text"], json!(null));
/// ```
pub fn unknown() -> Json {
    Json::Object(Map::from_iter([(UNKNOWN.to_owned(), Json::Null)]))
}

/// What can be given as a configuration.
pub trait Configuration {
    /// As a value; the schema says later what it must be.
    fn to_value(&self) -> Dynamic;
}

impl<M: Model> Configuration for M {
    fn to_value(&self) -> Dynamic {
        Dynamic::Map(self.to_object())
    }
}

impl Configuration for Dynamic {
    fn to_value(&self) -> Dynamic {
        self.clone()
    }
}

impl Configuration for Json {
    fn to_value(&self) -> Dynamic {
        match self {
            Json::Null => Dynamic::Null,
            Json::Bool(flag) => Dynamic::Bool(*flag),
            // A number that a literal can hold is one; `from_str` refuses only what is far larger.
            Json::Number(number) => number.to_string().parse().map_or(Dynamic::Null, Dynamic::Number),
            Json::String(text) => Dynamic::from(text.as_str()),
            Json::Array(elements) => Dynamic::List(elements.iter().map(Self::to_value).collect()),
            Json::Object(fields) if fields.contains_key(UNKNOWN) => Dynamic::Unknown,
            Json::Object(fields) => {
                Dynamic::Map(fields.iter().map(|(key, value)| (key.clone(), value.to_value())).collect())
            }
        }
    }
}

/// A value for tests to look at; numbers that JSON readers would round are rounded.
pub(super) fn shown(value: &Dynamic) -> Json {
    match value {
        Dynamic::Null => Json::Null,
        Dynamic::Unknown => unknown(),
        Dynamic::Bool(flag) => Json::Bool(*flag),
        Dynamic::Number(number) => {
            let text = number.to_string();
            serde_json::from_str(&text).unwrap_or(Json::String(text))
        }
        Dynamic::String(text) => Json::String(text.clone()),
        Dynamic::List(elements) | Dynamic::Set(elements) => elements.iter().map(shown).collect(),
        Dynamic::Map(fields) => Json::Object(fields.iter().map(|(key, value)| (key.clone(), shown(value))).collect()),
        Dynamic::Typed(typed) => shown(&typed.1),
    }
}

/// The configuration as Terraform would send it.
pub(super) fn configured(config: &impl Configuration, schema: &Schema) -> Result<Dynamic> {
    let written = match config.to_value() {
        Dynamic::Null => Dynamic::Map(Object::new()),
        written => written,
    };
    let value = sent(written, &schema.object_type)?;
    let mut wrong = Diagnostics::new();
    check(&schema.attributes, &value, &Path::root(), &mut wrong);
    wrong.into_result(value)
}

/// A value as it is once it has crossed the wire: converted, normalised, with its type where any type is allowed.
pub(super) fn sent(written: Dynamic, wanted: &Type) -> Result<Dynamic> {
    let value = convert(written, wanted, &Path::root())?;
    wire::from_dynamic(Some(&wire::dynamic(&value, wanted)?), wanted)
}

/// What users must and must not write.
fn check(attributes: &[Attribute], object: &Dynamic, path: &Path, wrong: &mut Diagnostics) {
    let Dynamic::Map(fields) = object else { return };
    for attribute in attributes {
        let value = fields.get(&attribute.name).unwrap_or(&Dynamic::Null);
        let path = path.clone().attr(&attribute.name);
        if attribute.required && value.is_null() {
            wrong.push(Diagnostic::error("Missing required argument").detail("It must be configured.").at(path));
        } else if attribute.computed && !attribute.optional && !value.is_null() {
            let detail = "Only the provider sets it; leave it out of the configuration.";
            wrong.push(Diagnostic::error("Read-only attribute is configured").detail(detail).at(path));
        } else if let Kind::Nested(nesting, children) = &attribute.kind {
            each_element(*nesting, value, &path, |element, path| check(children, element, path, wrong));
        }
    }
}

/// Visits the objects of a nested attribute, each with its path.
pub(super) fn each_element(nesting: Nesting, value: &Dynamic, path: &Path, mut visit: impl FnMut(&Dynamic, &Path)) {
    match (nesting, value) {
        (Nesting::Map, Dynamic::Map(elements)) => {
            for (key, element) in elements {
                visit(element, &path.clone().key(key));
            }
        }
        (_, Dynamic::List(elements)) => {
            for (index, element) in elements.iter().enumerate() {
                visit(element, &path.clone().index(index));
            }
        }
        (_, Dynamic::Set(elements)) => {
            // Elements of a set have no address.
            for element in elements {
                visit(element, path);
            }
        }
        (Nesting::Single, object) => visit(object, path),
        _ => {}
    }
}
