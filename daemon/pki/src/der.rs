//! Writing DER (X.690), as far as revocation lists and OCSP answers need it: they have a million entries, or shapes
//! that no library of ours writes. Certificates are written by rcgen.

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;

/// `[number]`, with something within.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// `[number]`, with plain bytes.
pub(crate) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// Appends a value.
pub(crate) fn put(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    put_length(out, content.len());
    out.extend_from_slice(content);
}

/// One value.
pub(crate) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    put(&mut out, tag, content);
    out
}

/// One value made of several.
pub(crate) fn constructed(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    put_length(&mut out, length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
    {
        return out.push(short);
    }
    let bytes = length.to_be_bytes();
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    out.push(0x80 | u8::try_from(significant.len()).expect("a length has at most eight bytes"));
    out.extend_from_slice(significant);
}

/// Appends a number that is not negative, from its big-endian bytes.
pub(crate) fn put_unsigned(out: &mut Vec<u8>, bytes: &[u8]) {
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    out.push(INTEGER);
    match significant.first() {
        None => out.extend_from_slice(&[1, 0]),
        Some(first) if *first >= 0x80 => {
            put_length(out, significant.len() + 1);
            out.push(0);
            out.extend_from_slice(significant);
        }
        Some(_) => {
            put_length(out, significant.len());
            out.extend_from_slice(significant);
        }
    }
}

/// A number that is not negative.
pub(crate) fn unsigned(number: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(11);
    put_unsigned(&mut out, &number.to_be_bytes());
    out
}

/// Appends a time as certificates and lists write it: two digits for the year until 2049 (RFC 5280, section 4.1.2.5).
pub(crate) fn put_time(out: &mut Vec<u8>, at: Timestamp) {
    let civil = TimeZone::UTC.to_datetime(at);
    let clock =
        format!("{:02}{:02}{:02}{:02}{:02}Z", civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second());
    if (1950..2050).contains(&civil.year()) {
        put(out, UTC_TIME, format!("{:02}{clock}", civil.year().rem_euclid(100)).as_bytes());
    } else {
        put(out, GENERALIZED_TIME, format!("{:04}{clock}", civil.year()).as_bytes());
    }
}

/// An extension (RFC 5280, section 4.1): its identifier in DER content bytes, and its value in DER.
pub(crate) fn extension(identifier: &[u8], critical: bool, content: &[u8]) -> Vec<u8> {
    let identifier = value(OBJECT_IDENTIFIER, identifier);
    let content = value(OCTET_STRING, content);
    let critical = if critical { value(BOOLEAN, &[0xff]) } else { Vec::new() };
    constructed(SEQUENCE, &[&identifier, &critical, &content])
}

/// Reads values one after the other. Whatever is not DER of the expected kind is nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The content of the next value, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<Self> {
        let (head, length) = self.next(tag)?;
        let content = self.0.get(head..head + length)?;
        self.0 = &self.0[head + length..];
        Some(Self(content))
    }

    /// Passes over the next value if it has this tag.
    pub(crate) fn skip(&mut self, tag: u8) {
        if self.0.first() == Some(&tag) {
            let _ = self.take(tag);
        }
    }

    /// How long the head of the next value is, and its content.
    fn next(&self, tag: u8) -> Option<(usize, usize)> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        if found != tag {
            return None;
        }
        if first < 0x80 {
            return Some((2, usize::from(first)));
        }
        let digits = usize::from(first & 0x7f);
        let bytes = rest.get(..digits).filter(|bytes| (1..=3).contains(&bytes.len()))?;
        let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        // The shortest form is the only one.
        (length >= 0x80 && bytes[0] != 0).then_some((2 + digits, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_numbers_are_as_short_as_they_can_be() {
        assert_eq!(value(OCTET_STRING, &[7; 3])[..2], [4, 3]);
        assert_eq!(value(OCTET_STRING, &[7; 127])[..2], [4, 127]);
        assert_eq!(value(OCTET_STRING, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(value(OCTET_STRING, &vec![7; 65_536])[..5], [4, 0x83, 1, 0, 0]);
        assert_eq!(unsigned(0), [2, 1, 0]);
        assert_eq!(unsigned(127), [2, 1, 127]);
        assert_eq!(unsigned(128), [2, 2, 0, 128]);
        assert_eq!(unsigned(256), [2, 2, 1, 0]);
    }

    #[test]
    fn a_year_has_two_digits_until_2049() {
        let written = |text: &str| {
            let mut out = Vec::new();
            put_time(&mut out, text.parse().unwrap());
            (out[0], String::from_utf8(out[2..].to_vec()).unwrap())
        };
        assert_eq!(written("2026-03-01T12:00:05Z"), (UTC_TIME, "260301120005Z".to_owned()));
        assert_eq!(written("2049-12-31T23:59:59Z"), (UTC_TIME, "491231235959Z".to_owned()));
        assert_eq!(written("2050-01-01T00:00:00Z"), (GENERALIZED_TIME, "20500101000000Z".to_owned()));
    }
}
