//! The types a value can have, and their JSON form.
//!
//! Terraform writes a type as compact JSON: `"string"`, `["list","number"]`, `["object",{"a":"bool"}]`. Parsing bounds
//! the depth, so a hostile type is an error.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// How deep types and values may nest.
pub(crate) const DEPTH_MAX: usize = 64;

/// A Terraform type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// Text.
    String,
    /// True or false.
    Bool,
    /// A number of any size.
    Number,
    /// Any type; the value carries it.
    Dynamic,
    /// A sequence of one element type.
    List(Box<Type>),
    /// Distinct values of one element type, without order.
    Set(Box<Type>),
    /// Values of one type by string key.
    Map(Box<Type>),
    /// A fixed sequence of types.
    Tuple(Vec<Type>),
    /// Named attributes.
    Object(BTreeMap<String, Type>),
}

/// A type whose JSON form is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a type")]
pub struct TypeError;

impl Type {
    /// The compact JSON form.
    pub fn to_json(&self) -> Vec<u8> {
        self.json().to_string().into_bytes()
    }

    /// Reads the JSON form.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TypeError> {
        Self::read(&serde_json::from_slice(bytes).map_err(|_| TypeError)?, 0)
    }

    /// How users call this type.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Bool => "a bool",
            Self::Number => "a number",
            Self::Dynamic => "any value",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
            Self::Tuple(_) => "a tuple",
            Self::Object(_) => "an object",
        }
    }

    fn json(&self) -> Json {
        let pair = |kind: &str, inner: Json| Json::Array(vec![kind.into(), inner]);
        match self {
            Self::String => "string".into(),
            Self::Bool => "bool".into(),
            Self::Number => "number".into(),
            Self::Dynamic => "dynamic".into(),
            Self::List(element) => pair("list", element.json()),
            Self::Set(element) => pair("set", element.json()),
            Self::Map(element) => pair("map", element.json()),
            Self::Tuple(elements) => pair("tuple", elements.iter().map(Self::json).collect()),
            Self::Object(attributes) => {
                let fields = attributes.iter().map(|(name, inner)| (name.clone(), inner.json()));
                pair("object", Json::Object(fields.collect()))
            }
        }
    }

    fn read(json: &Json, depth: usize) -> Result<Self, TypeError> {
        if depth > DEPTH_MAX {
            return Err(TypeError);
        }
        let inner = |json: &Json| Self::read(json, depth + 1);
        match json {
            Json::String(name) => match name.as_str() {
                "string" => Ok(Self::String),
                "bool" => Ok(Self::Bool),
                "number" => Ok(Self::Number),
                "dynamic" => Ok(Self::Dynamic),
                _ => Err(TypeError),
            },
            Json::Array(parts) => match (parts.first().and_then(Json::as_str), parts.get(1)) {
                (Some("list"), Some(element)) => Ok(Self::List(Box::new(inner(element)?))),
                (Some("set"), Some(element)) => Ok(Self::Set(Box::new(inner(element)?))),
                (Some("map"), Some(element)) => Ok(Self::Map(Box::new(inner(element)?))),
                (Some("tuple"), Some(Json::Array(elements))) => {
                    Ok(Self::Tuple(elements.iter().map(inner).collect::<Result<_, _>>()?))
                }
                (Some("object"), Some(Json::Object(fields))) => {
                    let read = fields.iter().map(|(name, json)| Ok((name.clone(), inner(json)?)));
                    Ok(Self::Object(read.collect::<Result<_, TypeError>>()?))
                }
                _ => Err(TypeError),
            },
            _ => Err(TypeError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compact_json_both_ways() {
        let object = Type::Object(BTreeMap::from([
            ("a".to_owned(), Type::List(Box::new(Type::Number))),
            ("b".to_owned(), Type::Tuple(vec![Type::Bool, Type::Dynamic])),
        ]));
        let json = br#"["object",{"a":["list","number"],"b":["tuple",["bool","dynamic"]]}]"#;
        assert_eq!(object.to_json(), json);
        assert_eq!(Type::from_json(json), Ok(object));
        assert_eq!(Type::String.to_json(), br#""string""#);
    }

    #[test]
    fn nonsense_types_are_errors() {
        let deep = format!("{}\"string\"{}", r#"["list","#.repeat(100), "]".repeat(100));
        for json in ["", "null", "\"text\"", "[\"list\"]", "[\"object\",[]]", deep.as_str()] {
            assert_eq!(Type::from_json(json.as_bytes()), Err(TypeError), "{json}");
        }
    }
}
