//! From msgpack to values, driven by a type.
//!
//! Every length is checked against what is left before anything is allocated, depth and the number of values are
//! bounded: hostile input is an error. Any extension value is an unknown; what it says about the unknown is ignored.

use std::collections::BTreeMap;

use rmp::Marker;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::{Path, Step};
use crate::value::{DEPTH_MAX, DecodeError, Dynamic, Number, Type, normalized};

/// More values than this in one message are refused.
const VALUES_MAX: usize = 4_000_000;

/// Why bytes are not a value of the type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// The bytes end early, go on too long, or are not msgpack.
    #[error("malformed value")]
    Malformed,
    /// A text is not UTF-8.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// Too deep, or too many values.
    #[error("value is too large to handle")]
    TooLarge,
    /// A value of another type.
    #[error(transparent)]
    Misfit(#[from] DecodeError),
}

impl From<WireError> for Diagnostics {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Misfit(misfit) => misfit.into(),
            other => Diagnostic::error("Terraform sent a value that cannot be read")
                .detail(format!("{other}. This is a defect of the provider or of Terraform."))
                .into(),
        }
    }
}

impl WireError {
    /// The same error seen from one step further out.
    fn within(self, outer: impl FnOnce() -> Step) -> Self {
        match self {
            Self::Misfit(misfit) => Self::Misfit(misfit.within(outer())),
            other => other,
        }
    }
}

/// How many more values may come.
pub(crate) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(VALUES_MAX)
    }
}

/// Decodes one value that fills the bytes.
pub(crate) fn decode(bytes: &[u8], wanted: &Type, budget: &mut Budget) -> Result<Dynamic, WireError> {
    let mut reader = Reader { rest: bytes, budget, described: false };
    let value = reader.value(wanted, 0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(WireError::Malformed) }
}

struct Reader<'a, 'b> {
    rest: &'a [u8],
    budget: &'b mut Budget,
    /// Within a value that came with its type. There an object has every attribute: filling in what a short message
    /// leaves out, by a type that the message itself declares, would make it a large one.
    described: bool,
}

