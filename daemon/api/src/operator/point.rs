//! Which 32 bytes can be an operator's public key: not those of a point of small order, under which anybody can sign,
//! and not a second spelling of a point.
//!
//! Ed25519 has eight points whose order divides 8. Under such a key, signatures are made without a secret, for a
//! message after a few tries at most, and no token leads to one. They have five y coordinates, which are the table
//! below: a library with this check would bring a second implementation of the curve, beside that of aws-lc, to compare
//! bytes.

/// The y coordinates of the points of order 1, 2, 4 and 8 in little-endian hexadecimal, without the sign of x: from
/// Chalkias, Garillot and Nikolaenko, "Taming the many `EdDSAs`" (2020), as in libsodium's `ge25519_has_small_order`.
const SMALL_ORDER: [&str; 5] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

/// Whether these bytes can be a public key. Bytes that are no point at all may pass: they verify nothing.
pub(super) fn is_key(bytes: [u8; 32]) -> bool {
    let mut y = bytes;
    // The highest bit is the sign of x.
    y[31] &= 0x7f;
    is_reduced(&y) && !SMALL_ORDER.contains(&hex::encode(y).as_str())
}

/// Whether a coordinate is below 2²⁵⁵ - 19, as its one canonical spelling is (RFC 8032, section 5.1.3).
fn is_reduced(y: &[u8; 32]) -> bool {
    let [lowest, between @ .., highest] = y;
    *highest != 0x7f || between.iter().any(|byte| *byte != 0xff) || *lowest < 0xed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hexadecimal: &str) -> [u8; 32] {
        hex::decode(hexadecimal).unwrap().try_into().unwrap()
    }

    #[test]
    fn a_point_of_small_order_is_no_key_with_either_sign() {
        for coordinate in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut point = bytes(coordinate);
                point[31] |= sign;
                assert!(!is_key(point), "{coordinate} {sign}");
            }
        }
    }

    #[test]
    fn a_coordinate_that_is_not_reduced_is_no_key() {
        for lowest in 0xed..=0xff {
            for highest in [0x7f, 0xff] {
                let mut point = [0xff; 32];
                (point[0], point[31]) = (lowest, highest);
                assert!(!is_key(point), "{lowest:x} {highest:x}");
            }
        }
    }

    #[test]
    fn any_other_bytes_can_be_a_key() {
        for point in [
            // RFC 8032, section 7.1, tests 1 and 2.
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            // Next to those that are none.
            "ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7e",
            "0200000000000000000000000000000000000000000000000000000000000000",
        ] {
            assert!(is_key(bytes(point)), "{point}");
        }
    }
}
