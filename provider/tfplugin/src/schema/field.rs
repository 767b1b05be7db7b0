//! What a Rust type is to Terraform: its schema, and its way from and to a [`Dynamic`].
//!
//! A plain type (`String`, `Vec<String>`) cannot hold null or unknown; a [`Value`] can. When an unknown sits deep
//! inside plain types, the nearest enclosing [`Value`] reads as unknown: code that looks at it is right to wait. A null
//! where a plain type stands is an error at its path, since nobody will ever fill it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Model, Nesting};
use crate::path::Path;
use crate::value::{DecodeError, Dynamic, Number, Set, Type, Value};

/// A Rust type that can stand for a Terraform value.
pub trait Field: Sized + Clone + Send + Sync + 'static {
    /// Whether null fits, which makes a function parameter accept null.
    const NULLABLE: bool = false;
    /// Whether unknown fits, which makes a function parameter accept unknown.
    const UNKNOWABLE: bool = false;
    /// Whether two values say the same, for types with several spellings of one value. Planning then keeps the spelling
    /// that was there before.
    const EQUIVALENT: Option<fn(&Dynamic, &Dynamic) -> bool> = None;
    /// The values that there are, for types with few; the documentation names them.
    const CHOICES: &'static [&'static str] = &[];

    /// How it appears in a schema.
    fn kind() -> Kind;

    /// Reads a value. `path` is where it stands, for errors.
    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError>;

    /// The value for the wire.
    fn encode(&self) -> Dynamic;
}

impl<T: Field> Field for Value<T> {
    const NULLABLE: bool = true;
    const UNKNOWABLE: bool = true;
    const EQUIVALENT: Option<fn(&Dynamic, &Dynamic) -> bool> = T::EQUIVALENT;
    const CHOICES: &'static [&'static str] = T::CHOICES;

    fn kind() -> Kind {
        T::kind()
    }

    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
        match value {
            Dynamic::Null => Ok(Self::Null),
            Dynamic::Unknown => Ok(Self::Unknown),
            known => match T::decode(known, path) {
                Ok(known) => Ok(Self::Known(known)),
                Err(DecodeError::Unknown(_)) => Ok(Self::Unknown),
                Err(error) => Err(error),
            },
        }
    }

    fn encode(&self) -> Dynamic {
        match self {
            Self::Null => Dynamic::Null,
            Self::Unknown => Dynamic::Unknown,
            Self::Known(value) => value.encode(),
        }
    }
}

impl<T: Field> Field for Option<T> {
    const NULLABLE: bool = true;
    const UNKNOWABLE: bool = T::UNKNOWABLE;
    const EQUIVALENT: Option<fn(&Dynamic, &Dynamic) -> bool> = T::EQUIVALENT;
    const CHOICES: &'static [&'static str] = T::CHOICES;

    fn kind() -> Kind {
        T::kind()
    }

    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
        match value {
            Dynamic::Null => Ok(None),
            other => T::decode(other, path).map(Some),
        }
    }

    fn encode(&self) -> Dynamic {
        self.as_ref().map_or(Dynamic::Null, Field::encode)
    }
}

/// A primitive: its type, how it is taken out of a known [`Dynamic`], how it is put in.
macro_rules! primitive {
    ($rust:ty, $type:expr, $expected:literal, $take:pat => $taken:expr, $self:ident => $put:expr) => {
        impl Field for $rust {
            fn kind() -> Kind {
                Kind::Type($type)
            }

            fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
                let taken = match value {
                    $take => $taken,
                    other => return Err(misfit(&other, path, $expected)),
                };
                taken.ok_or_else(|| DecodeError::Mismatch { path: path.clone(), expected: $expected })
            }

            fn encode(&$self) -> Dynamic {
                $put
            }
        }
    };
}

primitive!(String, Type::String, "a string", Dynamic::String(text) => Some(text),
    self => Dynamic::String(self.clone()));
primitive!(bool, Type::Bool, "a bool", Dynamic::Bool(flag) => Some(flag), self => Dynamic::Bool(*self));
primitive!(Number, Type::Number, "a number", Dynamic::Number(number) => Some(number),
    self => Dynamic::Number(self.clone()));
primitive!(i64, Type::Number, "a whole number", Dynamic::Number(number) => number.to_i64(),
    self => Dynamic::from(*self));
// A NaN has no number; it is unknown, which no apply may return, so it cannot pass unseen.
primitive!(f64, Type::Number, "a number", Dynamic::Number(number) => Some(number.to_f64()),
    self => Number::from_f64(*self).map_or(Dynamic::Unknown, Dynamic::Number));

impl Field for Dynamic {
    const NULLABLE: bool = true;
    const UNKNOWABLE: bool = true;

