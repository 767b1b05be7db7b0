//! The external id: it prevents that another customer's request is carried out with this account's role (the confused
//! deputy, <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>). It is no secret, and must be
//! nobody's choice: one that can be guessed helps nobody.

use std::collections::BTreeSet;
use std::fmt;

/// The fewest characters: half of what a UUID has, and more than any word.
const SHORTEST: usize = 16;
/// The fewest different ones.
const FEWEST: usize = 8;

/// An external id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// Checks that AWS takes it and that it was drawn.
    pub fn parse(text: &str) -> Result<Self, String> {
        check_external_id(text).map(|()| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether AWS takes a text as an external id, and whether it can have been drawn at random.
pub fn check_external_id(text: &str) -> Result<(), String> {
    const DRAW: &str = "draw one, such as a UUID (uuidgen) or `openssl rand -hex 16`";
    if text.len() > 1_224 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte)) {
        return Err("AWS takes 2 to 1,224 letters, digits and characters of _+=,.@:/-".to_owned());
    }
    if text.len() < SHORTEST {
        return Err(format!("it has {} characters and can be guessed; {DRAW}", text.len()));
    }
    let different = text.bytes().collect::<BTreeSet<_>>().len();
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let letters = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    if different < FEWEST || !digits || !letters {
        return Err(format!("it can be guessed, for it is made of too little: {DRAW}"));
    }
    let steps = |by: i16| {
        let pairs = text.as_bytes().windows(2);
        pairs.filter(|pair| i16::from(pair[1]) - i16::from(pair[0]) == by).count() * 2 > text.len()
    };
    if steps(0) || steps(1) || steps(-1) {
        return Err(format!("it can be guessed, for it is a sequence; {DRAW}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed_is_refused_and_what_is_drawn_is_taken() {
        for good in ["7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34", "9f86d081884c7d659a2feaa0c55ad015", "Zk3/Qw+9pLx=7vTrA:b2"]
        {
            assert_eq!(check_external_id(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a",
            "ringfence",
            "external-id-for-us",
            "111122223333",
            "1111222233334444",
            "aaaaaaaaaaaaaaaaaaaa1",
            "abcdefghijklmnop1234",
            "0123456789abcdef0123",
            "zyxwvutsrqponm987654",
            "with space 1234567890",
            "quote\"1234567890abcd",
            &"a1".repeat(700),
        ] {
            assert!(check_external_id(bad).is_err(), "{bad}");
        }
    }
}
