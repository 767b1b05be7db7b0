//! The record of a resource as Terraform keeps it between runs: JSON, all of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::diagnostic::{Diagnostic, Result};
use crate::value::Dynamic;

/// One resource in a state file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) schema_version: i64,
    pub(super) attributes: Box<RawValue>,
    /// Base64, as bytes are in JSON.
    #[serde(default)]
    private: String,
    /// Creating failed half-way: it is to be replaced.
    #[serde(default)]
    pub(super) tainted: bool,
    #[serde(default)]
    pub(super) identity_schema_version: i64,
    #[serde(default)]
    pub(super) identity: Option<Box<RawValue>>,
}

impl Record {
    pub(super) fn new(schema_version: i64, attributes: Box<RawValue>, private: &[u8]) -> Self {
        let private = STANDARD.encode(private);
        Self { schema_version, attributes, private, tainted: false, identity_schema_version: 0, identity: None }
    }

    /// As text and back, so that nothing survives that a state file would not keep.
    pub(super) fn to_text(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|error| unreadable(&error))
    }

    pub(super) fn from_text(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| unreadable(&error))
    }

    pub(super) fn private(&self) -> Result<Vec<u8>> {
        STANDARD
            .decode(&self.private)
            .map_err(|error| Diagnostic::error("The record cannot be read").detail(error.to_string()).into())
    }
}

fn unreadable(error: &serde_json::Error) -> crate::Diagnostics {
    Diagnostic::error("The record cannot be read").detail(error.to_string()).into()
}

/// A wholly known value as JSON, every digit kept; with its type where the schema allows any.
pub(super) fn json(value: &Dynamic) -> Result<Box<RawValue>> {
    let mut text = String::new();
    write(&mut text, value);
    RawValue::from_string(text).map_err(|error| unreadable(&error))
}

fn write(out: &mut String, value: &Dynamic) {
    match value {
        Dynamic::Null | Dynamic::Unknown => out.push_str("null"),
        Dynamic::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Dynamic::Number(number) => out.push_str(&number.to_string()),
        Dynamic::String(text) => write_text(out, text),
        Dynamic::List(elements) | Dynamic::Set(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                separate(out, index);
                write(out, element);
            }
            out.push(']');
        }
        Dynamic::Map(fields) => {
            out.push('{');
            for (index, (key, value)) in fields.iter().enumerate() {
                separate(out, index);
                write_text(out, key);
                out.push(':');
                write(out, value);
            }
            out.push('}');
        }
        Dynamic::Typed(typed) => {
            out.push_str("{\"value\":");
            write(out, &typed.1);
            out.push_str(",\"type\":");
            out.push_str(&String::from_utf8_lossy(&typed.0.to_json()));
            out.push('}');
        }
    }
}

fn separate(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