impl<'a> Reader<'a, '_> {
    fn value(&mut self, wanted: &Type, depth: usize) -> Result<Dynamic, WireError> {
        self.budget.0 = self.budget.0.checked_sub(1).ok_or(WireError::TooLarge)?;
        if depth > DEPTH_MAX {
            return Err(WireError::TooLarge);
        }
        let marker = self.marker()?;
        if marker == Marker::Null {
            return Ok(Dynamic::Null);
        }
        if let Some(length) = self.extension(marker)? {
            // One byte says which extension it is, the rest what is known about the unknown.
            self.take(length + 1)?;
            return Ok(Dynamic::Unknown);
        }
        let misfit = || DecodeError::Mismatch { path: Path::root(), expected: wanted.noun() };
        match wanted {
            Type::Bool => match marker {
                Marker::True => Ok(Dynamic::Bool(true)),
                Marker::False => Ok(Dynamic::Bool(false)),
                _ => Err(misfit().into()),
            },
            Type::String => match self.text(marker)? {
                Some(text) => Ok(Dynamic::String(text)),
                None => Err(misfit().into()),
            },
            Type::Number => match self.number(marker)? {
                Some(number) => Ok(Dynamic::Number(number)),
                None => Err(misfit().into()),
            },
            Type::List(element) => {
                let length = self.array(marker)?.ok_or_else(misfit)?;
                self.elements(length, |_| element, depth).map(Dynamic::List)
            }
            Type::Set(element) => {
                let length = self.array(marker)?.ok_or_else(misfit)?;
                self.elements(length, |_| element, depth).map(Dynamic::set)
            }
            Type::Tuple(types) => {
                let length = self.array(marker)?.filter(|length| *length == types.len()).ok_or_else(misfit)?;
                self.elements(length, |index| &types[index], depth).map(Dynamic::List)
            }
            Type::Map(element) => {
                let length = self.map(marker)?.ok_or_else(misfit)?;
                self.values_by_key(length, element, depth).map(Dynamic::Map)
            }
            Type::Object(attributes) => {
                let length = self.map(marker)?.ok_or_else(misfit)?;
                let fields = self.attributes(length, attributes, depth)?;
                Ok(Dynamic::Map(fields.ok_or_else(misfit)?))
            }
            Type::Dynamic => {
                if self.array(marker)? != Some(2) {
                    return Err(misfit().into());
                }
                self.described(depth)
            }
        }
    }

    fn values_by_key(
        &mut self,
        length: usize,
        element: &Type,
        depth: usize,
    ) -> Result<BTreeMap<String, Dynamic>, WireError> {
        let mut fields = BTreeMap::new();
        for _ in 0..length {
            let key = self.key()?;
            let value = self.value(element, depth + 1).map_err(|error| error.within(|| Step::Key(key.clone())))?;
            fields.insert(key, value);
        }
        Ok(fields)
    }

    /// The attributes of an object; none if one is missing that must be there.
    fn attributes(
        &mut self,
        length: usize,
        attributes: &BTreeMap<String, Type>,
        depth: usize,
    ) -> Result<Option<BTreeMap<String, Dynamic>>, WireError> {
        let mut fields = BTreeMap::new();
        for _ in 0..length {
            let name = self.key()?;
            let Some(wanted) = attributes.get(&name) else {
                return Err(DecodeError::Unexpected(Path::root().attr(name)).into());
            };
            let value = self.value(wanted, depth + 1);
            let value = value.map_err(|error| error.within(|| Step::Attribute(name.clone())))?;
            fields.insert(name, value);
        }
        if fields.len() < attributes.len() {
            if self.described {
                return Ok(None);
            }
            // Every attribute of the schema is there afterwards, whatever the sender left out.
            for name in attributes.keys().filter(|name| !fields.contains_key(*name)).collect::<Vec<_>>() {
                fields.insert(name.clone(), Dynamic::Null);
            }
        }
        Ok(Some(fields))
    }

    /// A type, and the value that has it.
    fn described(&mut self, depth: usize) -> Result<Dynamic, WireError> {
        let marker = self.marker()?;
        let described = self.bytes(marker)?.ok_or(WireError::Malformed)?;
        let described = Type::from_json(described).map_err(|_| WireError::Malformed)?;
        let outer = std::mem::replace(&mut self.described, true);
        let value = self.value(&described, depth + 1)?;
        self.described = outer;
        Ok(Dynamic::Typed(Box::new((described, value))))
    }

    fn elements<'t>(
        &mut self,
        length: usize,
        type_of: impl Fn(usize) -> &'t Type,
        depth: usize,
    ) -> Result<Vec<Dynamic>, WireError> {
        // `array` has checked that so many bytes are left, and the budget bounds what a byte can become.
        let mut elements = Vec::with_capacity(length.min(self.budget.0));
        for index in 0..length {
            let element = self.value(type_of(index), depth + 1);
            elements.push(element.map_err(|error| error.within(|| Step::Index(index)))?);
        }
        Ok(elements)
    }

    fn key(&mut self) -> Result<String, WireError> {
        let marker = self.marker()?;
        self.text(marker)?.ok_or(WireError::Malformed)
    }

    fn text(&mut self, marker: Marker) -> Result<Option<String>, WireError> {
        match self.bytes(marker)? {
            Some(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|_| WireError::NotUtf8)?;
                Ok(Some(normalized(text.to_owned())))
            }
            None => Ok(None),
        }
    }

    /// The content of a string or binary value.
    fn bytes(&mut self, marker: Marker) -> Result<Option<&'a [u8]>, WireError> {
        let length = match marker {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 | Marker::Bin8 => self.length::<1>()?,
            Marker::Str16 | Marker::Bin16 => self.length::<2>()?,
            Marker::Str32 | Marker::Bin32 => self.length::<4>()?,
            _ => return Ok(None),
        };
        self.take(length).map(Some)
    }

    fn number(&mut self, marker: Marker) -> Result<Option<Number>, WireError> {
        let whole = match marker {
            Marker::FixPos(value) => i64::from(value),
            Marker::FixNeg(value) => i64::from(value),
            Marker::U8 => i64::from(u8::from_be_bytes(self.array_of()?)),
            Marker::U16 => i64::from(u16::from_be_bytes(self.array_of()?)),
            Marker::U32 => i64::from(u32::from_be_bytes(self.array_of()?)),
            Marker::U64 => return Ok(Some(Number::from(u64::from_be_bytes(self.array_of()?)))),
            Marker::I8 => i64::from(i8::from_be_bytes(self.array_of()?)),
            Marker::I16 => i64::from(i16::from_be_bytes(self.array_of()?)),
            Marker::I32 => i64::from(i32::from_be_bytes(self.array_of()?)),
            Marker::I64 => i64::from_be_bytes(self.array_of()?),
            Marker::F32 => return float(f64::from(f32::from_be_bytes(self.array_of()?))),
            Marker::F64 => return float(f64::from_be_bytes(self.array_of()?)),
            _ => {
                return match self.text(marker)? {
                    Some(text) => text.parse().map(Some).map_err(|_| WireError::Malformed),
                    None => Ok(None),
                };
            }
        };
        Ok(Some(Number::from(whole)))
    }

    /// The length of an array; each element takes a byte at least.
    fn array(&mut self, marker: Marker) -> Result<Option<usize>, WireError> {
        let length = match marker {
            Marker::FixArray(length) => usize::from(length),
            Marker::Array16 => self.length::<2>()?,
            Marker::Array32 => self.length::<4>()?,
            _ => return Ok(None),
        };
        if length <= self.rest.len() { Ok(Some(length)) } else { Err(WireError::Malformed) }
    }

    fn map(&mut self, marker: Marker) -> Result<Option<usize>, WireError> {
        let length = match marker {
            Marker::FixMap(length) => usize::from(length),
            Marker::Map16 => self.length::<2>()?,
            Marker::Map32 => self.length::<4>()?,
            _ => return Ok(None),
        };
        if length <= self.rest.len() { Ok(Some(length)) } else { Err(WireError::Malformed) }
    }

    fn extension(&mut self, marker: Marker) -> Result<Option<usize>, WireError> {
        Ok(Some(match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => self.length::<1>()?,
            Marker::Ext16 => self.length::<2>()?,
            Marker::Ext32 => self.length::<4>()?,
            _ => return Ok(None),
        }))
    }

    fn marker(&mut self) -> Result<Marker, WireError> {
        self.array_of::<1>().map(|[byte]| Marker::from_u8(byte))
    }

    /// A big-endian length of `N` bytes.
    fn length<const N: usize>(&mut self) -> Result<usize, WireError> {
        Ok(self.array_of::<N>()?.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)))
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn float(float: f64) -> Result<Option<Number>, WireError> {
    Number::from_f64(float).map(Some).map_err(|_| WireError::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8], wanted: &Type) -> Result<Dynamic, WireError> {
        decode(bytes, wanted, &mut Budget::default())
    }

    #[test]
    fn any_extension_is_an_unknown() {
        let payloads: [&[u8]; 5] = [
            &[0xd4, 0, 0],
            &[0xd5, 12, 0, 0],
            &[0xd8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0xc7, 3, 12, 0x81, 0x01, 0xc2],
            &[0xc8, 0, 1, 99, 0],
        ];
        for bytes in payloads {
            for wanted in [Type::String, Type::Dynamic, Type::Set(Box::new(Type::Bool))] {
                assert_eq!(read(bytes, &wanted), Ok(Dynamic::Unknown), "{bytes:?}");
            }
        }
    }

    #[test]
    fn numbers_come_in_every_format() {
        let table: [(&[u8], &str); 8] = [
            (&[0x07], "7"),
            (&[0xff], "-1"),
            (&[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "18446744073709551615"),
            (&[0xd1, 0xff, 0x00], "-256"),
            (&[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], "0.5"),
            (&[0xca, 0x3f, 0, 0, 0], "0.5"),
            (&[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], "Inf"),
            (&[0xa3, b'0', b'.', b'1'], "0.1"),
        ];
        for (bytes, text) in table {
            assert_eq!(read(bytes, &Type::Number), Ok(Dynamic::Number(text.parse().unwrap())), "{text}");
        }
    }

    #[test]
    fn text_is_normalised() {
        let decomposed = "e\u{301}";
        let mut bytes = vec![0xa3];
        bytes.extend_from_slice(decomposed.as_bytes());
        assert_eq!(read(&bytes, &Type::String), Ok(Dynamic::from("\u{e9}")));
        assert_eq!(read(&[0xa1, 0xff], &Type::String), Err(WireError::NotUtf8));
    }

    #[test]
    fn a_lying_length_allocates_nothing() {
        let lists = Type::List(Box::new(Type::Bool));
        assert_eq!(read(&[0xdd, 0xff, 0xff, 0xff, 0xff], &lists), Err(WireError::Malformed));
        assert_eq!(read(&[0xdb, 0xff, 0xff, 0xff, 0xff, 0x61], &Type::String), Err(WireError::Malformed));
    }

    #[test]
    fn a_misfit_is_named_by_its_path() {
        let of = Type::Object([("m".to_owned(), Type::Map(Box::new(Type::List(Box::new(Type::Bool)))))].into());
        let bytes = [&[0x81, 0xa1, b'm', 0x81, 0xa1, b'k', 0x92, 0xc3][..], &[0x07]].concat();
        let Err(WireError::Misfit(misfit)) = read(&bytes, &of) else { panic!("a number is no bool") };
        assert_eq!(misfit.path().to_string(), r#"m["k"][1]"#);
    }

    #[test]
    fn an_object_that_brings_its_type_has_every_attribute() {
        let described = br#"["object",{"a":"bool"}]"#;
        let head = [&[0x92, 0xc4, u8::try_from(described.len()).unwrap()], described.as_slice()].concat();
        assert!(read(&[head.as_slice(), &[0x81, 0xa1, b'a', 0xc3]].concat(), &Type::Dynamic).is_ok());
        assert!(matches!(read(&[head.as_slice(), &[0x80]].concat(), &Type::Dynamic), Err(WireError::Misfit(_))));
    }

    #[test]
    fn values_nested_too_deep_are_refused() {
        let mut bytes = Vec::new();
        for _ in 0..200 {
            bytes.extend_from_slice(&[0x92, 0xc4, 9]);
            bytes.extend_from_slice(br#""dynamic""#);
        }
        bytes.push(0xc0);
        assert_eq!(read(&bytes, &Type::Dynamic), Err(WireError::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let object = Type::Object(BTreeMap::from([("a".to_owned(), Type::Dynamic)]));
            let nested = Type::Map(Box::new(Type::Set(Box::new(Type::Number))));
            for wanted in [Type::Number, Type::Dynamic, nested, object] {
                let _ = read(&bytes, &wanted);
            }
        }
    }
}
