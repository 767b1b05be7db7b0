//! Types and values in the words of readers.

use crate::schema::{Kind, Nesting};
use crate::value::{Dynamic, Type};

/// How a list of attributes calls what an attribute holds.
pub(super) fn of_kind(kind: &Kind) -> String {
    match kind {
        Kind::Type(plain) => of_type(plain),
        Kind::Nested(Nesting::Single, _) => "Attributes".to_owned(),
        Kind::Nested(Nesting::List, _) => "Attributes List".to_owned(),
        Kind::Nested(Nesting::Set, _) => "Attributes Set".to_owned(),
        Kind::Nested(Nesting::Map, _) => "Attributes Map".to_owned(),
    }
}

/// A type, such as `List of String`.
pub(super) fn of_type(plain: &Type) -> String {
    let many = |types: &[Type]| types.iter().map(of_type).collect::<Vec<_>>().join(", ");
    match plain {
        Type::String => "String".to_owned(),
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", of_type(element)),
        Type::Set(element) => format!("Set of {}", of_type(element)),
        Type::Map(element) => format!("Map of {}", of_type(element)),
        Type::Tuple(elements) => format!("Tuple of ({})", many(elements)),
        Type::Object(attributes) => {
            let fields = attributes.iter().map(|(name, inner)| format!("{name} = {}", of_type(inner)));
            format!("Object({{ {} }})", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A value as one writes it in a configuration; a plain text without quotes.
pub(super) fn of_value(value: &Dynamic) -> String {
    match value {
        Dynamic::String(text) if !text.is_empty() => text.clone(),
        other => literal(other),
    }
}

fn literal(value: &Dynamic) -> String {
    let many = |elements: &[Dynamic]| elements.iter().map(literal).collect::<Vec<_>>().join(", ");
    match value {
        Dynamic::Null | Dynamic::Unknown => "null".to_owned(),
        Dynamic::Bool(flag) => flag.to_string(),
        Dynamic::Number(number) => number.to_string(),
        Dynamic::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        Dynamic::List(elements) | Dynamic::Set(elements) => format!("[{}]", many(elements)),
        Dynamic::Map(fields) if fields.is_empty() => "{}".to_owned(),
        Dynamic::Map(fields) => {
            let fields = fields.iter().map(|(name, inner)| format!("{name} = {}", literal(inner)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Dynamic::Typed(typed) => literal(&typed.1),
    }
}
