//! When a leaf is renewed: at two thirds of its life, give or take a twentieth, so that what was issued together
//! is not renewed together.

use jiff::{SignedDuration, Timestamp};

/// When to renew. `jitter` is any number, such as the first byte of the serial; the same number gives the same
/// answer.
pub fn renew_at(not_before: Timestamp, not_after: Timestamp, jitter: u8) -> Timestamp {
    let life = not_after.duration_since(not_before);
    let spread = life / 10;
    let offset = SignedDuration::from_millis(
        i64::try_from(spread.as_millis()).unwrap_or(i64::MAX).saturating_mul(i64::from(jitter)) / 255,
    );
    not_before + life * 2 / 3 - spread / 2 + offset
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn renewal_falls_near_two_thirds_of_life(
            begin in 0_i64..4_000_000_000,
            life in 10_i64..400_000_000,
            jitter: u8,
        ) {
            let not_before = Timestamp::from_second(begin).unwrap();
            let not_after = Timestamp::from_second(begin + life).unwrap();
            let at = renew_at(not_before, not_after, jitter);
            let age = at.as_second() - begin;
            prop_assert!(age * 2 >= life && age * 4 <= life * 3, "{} of {}", age, life);
        }
    }
}
