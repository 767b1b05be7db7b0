//! Converting a value to a type, as Terraform does where an argument meets a parameter.
//!
//! Needed for parameters declared `dynamic`: what arrives has the type the user happened to write, an object for a map,
//! a tuple for a list, a number for a string.

use std::collections::BTreeMap;

use super::{DecodeError, Dynamic, Number, Type};
use crate::path::Path;

/// `value` as a `wanted`. Attributes that an object lacks are null; ones it should not have are an error.
pub(crate) fn convert(value: Dynamic, wanted: &Type, path: &Path) -> Result<Dynamic, DecodeError> {
    let mismatch = || DecodeError::Mismatch { path: path.clone(), expected: wanted.noun() };
    match (value, wanted) {
        (value, Type::Dynamic)
        | (value @ Dynamic::String(_), Type::String)
        | (value @ Dynamic::Number(_), Type::Number)
        | (value @ Dynamic::Bool(_), Type::Bool) => Ok(value),
        (Dynamic::Typed(typed), _) => convert(typed.1, wanted, path),
        (Dynamic::Null, _) => Ok(Dynamic::Null),
        (Dynamic::Unknown, _) => Ok(Dynamic::Unknown),
        (Dynamic::Number(number), Type::String) => Ok(Dynamic::String(number.to_string())),
        (Dynamic::Bool(flag), Type::String) => Ok(Dynamic::String(flag.to_string())),
        (Dynamic::String(text), Type::Number) => text.parse::<Number>().map(Dynamic::Number).map_err(|_| mismatch()),
        (Dynamic::String(text), Type::Bool) => match text.as_str() {
            "true" => Ok(Dynamic::Bool(true)),
            "false" => Ok(Dynamic::Bool(false)),
            _ => Err(mismatch()),
        },
        (Dynamic::List(elements) | Dynamic::Set(elements), Type::List(element)) => {
            each(elements, |_| element, path).map(Dynamic::List)
        }
        (Dynamic::List(elements) | Dynamic::Set(elements), Type::Set(element)) => {
            each(elements, |_| element, path).map(Dynamic::set)
        }
        (Dynamic::List(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            each(elements, |index| &types[index], path).map(Dynamic::List)
        }
        (Dynamic::Map(fields), Type::Map(element)) => {
            let converted = fields.into_iter().map(|(key, value)| {
                let value = convert(value, element, &path.clone().key(key.as_str()))?;
                Ok((key, value))
            });
            converted.collect::<Result<_, _>>().map(Dynamic::Map)
        }
        (Dynamic::Map(fields), Type::Object(attributes)) => object(fields, attributes, path),
        _ => Err(mismatch()),
    }
}

fn each<'a>(
    elements: Vec<Dynamic>,
    type_of: impl Fn(usize) -> &'a Type,
    path: &Path,
) -> Result<Vec<Dynamic>, DecodeError> {
    let indexed = elements.into_iter().enumerate();
    indexed.map(|(index, element)| convert(element, type_of(index), &path.clone().index(index))).collect()
}

fn object(
    mut fields: BTreeMap<String, Dynamic>,
    attributes: &BTreeMap<String, Type>,
    path: &Path,
) -> Result<Dynamic, DecodeError> {
    let mut converted = BTreeMap::new();
    for (name, wanted) in attributes {
        let value = fields.remove(name).unwrap_or_default();
        converted.insert(name.clone(), convert(value, wanted, &path.clone().attr(name))?);
    }
    match fields.into_keys().next() {
        Some(extra) => Err(DecodeError::Unexpected(path.clone().attr(extra))),
        None => Ok(Dynamic::Map(converted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_object_becomes_the_wanted_one() {
        let wanted = Type::Object(BTreeMap::from([
            ("count".to_owned(), Type::Number),
            ("names".to_owned(), Type::Set(Box::new(Type::String))),
            ("note".to_owned(), Type::String),
        ]));
        let written = Dynamic::Map(BTreeMap::from([
            ("count".to_owned(), Dynamic::from("3")),
            ("names".to_owned(), Dynamic::List(vec![Dynamic::from("b"), Dynamic::from(1)])),
        ]));
        let expected = Dynamic::Map(BTreeMap::from([
            ("count".to_owned(), Dynamic::from(3)),
            ("names".to_owned(), Dynamic::set(vec![Dynamic::from("1"), Dynamic::from("b")])),
            ("note".to_owned(), Dynamic::Null),
        ]));
        assert_eq!(convert(written, &wanted, &Path::root()), Ok(expected));
    }

    #[test]
    fn an_attribute_that_does_not_exist_is_named() {
        let written = Dynamic::Map(BTreeMap::from([("typo".to_owned(), Dynamic::Null)]));
        let error = convert(written, &Type::Object(BTreeMap::new()), &Path::root()).unwrap_err();
        assert_eq!(error, DecodeError::Unexpected(Path::root().attr("typo")));
    }
}
