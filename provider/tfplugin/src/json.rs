//! Stored states: JSON whose numbers may have any size.
//!
//! Terraform stores states as JSON and hands them back as text. Decoding is driven by a type and keeps every digit:
//! each number is parsed from its own text. Attributes the type lacks are dropped, missing ones are null.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::diagnostic::{Diagnostic, Result};
use crate::path::{Path, Step};
use crate::schema::{Model, object_type};
use crate::value::{DecodeError, Dynamic, Type, normalized};

/// The stored state of a resource, as text.
#[derive(Clone)]
pub struct StateJson(String);

impl StateJson {
    /// From the text that Terraform stored.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Reads it as a struct of your own, such as the model of an older version.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        // The error of serde_json may quote a value, so only the place is told.
        serde_json::from_str(&self.0).map_err(|error| {
            Diagnostic::error("Stored state cannot be read")
                .detail(format!(
                    "It does not have the expected form, at line {} column {}.",
                    error.line(),
                    error.column()
                ))
                .into()
        })
    }

    /// Reads what fits a model: attributes it lacks are dropped, missing ones are null.
    pub fn fit<M: Model>(&self) -> Result<M> {
        match self.decode(&object_type(&M::attributes()))? {
            Dynamic::Map(fields) => Ok(M::from_object(fields, &Path::root())?),
            _ => Err(Diagnostic::error("Stored state is empty").into()),
        }
    }

    pub(crate) fn decode(&self, wanted: &Type) -> Result<Dynamic> {
        Ok(decode_json(&self.0, wanted, &Path::root())?)
    }
}

/// Shows nothing of the state, which may hold secrets.
impl std::fmt::Debug for StateJson {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "StateJson({} bytes)", self.0.len())
    }
}

/// Decodes JSON text as a `wanted`. Attributes that it lacks are null.
pub(crate) fn decode_json(text: &str, wanted: &Type, path: &Path) -> Result<Dynamic, DecodeError> {
    // A path is made only when there is something to say of it, from the inside out.
    let outer = |error| path.steps().iter().rev().cloned().fold(error, DecodeError::within);
    read(text, wanted, false).map_err(outer)
}

/// `described`: within a value that came with its type. There an object has every attribute: filling in what a short
/// text leaves out, by a type that the text itself declares, would make it a large value.
fn read(text: &str, wanted: &Type, described: bool) -> Result<Dynamic, DecodeError> {
    let mismatch = || DecodeError::Mismatch { path: Path::root(), expected: wanted.noun() };
    let text = text.trim();
    if text == "null" {
        return Ok(Dynamic::Null);
    }
    match wanted {
        Type::String => match text.as_bytes().first() {
            // As Terraform's own reader does, numbers and bools pass as text.
            Some(b'"') => parse(text, wanted).map(|text: String| Dynamic::String(normalized(text))),
            Some(b'{' | b'[') | None => Err(mismatch()),
            Some(_) => Ok(Dynamic::String(text.to_owned())),
        },
        Type::Number => {
            let digits = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
            digits.parse().map(Dynamic::Number).map_err(|_| mismatch())
        }
        Type::Bool => match text {
            "true" | "\"true\"" => Ok(Dynamic::Bool(true)),
            "false" | "\"false\"" => Ok(Dynamic::Bool(false)),
            _ => Err(mismatch()),
        },
        Type::List(element) => elements(text, |_| Some(element), wanted, described).map(Dynamic::List),
        Type::Set(element) => elements(text, |_| Some(element), wanted, described).map(Dynamic::set),
        Type::Tuple(types) => {
            let decoded = elements(text, |index| types.get(index), wanted, described)?;
            if decoded.len() == types.len() { Ok(Dynamic::List(decoded)) } else { Err(mismatch()) }
        }
        Type::Map(element) => {
            let fields: BTreeMap<String, &RawValue> = parse(text, wanted)?;
            let decoded = fields.into_iter().map(|(key, raw)| {
                let value =
                    read(raw.get(), element, described).map_err(|error| error.within(Step::Key(key.clone())))?;
                Ok((normalized(key), value))
            });
            decoded.collect::<Result<_, _>>().map(Dynamic::Map)
        }
        Type::Object(attributes) => {
            let fields: BTreeMap<String, &RawValue> = parse(text, wanted)?;
            let decoded = attributes.iter().map(|(name, wanted)| {
                let raw = match fields.get(name) {
                    Some(raw) => raw.get(),
                    None if described => return Err(mismatch()),
                    None => "null",
                };
                let value = read(raw, wanted, described);
                Ok((name.clone(), value.map_err(|error| error.within(Step::Attribute(name.clone())))?))
            });
            decoded.collect::<Result<_, _>>().map(Dynamic::Map)
        }
        Type::Dynamic => {
            let fields: BTreeMap<String, &RawValue> = parse(text, wanted)?;
            let (Some(own), Some(raw)) = (fields.get("type"), fields.get("value")) else {
                return Err(mismatch());
            };
            let own = Type::from_json(own.get().as_bytes()).map_err(|_| mismatch())?;
            let value = read(raw.get(), &own, true)?;
            Ok(Dynamic::Typed(Box::new((own, value))))
        }
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str, wanted: &Type) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|_| DecodeError::Mismatch { path: Path::root(), expected: wanted.noun() })
}

