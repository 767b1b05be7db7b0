//! The operator's token, and the keys derived from it.
//!
//! The token never crosses the wire and neither it nor a hash of it lies anywhere: an Ed25519 key is derived from
//! it (HKDF-SHA-256, RFC 5869), a cluster is given only the public half, and whoever holds the token logs in by
//! signing (see [`crate::login`]). A stolen database or directory therefore holds nothing to log in with.

mod point;
mod typed;

use std::fmt;

use aws_lc_rs::hkdf;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// The secret of the person or pipeline that runs Terraform. `Debug` shows nothing.
#[derive(Clone)]
pub struct OperatorToken(Zeroizing<String>);

/// Why a text cannot be an operator token. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Fewer characters than 256 bits need.
    #[error(
        "its length is {0}; 256 bits need 64 hexadecimal or 43 base64 characters: make one with `openssl rand -hex 32`"
    )]
    Short(usize),
    /// Something that is neither hexadecimal nor base64.
    #[error("it holds characters that are neither hexadecimal nor base64: make one with `openssl rand -hex 32`")]
    Characters,
    /// A text of few different characters is no random number.
    #[error("it repeats a few characters and is not random: make one with `openssl rand -hex 32`")]
    Repetitive,
    /// Words, rows of a keyboard, dates, sequences or repetitions are no random number.
    #[error("it is made of parts that can be guessed and is not random: make one with `openssl rand -hex 32`")]
    Predictable,
}

/// The fewest different characters that a random token of 64 hexadecimal digits has, but for one in a million.
const DISTINCT_CHARACTERS: usize = 8;
/// The fewest bits that a token takes for somebody who knows what people type.
const UNPREDICTABLE_BITS: f64 = 256.0;

impl OperatorToken {
    /// Checks that the text can hold 256 bits: 64 or more hexadecimal digits, or 43 or more base64 characters
    /// (either alphabet), which nobody would guess.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let body = text.trim_end_matches('=');
        let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
        let needed = if body.chars().all(|c| c.is_ascii_hexdigit()) { 64 } else { 43 };
        if body.chars().count() < needed {
            return Err(TokenError::Short(body.chars().count()));
        }
        if !body.chars().all(base64) {
            return Err(TokenError::Characters);
        }
        let distinct: std::collections::BTreeSet<char> = body.chars().collect();
        if distinct.len() < DISTINCT_CHARACTERS {
            return Err(TokenError::Repetitive);
        }
        if typed::bits(body) < UNPREDICTABLE_BITS {
            return Err(TokenError::Predictable);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The signing key that this token stands for. The same token gives the same key, everywhere and always.
    pub fn key(&self) -> OperatorKey {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ringfence");
        let secret = salt.extract(self.0.as_bytes());
        let mut seed = Zeroizing::new([0_u8; 32]);
        secret
            .expand(&[b"operator signing key v1"], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(seed.as_mut()))
            .expect("HKDF-SHA-256 gives 32 bytes");
        OperatorKey(Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).expect("any 32 bytes are an Ed25519 seed"))
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(..)")
    }
}

/// The operator's signing key.
pub struct OperatorKey(Ed25519KeyPair);

impl OperatorKey {
    /// What a cluster is given, to recognise the operator by.
    pub fn public(&self) -> OperatorPublicKey {
        OperatorPublicKey(STANDARD.encode(self.0.public_key().as_ref()))
    }

    /// Signs a message (Ed25519, RFC 8032), in base64.
    pub fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.0.sign(message).as_ref())
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorKey(..)")
    }
}

/// The public half, as base64 of its 32 bytes. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct OperatorPublicKey(String);

impl OperatorPublicKey {
    /// Takes the base64 text as it was written by `Display`; a text that is no key verifies nothing.
    pub fn from_base64(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether the text can be a key at all: the base64 of 32 bytes, and of no point under which anybody can sign.
    pub fn is_key(&self) -> bool {
        let bytes: Option<[u8; 32]> = STANDARD.decode(&self.0).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.is_some_and(point::is_key)
    }

    /// Whether the signature, in base64, is this key's over the message.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let (Ok(key), Ok(signature)) = (STANDARD.decode(&self.0), STANDARD.decode(signature)) else {
            return false;
        };
        UnparsedPublicKey::new(&ED25519, key).verify(message, &signature).is_ok()
    }
}

/// Gives the cluster another operator token, by the public key that is derived from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutOperatorKey {
    /// The key of the new token.
    pub public_key: OperatorPublicKey,
}

/// Whose signature logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorKeys {
    /// The key in force.
    pub current: OperatorPublicKey,
    /// The key that takes over with its first login, if there is one. Until then both log in.
    pub pending: Option<OperatorPublicKey>,
}

impl OperatorKeys {
    /// Whether this is one of them.
    pub fn hold(&self, key: &OperatorPublicKey) -> bool {
        self.current == *key || self.pending.as_ref() == Some(key)
    }
}

impl fmt::Display for OperatorPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "05548cf695591a0a075a48d63ac42ac2667a5b641ab408544e98af3ede843e2c";

    #[test]
    fn a_token_must_hold_256_bits() {
        assert!(OperatorToken::parse(TOKEN).is_ok());
        assert!(OperatorToken::parse("q7Yb3m1ZkX0uVt9PaL5cWd8EfRgH2jN4sTyKiOpQxZw=").is_ok());
        let cases = [
            ("", TokenError::Short(0)),
            (&TOKEN[..63], TokenError::Short(63)),
            ("correct horse", TokenError::Short(13)),
            ("correct horse battery staple correct horse battery", TokenError::Characters),
            (&"ab".repeat(40), TokenError::Repetitive),
        ];
        for (text, error) in cases {
            assert_eq!(OperatorToken::parse(text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn only_32_bytes_in_base64_are_a_key() {
        assert!(OperatorToken::parse(TOKEN).unwrap().key().public().is_key());
        for text in ["", "AAAA", "not base64!", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo"] {
            assert!(!OperatorPublicKey::from_base64(text).is_key(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = OperatorToken::parse(TOKEN).unwrap();
        assert!(!format!("{token:?} {:?}", token.key()).contains("0554"));
    }

    #[test]
    fn only_the_same_token_signs_what_the_public_key_verifies() {
        let key = OperatorToken::parse(TOKEN).unwrap().key();
        let other = OperatorToken::parse(&TOKEN.replace('7', "8")).unwrap().key();
        let signature = key.sign(b"message");
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"messagf", &signature));
        assert!(!other.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"message", "not base64!"));
    }
}
