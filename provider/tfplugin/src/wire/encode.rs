//! From values to msgpack, driven by a type.
//!
//! Objects are written with every attribute, unknowns without refinement (a refinement once given must be honoured
//! later), numbers as `i64` where they fit and as decimal text where not.

use std::collections::BTreeMap;

use rmp::encode as put;

use crate::path::Path;
use crate::value::{DecodeError, Dynamic, Number, Type, normalized};

/// The plain unknown value.
const UNKNOWN: [u8; 3] = [0xd4, 0x00, 0x00];

/// Encodes a value; one that does not fit the type is an error at its path.
pub(crate) fn encode(value: &Dynamic, wanted: &Type) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    write(&mut out, value, wanted, &Path::root())?;
    Ok(out)
}

fn write(out: &mut Vec<u8>, value: &Dynamic, wanted: &Type, path: &Path) -> Result<(), DecodeError> {
    match (value, wanted) {
        (Dynamic::Null, _) => written(put::write_nil(out)),
        (Dynamic::Unknown, _) => out.extend_from_slice(&UNKNOWN),
        (Dynamic::Typed(typed), Type::Dynamic) => write_typed(out, &typed.1, &typed.0, path)?,
        (Dynamic::Typed(typed), _) => write(out, &typed.1, wanted, path)?,
        (value, Type::Dynamic) => write_typed(out, value, &infer(value), path)?,
        (Dynamic::Bool(flag), Type::Bool) => written(put::write_bool(out, *flag)),
        (Dynamic::String(text), Type::String) => write_text(out, text),
        (Dynamic::Number(number), Type::Number) => write_number(out, number),
        (Dynamic::List(elements), Type::List(element)) | (Dynamic::Set(elements), Type::Set(element)) => {
            written(put::write_array_len(out, length(elements.len())));
            for (index, value) in elements.iter().enumerate() {
                write(out, value, element, &path.clone().index(index))?;
            }
        }
        (Dynamic::List(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            written(put::write_array_len(out, length(elements.len())));
            for (index, (value, wanted)) in elements.iter().zip(types).enumerate() {
                write(out, value, wanted, &path.clone().index(index))?;
            }
        }
        (Dynamic::Map(fields), Type::Map(element)) => {
            written(put::write_map_len(out, length(fields.len())));
            for (key, value) in fields {
                write_text(out, key);
                write(out, value, element, &path.clone().key(key))?;
            }
        }
        (Dynamic::Map(fields), Type::Object(attributes)) => write_object(out, fields, attributes, path)?,
        _ => return Err(DecodeError::Mismatch { path: path.clone(), expected: wanted.noun() }),
    }
    Ok(())
}

fn write_object(
    out: &mut Vec<u8>,
    fields: &BTreeMap<String, Dynamic>,
    attributes: &BTreeMap<String, Type>,
    path: &Path,
) -> Result<(), DecodeError> {
    if let Some(extra) = fields.keys().find(|name| !attributes.contains_key(*name)) {
        return Err(DecodeError::Unexpected(path.clone().attr(extra)));
    }
    written(put::write_map_len(out, length(attributes.len())));
    for (name, wanted) in attributes {
        write_text(out, name);
        write(out, fields.get(name).unwrap_or(&Dynamic::Null), wanted, &path.clone().attr(name))?;
    }
    Ok(())
}

fn write_typed(out: &mut Vec<u8>, value: &Dynamic, described: &Type, path: &Path) -> Result<(), DecodeError> {
    written(put::write_array_len(out, 2));
    written(put::write_bin(out, &described.to_json()));
    write(out, value, described, path)
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    written(put::write_str(out, &normalized(text.to_owned())));
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(infinity) = number.infinity() {
        written(put::write_f64(out, infinity));
    } else if let Some(whole) = number.to_i64() {
        written(put::write_sint(out, whole));
    } else {
        written(put::write_str(out, &number.to_string()));
    }
}

/// The type of a value that says none.
fn infer(value: &Dynamic) -> Type {
    match value {
        Dynamic::Null | Dynamic::Unknown => Type::Dynamic,
        Dynamic::Bool(_) => Type::Bool,
        Dynamic::Number(_) => Type::Number,
        Dynamic::String(_) => Type::String,
        Dynamic::List(elements) => Type::Tuple(elements.iter().map(infer).collect()),
        Dynamic::Set(elements) => Type::Set(Box::new(elements.first().map_or(Type::Dynamic, infer))),
        Dynamic::Map(fields) => Type::Object(fields.iter().map(|(name, value)| (name.clone(), infer(value))).collect()),
        Dynamic::Typed(typed) => typed.0.clone(),
    }
}

/// Messages are far below four thousand million elements; they would not fit the message limit.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Writing to memory does not fail.
fn written<T, E>(result: Result<T, E>) {
    drop(result);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_is_the_plain_one() {
        assert_eq!(encode(&Dynamic::Unknown, &Type::String), Ok(vec![0xd4, 0, 0]));
        assert_eq!(encode(&Dynamic::Unknown, &Type::Dynamic), Ok(vec![0xd4, 0, 0]));
    }

    #[test]
    fn numbers_are_whole_or_text() {
        let encoded = |text: &str| encode(&Dynamic::Number(text.parse().unwrap()), &Type::Number).unwrap();
        assert_eq!(encoded("5"), [5]);
        assert_eq!(encoded("0.1"), [0xa3, b'0', b'.', b'1']);
        assert_eq!(encoded("9223372036854775808")[1..], *b"9223372036854775808");
    }

    #[test]
    fn an_object_has_every_attribute() {
        let object = Type::Object(BTreeMap::from([("a".to_owned(), Type::Bool), ("b".to_owned(), Type::Bool)]));
        let value = Dynamic::Map(BTreeMap::from([("b".to_owned(), Dynamic::Bool(true))]));
        assert_eq!(encode(&value, &object).unwrap(), [0x82, 0xa1, b'a', 0xc0, 0xa1, b'b', 0xc3]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let object = Type::Object(BTreeMap::from([("a".to_owned(), Type::Bool)]));
        let value = Dynamic::Map(BTreeMap::from([("a".to_owned(), Dynamic::from("text"))]));
        assert_eq!(encode(&value, &object).unwrap_err().path(), &Path::root().attr("a"));
    }
}
