//! Tokens of project users and services, and the keys that sign them.
//!
//! A token is a JWT (RFC 7519) signed with ES256 or `EdDSA`. Whoever has the [`Jwks`] can verify one and nobody can
//! make one from it. A token ends by itself; one that is ended before its time is told of by introspection only.

#[cfg(feature = "client")]
mod client;
pub mod route;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::lifetime::Lifetime;
use crate::name::{Audience, JobId, NameError, NodeName, ProjectUser, ServiceName};
use crate::word::words;

/// Whom a token speaks of: a project user, written `PROJECT__USER`, or a service on a node, written `SERVICE@NODE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSubject {
    /// A project user.
    ProjectUser(ProjectUser),
    /// A service on a node.
    Service {
        /// The service.
        service: ServiceName,
        /// The node.
        node: NodeName,
    },
}

impl TokenSubject {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.split_once('@') {
            Some((service, node)) => {
                Ok(Self::Service { service: ServiceName::parse(service)?, node: NodeName::parse(node)? })
            }
            None => ProjectUser::parse(text).map(Self::ProjectUser),
        }
    }

    /// The node that it depends on.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::ProjectUser(_) => None,
            Self::Service { node, .. } => Some(node),
        }
    }
}

impl fmt::Display for TokenSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProjectUser(identity) => identity.fmt(f),
            Self::Service { service, node } => write!(f, "{service}@{node}"),
        }
    }
}

/// What a verifier that cannot be told where to look finds in the tokens of project users that are for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenClaims {
    /// What `sub` holds.
    pub subject: SubjectClaim,
    /// More claims by name, beside those that every token has.
    pub claims: BTreeMap<String, ClaimSource>,
}

/// What the claim `sub` holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum SubjectClaim {
    /// `PROJECT__USER`.
    #[default]
    ProjectUser,
    /// The project.
    Project,
    /// The user.
    User,
}

/// What a further claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ClaimSource {
    /// `PROJECT__USER`.
    ProjectUser,
    /// The project.
    Project,
    /// The user.
    User,
    /// The user's role in the project.
    Role,
    /// A list of the user's role.
    Roles,
    /// The job, in the tokens that are for one.
    Job,
}

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
    /// Whether it is valid once only: the first introspection uses it up. It lives a minute unless `lifetime` says
    /// otherwise.
    #[serde(default)]
    pub one_time: bool,
}

/// Asks whether a token is valid. `Debug` does not show it.
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

/// Whether a token is valid now, and what it says if it is (RFC 7662, section 2.2). Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Introspection {
    /// Whether it is valid. If not, nothing else is said.
    pub active: bool,
    /// Whom it speaks of.
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
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The node that the service runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

impl Introspection {
    /// It is not valid, and the answer does not say why.
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
            service: None,
            node: None,
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
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
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

words!(SubjectClaim, ClaimSource, TokenKeyState);

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

/// Asks for the next key to sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateTokenKeys {
    /// Whether the keys may be compromised: then all of them are erased and every token ends at once. Verifiers that
    /// keep the JWKS accept forged ones until they fetch it again.
    #[serde(default)]
    pub compromised: bool,
}

/// The keys by which tokens are verified (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jwks {
    /// Every key that is prepared, active or retired.
    pub keys: Vec<Jwk>,
}

/// A public key on P-256 (RFC 7518, section 6.2.1) or of Ed25519 (RFC 8037, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    /// Its thumbprint (RFC 7638).
    pub kid: String,
    /// `EC` on P-256, `OKP` for Ed25519.
    pub kty: String,
    /// `P-256` or `Ed25519`.
    pub crv: String,
    /// The x coordinate, or the public key of Ed25519; base64url.
    pub x: String,
    /// The y coordinate on P-256, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// `ES256` on P-256, `EdDSA` for Ed25519.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_reads_back_as_it_was_written() {
        for text in ["fraud__alice", "query@workers-0", "query@head"] {
            assert_eq!(TokenSubject::parse(text).unwrap().to_string(), text);
        }
        for bad in ["alice", "query@", "@head", "a@b@c", ""] {
            assert!(TokenSubject::parse(bad).is_err(), "{bad}");
        }
    }

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