fn elements<'t>(
    text: &str,
    type_of: impl Fn(usize) -> Option<&'t Type>,
    wanted: &Type,
    described: bool,
) -> Result<Vec<Dynamic>, DecodeError> {
    let raws: Vec<&RawValue> = parse(text, wanted)?;
    let indexed = raws.into_iter().enumerate();
    indexed
        .map(|(index, raw)| {
            let read = match type_of(index) {
                Some(element) => read(raw.get(), element, described),
                None => Err(DecodeError::Mismatch { path: Path::root(), expected: wanted.noun() }),
            };
            read.map_err(|error| error.within(Step::Index(index)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(fields: &[(&str, Type)]) -> Type {
        Type::Object(fields.iter().map(|(name, inner)| ((*name).to_owned(), inner.clone())).collect())
    }

    #[test]
    fn numbers_in_a_state_keep_every_digit() {
        let state = StateJson::new(r#"{"n": 12345678901234567890.000000000000000001}"#);
        let decoded = state.decode(&object(&[("n", Type::Number)])).unwrap();
        assert_eq!(
            decoded.attribute("n"),
            &Dynamic::Number("12345678901234567890.000000000000000001".parse().unwrap())
        );
    }

    #[test]
    fn missing_attributes_are_null_and_unknown_ones_are_dropped() {
        let state = StateJson::new(r#"{"old": {"deep": [1, {}]}, "a": "x"}"#);
        let decoded = state.decode(&object(&[("a", Type::String), ("new", Type::Bool)])).unwrap();
        let expected = [("a".to_owned(), Dynamic::from("x")), ("new".to_owned(), Dynamic::Null)];
        assert_eq!(decoded, Dynamic::Map(expected.into()));
    }

    #[test]
    fn a_dynamic_value_brings_its_type() {
        let text = r#"{"type": ["list", "number"], "value": [1, 2.5]}"#;
        let Ok(Dynamic::Typed(typed)) = decode_json(text, &Type::Dynamic, &Path::root()) else { panic!("typed") };
        assert_eq!(typed.0, Type::List(Box::new(Type::Number)));
    }

    #[test]
    fn an_object_that_brings_its_type_has_every_attribute() {
        let text = r#"{"type": ["object", {"a": "bool", "b": "bool"}], "value": {"a": true}}"#;
        assert!(decode_json(text, &Type::Dynamic, &Path::root()).is_err());
    }

    #[test]
    fn a_misfit_is_named_by_path_and_shows_no_value() {
        let state = StateJson::new(r#"{"list": [1, "secret"]}"#);
        let wanted = object(&[("list", Type::List(Box::new(Type::Number)))]);
        let said = state.decode(&wanted).unwrap_err().to_string();
        assert!(said.contains("list[1]") && !said.contains("secret"), "{said}");
    }
}
