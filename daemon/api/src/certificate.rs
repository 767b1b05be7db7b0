//! Certificates as the authority has recorded them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a certificate is for, which decides its names, usages and lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateProfile {
    /// The daemon's own server certificate.
    ApiServer,
    /// An agent's client certificate.
    Node,
    /// A service on a node.
    Service,
    /// A user in a project.
    ProjectUser,
}

impl CertificateProfile {
    /// The word in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiServer => "api_server",
            Self::Node => "node",
            Self::Service => "service",
            Self::ProjectUser => "project_user",
        }
    }

    /// The profile of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::ApiServer, Self::Node, Self::Service, Self::ProjectUser].into_iter().find(|p| p.as_str() == word)
    }
}

/// Why a certificate was revoked: the reasons of RFC 5280, section 5.3.1, that ringfence uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// A newer certificate took its place.
    Superseded,
    /// What it was for has ended: the node or the service is gone.
    CessationOfOperation,
    /// The member was removed, or the project deleted.
    PrivilegeWithdrawn,
}

impl RevocationReason {
    /// The word in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation_of_operation",
            Self::PrivilegeWithdrawn => "privilege_withdrawn",
        }
    }

    /// The reason of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Superseded, Self::CessationOfOperation, Self::PrivilegeWithdrawn]
            .into_iter()
            .find(|r| r.as_str() == word)
    }
}

/// A recorded certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// The issuer's id.
    pub issuer: String,
    /// What it is for.
    pub profile: CertificateProfile,
    /// The common name.
    pub common_name: String,
    /// The node it lies on, if any.
    pub node: Option<String>,
    /// The service it is for, if any.
    pub service: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    pub revocation_reason: Option<RevocationReason>,
}
