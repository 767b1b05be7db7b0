//! Tokens of project users, and the keys that sign them.
//!
//! A token is a JWT (RFC 7519) signed with ES256. Whoever has the [`Jwks`] can verify one and nobody can make one
//! from it. A token ends by itself; one that is ended before its time is told of by introspection only.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lifetime::Lifetime;
use crate::name::{Audience, JobId};

/// Asks for a token of a project user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostToken {
    /// Who will verify it; a verifier takes only tokens that name it.
    pub audience: Audience,
    /// How long it lives: at most the cluster's `token_lifetime`, and that unless given.
    #[serde(default)]
    pub lifetime: Option<Lifetime>,
    /// The job that it is for, with which it ends.
    #[serde(default)]
    pub job: Option<JobId>,
    /// Whether it is good for once: the first introspection uses it up. It lives a minute unless `lifetime` says otherwise.
    #[serde(default)]
    pub one_time: bool,
}

/// Asks whether a token is good. `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostIntrospection {
    /// The token.
    pub token: String,
}

impl fmt::Debug for PostIntrospection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostIntrospection(..)")
    }
}

/// Whether a token is good now, and what it says if it is (RFC 7662, section 2.2). Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Introspection {
    /// Whether it is good. If not, nothing else is said.
    pub active: bool,
    /// The project user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Who verifies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// When it was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The roles when it was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// The job that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl Introspection {
    /// It is not good, and why is nobody's business.
    pub fn inactive() -> Self {
        Self {
            active: false,
            sub: None,
            iss: None,
            aud: None,
            exp: None,
            iat: None,
            jti: None,
            project: None,
            user: None,
            roles: None,
            job: None,
        }
    }
}

/// A token that was signed. `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct IssuedToken {
    /// The token, in the compact form of three parts.
    pub token: String,
    /// Its `jti`, by which the audit log knows it.
    pub id: String,
    /// The key that signed it.
    pub kid: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuedToken({}, key {}, until {}, ..)", self.id, self.kid, self.expires_at)
    }
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenKeyState {
    /// Published and signs nothing yet, so that verifiers know it before its first token.
    Prepared,
    /// Signs. Exactly one key does.
    Active,
    /// Signs no more and is published until the last token that it signed has ended.
    Retired,
    /// Erased and published no more; the row is its history.
    Gone,
}

impl TokenKeyState {
    /// The word in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Gone => "gone",
        }
    }

    /// The state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Prepared, Self::Active, Self::Retired, Self::Gone].into_iter().find(|state| state.as_str() == word)
    }
}

/// A key that signs tokens, without anything of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenKey {
    /// Its name in tokens and in the JWKS: its thumbprint (RFC 7638).
    pub kid: String,
    /// Where it is in its life.
    pub state: TokenKeyState,
    /// When it was made and published.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub activated_at: Option<Timestamp>,
    /// Since when it signs no more.
    pub retired_at: Option<Timestamp>,
}

/// The keys by which tokens are verified (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jwks {
    /// Every key that is prepared, active or retired.
    pub keys: Vec<Jwk>,
}

/// A public key on P-256 (RFC 7517, RFC 7518 section 6.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    /// Its thumbprint (RFC 7638).
    pub kid: String,
    /// Always `EC`.
    pub kty: String,
    /// Always `P-256`.
    pub crv: String,
    /// The x coordinate, base64url.
    pub x: String,
    /// The y coordinate, base64url.
    pub y: String,
    /// Always `ES256`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_token() {
        let token = IssuedToken {
            token: "eyJhbGciOiJFUzI1NiJ9.e30.c2ln".to_owned(),
            id: "0f".to_owned(),
            kid: "k1".to_owned(),
            expires_at: Timestamp::UNIX_EPOCH,
        };
        let shown = format!("{token:?}");
        assert!(shown.contains("0f") && shown.contains("k1") && !shown.contains("eyJ"), "{shown}");
    }
}
