//! Certificates: as the authority has recorded them, and asked for with a key of one's own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::lifetime::Lifetime;
use crate::word::words;

/// What a certificate is for, which decides its names, usages and lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CertificateProfile {
    /// The daemon's own server certificate.
    ApiServer,
    /// An agent's client certificate.
    Node,
    /// A service on a node.
    Service,
    /// A user in a project.
    ProjectUser,
    /// A job of a user in a project.
    Job,
    /// An intermediate, or a root that another root has signed.
    Authority,
}

/// Who holds the key of a certificate, and so looks after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CertificateHolder {
    /// The daemon, which renews it.
    Daemon,
    /// The agent of its node, which renews it and reports what it has installed.
    Agent,
    /// Whoever asked for it with a key of its own. Nobody renews it.
    Caller,
}

/// Why a certificate was revoked: the reasons of RFC 5280, section 5.3.1, that ringfence uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RevocationReason {
    /// The key may be compromised.
    KeyCompromise,
    /// The key of the authority that signed it may be compromised.
    CaCompromise,
    /// A newer certificate took its place.
    Superseded,
    /// What it was for has ended: the node or the service is gone.
    CessationOfOperation,
    /// The member was removed, or the project deleted.
    PrivilegeWithdrawn,
}

words!(CertificateProfile, CertificateHolder, RevocationReason);

/// A recorded certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// The issuer's id.
    pub issuer: String,
    /// What it is for.
    pub profile: CertificateProfile,
    /// Who holds its key.
    pub holder: CertificateHolder,
    /// The common name.
    pub common_name: String,
    /// The node it lies on, if any.
    pub node: Option<String>,
    /// The service it is for, if any.
    pub service: Option<String>,
    /// The job it is for, if any.
    pub job: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    pub revocation_reason: Option<RevocationReason>,
}

/// How long a certificate for a key of the caller's own lives when nobody says.
pub const CSR_CERTIFICATE_LIFETIME: Lifetime = Lifetime::from_secs(3_600);

/// Asks for a certificate of a project user or of a service, for a key that the caller made and keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostIdentityCertificate {
    /// PKCS #10 in PEM; its names are ignored, its proof of possession is verified.
    pub request: String,
    /// How long the certificate lives, at most as long as declared for its kind. One hour, or what is declared if
    /// that is shorter.
    #[serde(default)]
    pub lifetime: Option<Lifetime>,
}
