//! Making valid bytes invalid, with an eye for what they are: msgpack, JSON, or anything.

use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::Index;
use rmp::Marker;

/// One change.
#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    kind: Kind,
    at: Index,
    with: Index,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// One bit.
    Flip,
    /// The end is missing.
    Truncate,
    /// A value gives way to another from anywhere.
    Splice,
    /// A value stands there twice.
    Duplicate,
    /// A value is missing.
    Remove,
    /// A value gives way to one that is dangerous.
    Poison,
    /// A value lies deep.
    Nest,
    /// All of it is another.
    Replace,
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let kind = prop_oneof![
        Just(Kind::Flip),
        Just(Kind::Truncate),
        Just(Kind::Splice),
        Just(Kind::Duplicate),
        Just(Kind::Remove),
        Just(Kind::Poison),
        Just(Kind::Nest),
        Just(Kind::Replace),
    ];
    (kind, any::<Index>(), any::<Index>()).prop_map(|(kind, at, with)| Mutation { kind, at, with })
}

/// The bytes after all mutations; `others` are what is spliced in.
pub(crate) fn mutated(bytes: &[u8], mutations: &[Mutation], others: &[Vec<u8>]) -> Vec<u8> {
    mutations.iter().fold(bytes.to_vec(), |bytes, mutation| mutation.apply(bytes, others))
}

impl Mutation {
    fn apply(&self, mut bytes: Vec<u8>, others: &[Vec<u8>]) -> Vec<u8> {
        if bytes.is_empty() {
            return self.with.get(others).clone();
        }
        let place = self.place(&bytes);
        let is_text = matches!(bytes[0], b'{' | b'[' | b'"');
        match self.kind {
            Kind::Flip => {
                let at = self.at.index(bytes.len());
                bytes[at] ^= 1 << self.with.index(8);
            }
            Kind::Truncate => bytes.truncate(self.at.index(bytes.len())),
            Kind::Splice => {
                let other = self.with.get(others);
                let taken = if other.is_empty() { 0..0 } else { self.place(other) };
                bytes.splice(place, other[taken].iter().copied());
            }
            Kind::Duplicate => {
                let twice = bytes[place.clone()].to_vec();
                bytes.splice(place.end..place.end, twice);
            }
            Kind::Remove => {
                bytes.drain(place);
            }
            Kind::Poison => {
                let poison = if is_text { self.with.get(&POISONED_TEXT).as_bytes() } else { *self.with.get(&POISON) };
                bytes.splice(place, poison.iter().copied());
            }
            Kind::Nest => {
                let depth = self.with.index(300);
                let before = if is_text { b"[".repeat(depth) } else { vec![0x91; depth] };
                let after = if is_text { b"]".repeat(depth) } else { Vec::new() };
                bytes.splice(place.end..place.end, after);
                bytes.splice(place.start..place.start, before);
            }
            Kind::Replace => self.with.get(others).clone_into(&mut bytes),
        }
        bytes
    }

    /// A value in the bytes.
    fn place(&self, bytes: &[u8]) -> Range<usize> {
        let mut places = Vec::new();
        if matches!(bytes[0], b'{' | b'[' | b'"') {
            let mut start = 0;
            for (at, byte) in bytes.iter().enumerate() {
                if b"{}[],:".contains(byte) {
                    places.push(start..at);
                    start = at + 1;
                }
            }
        } else {
            value_places(bytes, 0, &mut places);
        }
        if places.is_empty() { 0..bytes.len() } else { self.at.get(&places).clone() }
    }
}

