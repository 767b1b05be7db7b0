//! Serial numbers: 127 random bits, so that nobody can guess the next one and two never meet
//! (RFC 5280, section 4.1.2.2 wants at most 20 octets and a positive number; the CA/Browser Forum at least 64
//! random bits).

use std::fmt;

use aws_lc_rs::rand::SecureRandom;

/// The serial number of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 16]);

impl Serial {
    /// Draws a number. The sign bit is cleared, and the number is never zero.
    pub fn random(rng: &dyn SecureRandom) -> Self {
        let mut bytes = [0_u8; 16];
        rng.fill(&mut bytes).expect("the operating system's random source answers");
        bytes[0] &= 0x7f;
        bytes[15] |= u8::from(bytes == [0; 16]);
        Self(bytes)
    }

    /// Big-endian bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Which of so many lists names it when it is revoked: the same one for ever.
    pub fn shard(&self, shards: u32) -> u32 {
        let [.., a, b, c, d] = self.0;
        u32::from_be_bytes([a, b, c, d]) % shards.max(1)
    }

    /// Reads hexadecimal digits as `Display` writes them, and as other tools do: in upper case, without leading zeros,
    /// after `0x`, with colons between bytes. A number is random, so one of less than 16 digits is a part of another.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(':') && text.split(':').any(|byte| byte.len() != 2) {
            return None;
        }
        let digits = text.strip_prefix("0x").unwrap_or(text).replace(':', "");
        if !(16..=32).contains(&digits.len()) {
            return None;
        }
        let mut bytes = [0_u8; 16];
        hex::decode_to_slice(format!("{digits:0>32}"), &mut bytes).ok()?;
        (bytes[0] < 0x80).then_some(Self(bytes))
    }

    /// From the bytes in a certificate, which have no leading zeros.
    pub(crate) fn from_der_bytes(raw: &[u8]) -> Option<Self> {
        let significant = &raw[raw.iter().take_while(|b| **b == 0).count()..];
        let mut bytes = [0_u8; 16];
        bytes.get_mut(16_usize.checked_sub(significant.len())?..)?.copy_from_slice(significant);
        Some(Self(bytes))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_positive_and_read_back() {
        let rng = aws_lc_rs::rand::SystemRandom::new();
        for _ in 0..1_000 {
            let serial = Serial::random(&rng);
            assert!(serial.0[0] < 0x80);
            assert_eq!(Serial::parse(&serial.to_string()), Some(serial));
            assert_eq!(Serial::from_der_bytes(serial.as_bytes()), Some(serial));
        }
    }

    #[test]
    fn a_serial_is_read_in_the_spelling_of_any_tool() {
        let expected = Serial::parse("000a1b2c3d4e5f60718293a4b5c6d7e8");
        assert!(expected.is_some());
        for spelling in [
            "000A1B2C3D4E5F60718293A4B5C6D7E8",
            "0A1B2C3D4E5F60718293A4B5C6D7E8",
            "a1b2c3d4e5f60718293a4b5c6d7e8",
            "0x0a1b2c3d4e5f60718293a4b5c6d7e8",
            "0a:1b:2c:3d:4e:5f:60:71:82:93:a4:b5:c6:d7:e8",
            "00:0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8",
        ] {
            assert_eq!(Serial::parse(spelling), expected, "{spelling}");
        }
        let long = "0".repeat(33);
        let odd = "0a:1b:2c:3d:4e:5f:60:71:82:9:3a4";
        let high = "80000000000000000000000000000000";
        for other in ["", ":", "0x", "nonsense", "-1", "\0", "é", "1", "a1b2c3d4e5f6071", odd, high, &long] {
            assert_eq!(Serial::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn leading_zeros_do_not_matter_in_der() {
        assert_eq!(Serial::from_der_bytes(&[1]).unwrap().to_string(), format!("{:032x}", 1));
        assert_eq!(Serial::from_der_bytes(&[0, 0xff]).unwrap().to_string(), format!("{:032x}", 0xff));
        assert_eq!(Serial::from_der_bytes(&[1; 17]), None);
    }
}