    fn kind() -> Kind {
        Kind::Type(Type::Dynamic)
    }

    fn decode(value: Dynamic, _path: &Path) -> Result<Self, DecodeError> {
        Ok(value)
    }

    fn encode(&self) -> Dynamic {
        self.clone()
    }
}

impl<M: Model> Field for M {
    fn kind() -> Kind {
        Kind::Nested(Nesting::Single, M::attributes())
    }

    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
        match value {
            Dynamic::Map(fields) => M::from_object(fields, path),
            other => Err(misfit(&other, path, "an object")),
        }
    }

    fn encode(&self) -> Dynamic {
        Dynamic::Map(self.to_object())
    }
}

impl<T: Field> Field for Vec<T> {
    fn kind() -> Kind {
        T::kind().collect(Nesting::List)
    }

    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
        match value {
            Dynamic::List(elements) => decode_each(elements, |index| path.clone().index(index)),
            other => Err(misfit(&other, path, "a list")),
        }
    }

    fn encode(&self) -> Dynamic {
        Dynamic::List(self.iter().map(Field::encode).collect())
    }
}

impl<T: Field> Field for Set<T> {
    fn kind() -> Kind {
        T::kind().collect(Nesting::Set)
    }

    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
        match value {
            // Elements of a set have no address of their own.
            Dynamic::Set(elements) => {
                decode_each(elements, |_| path.clone()).map(|elements| elements.into_iter().collect())
            }
            other => Err(misfit(&other, path, "a set")),
        }
    }

    fn encode(&self) -> Dynamic {
        Dynamic::set(self.iter().map(Field::encode).collect())
    }
}

impl<T: Field + Ord> Field for BTreeSet<T> {
    fn kind() -> Kind {
        T::kind().collect(Nesting::Set)
    }

    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
        Set::decode(value, path).map(|set| set.into_iter().collect())
    }

    fn encode(&self) -> Dynamic {
        Dynamic::set(self.iter().map(Field::encode).collect())
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn kind() -> Kind {
        T::kind().collect(Nesting::Map)
    }

    fn decode(value: Dynamic, path: &Path) -> Result<Self, DecodeError> {
        match value {
            Dynamic::Map(fields) => fields
                .into_iter()
                .map(|(key, value)| {
                    let path = path.clone().key(key.as_str());
                    Ok((key, T::decode(value, &path)?))
                })
                .collect(),
            other => Err(misfit(&other, path, "a map")),
        }
    }

    fn encode(&self) -> Dynamic {
        Dynamic::Map(self.iter().map(|(key, value)| (key.clone(), value.encode())).collect())
    }
}

/// Decodes all elements. A real error wins over an unknown, so that validation reports it.
fn decode_each<T: Field>(elements: Vec<Dynamic>, path_of: impl Fn(usize) -> Path) -> Result<Vec<T>, DecodeError> {
    let mut decoded = Vec::with_capacity(elements.len());
    let mut unknown = None;
    for (index, element) in elements.into_iter().enumerate() {
        match T::decode(element, &path_of(index)) {
            Ok(element) => decoded.push(element),
            Err(DecodeError::Unknown(path)) => unknown = Some(path),
            Err(error) => return Err(error),
        }
    }
    unknown.map_or(Ok(decoded), |path| Err(DecodeError::Unknown(path)))
}

fn misfit(value: &Dynamic, path: &Path, expected: &'static str) -> DecodeError {
    match value {
        Dynamic::Null => DecodeError::Null(path.clone()),
        Dynamic::Unknown => DecodeError::Unknown(path.clone()),
        _ => DecodeError::Mismatch { path: path.clone(), expected },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_element_makes_the_enclosing_value_unknown() {
        let list = Dynamic::List(vec![Dynamic::from("a"), Dynamic::Unknown]);
        let plain = Value::<Vec<String>>::decode(list.clone(), &Path::root()).unwrap();
        assert!(plain.is_unknown());
        let valued = Value::<Vec<Value<String>>>::decode(list, &Path::root()).unwrap();
        assert_eq!(valued, Value::Known(vec!["a".into(), Value::Unknown]));
    }

    #[test]
    fn a_null_element_is_an_error_at_its_path() {
        let map = Dynamic::Map([("k".to_owned(), Dynamic::Null)].into());
        let error = Value::<BTreeMap<String, String>>::decode(map, &Path::root().attr("tags")).unwrap_err();
        assert_eq!(error, DecodeError::Null(Path::root().attr("tags").key("k")));
    }

    #[test]
    fn a_fraction_is_no_whole_number() {
        let half = Dynamic::Number("0.5".parse().unwrap());
        assert!(matches!(i64::decode(half, &Path::root()), Err(DecodeError::Mismatch { .. })));
    }
}