/// What readers of msgpack stumble over.
const POISON: [&[u8]; 14] = [
    &[0xdd, 0xff, 0xff, 0xff, 0xff],
    &[0xdf, 0xff, 0xff, 0xff, 0xff],
    &[0xdb, 0xff, 0xff, 0xff, 0xff],
    &[0xc6, 0xff, 0xff, 0xff, 0xff],
    &[0xc9, 0xff, 0xff, 0xff, 0xff, 12],
    &[0xdc, 0x00, 0xff],
    &[0xd4, 0x00, 0x00],
    &[0xc7, 3, 12, 0x81, 0x01, 0xc2],
    &[0xc1],
    &[0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
    b"\xa81e999999",
    b"\xa91e-999999",
    b"\xa3\xff\xfe\xfd",
    b"\x92\xc4\x09\"dynamic\"\xc0",
];

/// What readers of JSON stumble over.
const POISONED_TEXT: [&str; 10] = [
    "1e999999",
    "1e99999999999999999999",
    "-0.0",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "{\"type\":\"dynamic\",\"value\":null}",
    "{\"type\":[\"set\",\"number\"],\"value\":[1e999999,1,2]}",
    "nul",
    "\"a",
    "{\"a\":1,\"a\":2}",
];

/// The places of all values in msgpack, as far as it is some; where the first one ends.
fn value_places(bytes: &[u8], start: usize, places: &mut Vec<Range<usize>>) -> Option<usize> {
    let marker = Marker::from_u8(*bytes.get(start)?);
    let number = |count: usize| -> Option<usize> {
        let digits = bytes.get(start + 1..start + 1 + count)?;
        Some(digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)))
    };
    let (head, content, inner) = match marker {
        Marker::FixStr(length) => (1, usize::from(length), 0),
        Marker::Str8 | Marker::Bin8 => (2, number(1)?, 0),
        Marker::Str16 | Marker::Bin16 => (3, number(2)?, 0),
        Marker::Str32 | Marker::Bin32 => (5, number(4)?, 0),
        Marker::FixArray(length) => (1, 0, usize::from(length)),
        Marker::Array16 => (3, 0, number(2)?),
        Marker::Array32 => (5, 0, number(4)?),
        Marker::FixMap(length) => (1, 0, usize::from(length) * 2),
        Marker::Map16 => (3, 0, number(2)? * 2),
        Marker::Map32 => (5, 0, number(4)? * 2),
        Marker::U8 | Marker::I8 => (2, 0, 0),
        Marker::U16 | Marker::I16 | Marker::FixExt1 => (3, 0, 0),
        Marker::U32 | Marker::I32 | Marker::F32 => (5, 0, 0),
        Marker::U64 | Marker::I64 | Marker::F64 => (9, 0, 0),
        Marker::Ext8 => (3, number(1)?, 0),
        _ => (1, 0, 0),
    };
    let mut end = start + head + content;
    for _ in 0..inner {
        end = value_places(bytes, end, places)?;
    }
    if end > bytes.len() {
        return None;
    }
    places.push(start..end);
    Some(end)
}

/// Values that are small and would become large, each alone.
pub(crate) fn costly() -> Vec<(&'static str, Vec<u8>)> {
    let names: Vec<String> = (0..1000).map(|number| format!("\"a{number}\":\"bool\"")).collect();
    let described = format!("[\"list\",[\"object\",{{{}}}]]", names.join(","));
    let of = |described: &str, value: &[u8]| {
        let length = u16::try_from(described.len()).unwrap().to_be_bytes();
        [&[0x92, 0xc5], length.as_slice(), described.as_bytes(), value].concat()
    };
    let array =
        |count: u16, element: &[u8]| [&[0xdc], count.to_be_bytes().as_slice(), &element.repeat(count.into())].concat();
    let anything = |value: &[u8]| [b"\x81\xa8anything", value].concat();
    let json = format!("{{\"anything\":{{\"type\":{described},\"value\":[{}]}}}}", vec!["{}"; 20_000].join(","));
    let powers: Vec<u8> = (0..200)
        .flat_map(|power| format!("\u{0}1e{:06}", 999_000 + power).into_bytes())
        .map(|byte| if byte == 0 { 0xa8 } else { byte })
        .collect();
    let powers = [&[0xdc, 0, 200], powers.as_slice()].concat();
    vec![
        ("objects that lack everything", anything(&of(&described, &array(20_000, &[0x80])))),
        ("objects that lack everything, as an argument", of(&described, &array(20_000, &[0x80]))),
        ("objects that lack everything, in JSON", json.into_bytes()),
        ("parts that lack everything", [b"\x81\xa9part_list".as_slice(), &array(20_000, &[0x80])].concat()),
        ("sets of huge numbers", anything(&of(r#"["set","number"]"#, &powers))),
        ("maps in maps", anything(&of(r#"["list",["map","bool"]]"#, &array(20_000, b"\x81\xa0\xc0")))),
        ("a long list of nothing", anything(&of(r#"["list","bool"]"#, &array(60_000, &[0xc0])))),
    ]
}
