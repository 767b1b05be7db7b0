//! The operator's token: where it was read from, and why it cannot be used if it cannot.
//!
//! Nothing is an error before the token is needed, so that a plan whose token is not known yet, or that needs none,
//! goes through.

use std::ffi::OsString;

use ringfence_api::{OperatorKey, OperatorPublicKey, OperatorToken, TokenError};
use tfplugin_rs::prelude::*;

/// The variable that is read when the provider block has no token.
pub(crate) const VARIABLE: &str = "RINGFENCE_TOKEN";

/// The token and its origin.
pub(crate) struct Token {
    origin: &'static str,
    parsed: Parsed,
}

enum Parsed {
    Good(OperatorToken),
    Bad(TokenError),
    Missing,
    Unknown,
}

impl Token {
    /// Takes the provider's argument, else the environment's value.
    pub(crate) fn new(argument: &Value<String>, environment: Option<OsString>) -> Self {
        let (origin, text) = match argument {
            Value::Unknown => return Self { origin: "", parsed: Parsed::Unknown },
            Value::Known(text) => ("the provider's `token` argument", Some(text.clone())),
            // What is no text is no token either, and is told as what it lacks.
            Value::Null => (
                "the environment variable RINGFENCE_TOKEN",
                environment.map(|value| value.to_string_lossy().into_owned()),
            ),
        };
        let parsed = match text.as_deref().map(OperatorToken::parse) {
            Some(Ok(token)) => Parsed::Good(token),
            Some(Err(error)) => Parsed::Bad(error),
            None => Parsed::Missing,
        };
        Self { origin, parsed }
    }

    /// Where it was read from, for errors.
    pub(crate) fn origin(&self) -> &'static str {
        self.origin
    }

    /// Whether it will be known only when applying.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.parsed, Parsed::Unknown)
    }

    /// The signing key. It is derived anew each time; whoever only wants to know whether there is one asks
    /// [`check`](Self::check).
    pub(crate) fn key(&self) -> Result<OperatorKey> {
        self.check().map(OperatorToken::key)
    }

    /// The token, or why it cannot be used.
    pub(crate) fn check(&self) -> Result<&OperatorToken> {
        match &self.parsed {
            Parsed::Good(token) => Ok(token),
            Parsed::Bad(error) => Err(Diagnostic::error("The operator token cannot be used")
                .detail(format!("It was read from {}: {error}.", self.origin))
                .into()),
            Parsed::Missing => Err(Diagnostic::error("There is no operator token")
                .detail(format!(
                    "Set `token` in the provider block, or the environment variable {VARIABLE}. \
                     A new one is made by `openssl rand -hex 32`; keep it, the cluster can be operated only with it."
                ))
                .into()),
            Parsed::Unknown => Err(Diagnostic::error("The operator token is not known yet")
                .detail(
                    "The provider's `token` depends on something that is created in this very run. Give a token that \
                     is known when planning.",
                )
                .into()),
        }
    }

    /// The public half.
    pub(crate) fn public_key(&self) -> Result<OperatorPublicKey> {
        self.key().map(|key| key.public())
    }
}
