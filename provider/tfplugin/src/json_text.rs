//! JSON as an attribute: a text for Terraform, a value for the provider.
//!
//! Two texts that say the same are the same to planning: the user's spelling stays, whatever a remote system makes of
//! it. Objects are equal whatever the order of their keys, numbers whatever their form, to the last digit.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::path::Path;
use crate::schema::{Field, Kind};
use crate::value::{DecodeError, Dynamic, Number, Type};

/// JSON text, such as a policy. `Value<Json>` in a model is a string that must be JSON.
///
/// Equality is of meaning, not of spelling.
#[derive(Clone)]
pub struct Json {
    text: String,
    meaning: Meaning,
}

/// What JSON says, without its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Meaning>),
    Object(BTreeMap<String, Meaning>),
}

/// Why a text is not JSON. It shows nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be JSON (there is an error at line {line}, column {column})")]
pub struct JsonError {
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column() }
    }
}

impl Json {
    /// Reads a text.
    pub fn parse(text: impl Into<String>) -> Result<Self, JsonError> {
        let text = text.into();
        let meaning = Meaning::read(serde_json::from_str(&text)?)?;
        Ok(Self { text, meaning })
    }

    /// The text as it is spelled.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same in the form of Terraform's `jsonencode`: compact, keys in order, `<`, `>` and `&` escaped. What a
    /// provider makes by itself should have this form.
    pub fn normalized(&self) -> Self {
        let mut text = String::with_capacity(self.text.len());
        self.meaning.write(&mut text);
        Self { text, meaning: self.meaning.clone() }
    }

    /// Reads it as a type of your own.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        Ok(serde_json::from_str(&self.text)?)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.meaning == other.meaning
    }
}

impl Eq for Json {}

/// Shows the size only: a document may hold secrets.
impl fmt::Debug for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Json({} bytes)", self.text.len())
    }
}

impl Meaning {
    /// Reads a text that the JSON parser has accepted whole, which also bounds its depth.
    fn read(raw: &RawValue) -> Result<Self, JsonError> {
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
                let read = fields.into_iter().map(|(key, value)| Ok((key, Self::read(value)?)));
                Self::Object(read.collect::<Result<_, JsonError>>()?)
            }
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_str(text)?;
                Self::Array(elements.into_iter().map(Self::read).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::String(serde_json::from_str(text)?),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(text.parse().map_err(|_| JsonError { line: 1, column: 1 })?),
        })
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => {
                let _ = write!(out, "{number}");
            }
            Self::String(text) => write_string(text, out),
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    element.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    for letter in serde_json::Value::from(text).to_string().chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
}

impl Field for Json {
    const EQUIVALENT: Option<fn(&Dynamic, &Dynamic) -> bool> = Some(equivalent);

    fn kind() -> Kind {
        Kind::Type(Type::String)
    }

    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
        let mismatch = || DecodeError::Mismatch { path: path.clone(), expected: "a string of JSON" };
        match value {
            Dynamic::String(text) => Self::parse(text).map_err(|_| mismatch()),
            Dynamic::Null => Err(DecodeError::Null(path.clone())),
            Dynamic::Unknown => Err(DecodeError::Unknown(path.clone())),
            _ => Err(mismatch()),
        }
    }

    fn encode(&self) -> Dynamic {
        Dynamic::String(self.text.clone())
    }
}

fn equivalent(left: &Dynamic, right: &Dynamic) -> bool {
    let (Some(left), Some(right)) = (left.as_str(), right.as_str()) else { return false };
    matches!((Json::parse(left), Json::parse(right)), (Ok(left), Ok(right)) if left == right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_say_the_same_are_equal() {
        let table = [
            (r#"{"a":1,"b":[true,null]}"#, "{ \"b\": [true, null],\n \"a\": 1.0 }", true),
            (r#""\u00e9""#, "\"\u{e9}\"", true),
            ("1e3", "1000", true),
            ("12345678901234567890.1", "12345678901234567890.2", false),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#, false),
            ("[1,2]", "[2,1]", false),
        ];
        for (left, right, expected) in table {
            let (left, right) = (Json::parse(left).unwrap(), Json::parse(right).unwrap());
            assert_eq!(left == right, expected, "{} {}", left.as_str(), right.as_str());
        }
    }

    #[test]
    fn the_normalized_form_is_that_of_jsonencode() {
        let json = Json::parse("{ \"b\" : \"<a&b>\", \"a\" : [ 1.50, {} ] }").unwrap();
        assert_eq!(json.normalized().as_str(), r#"{"a":[1.5,{}],"b":"\u003ca\u0026b\u003e"}"#);
    }

    #[test]
    fn what_is_no_json_is_refused_and_not_shown() {
        for text in ["", "{", "secret", "{\"a\":1} x", "nul"] {
            let error = Json::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("must be JSON") && !error.contains("secret"), "{error}");
        }
        assert!(Json::parse("[".repeat(100_000)).is_err());
    }
}
