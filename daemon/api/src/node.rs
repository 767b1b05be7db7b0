//! Nodes: what they are told, what they ask for, what they report.

#[cfg(feature = "client")]
mod client;
pub mod route;

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::incarnation::Incarnation;
use crate::key_algorithm::KeyAlgorithm;
use crate::lifetime::Lifetime;
use crate::name::{ClusterId, DnsName, NodeName, ServiceName, SystemUser};
use crate::service::{ServiceCommand, ServiceFiles, ServiceToken};
use crate::word::words;

/// A node as the daemon sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// `head`, or its worker group.
    pub group: String,
    /// The common name of its certificates.
    pub dns_name: DnsName,
    /// Where it is in its life.
    pub state: NodeState,
    /// When its agent last reported.
    pub reported_at: Option<Timestamp>,
    /// The certificates it last reported to hold.
    pub certificates: Vec<HeldCertificate>,
    /// What its agent or its launch complained of, if anything.
    pub fault: Option<String>,
}

/// The life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum NodeState {
    /// Declared; its launch is under way or will be tried again.
    Launching,
    /// Joined, but it does not hold yet what it should.
    Joined,
    /// Holds everything it should.
    Ready,
    /// Being taken away.
    Removing,
}

words!(NodeState);

/// A certificate on a node's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldCertificate {
    /// The service it is for; none for the node's own.
    pub service: Option<ServiceName>,
    /// Its serial number, lower-case hexadecimal.
    pub serial: String,
    /// When it ends.
    pub not_after: Timestamp,
}

/// A node trades its ticket for its certificate. The key never leaves the node.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutJoin {
    /// The one-time ticket. The first key that shows it owns it: a repeat with the same key gets a certificate
    /// again, which is how a lost answer is survived; another key is refused.
    pub ticket: String,
    /// PKCS #10 in PEM; its names are ignored.
    pub csr: String,
}

impl std::fmt::Debug for PutJoin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PutJoin(..)")
    }
}

/// A node asks for a certificate: its own, or a service's.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostCertificate {
    /// The service; none for the node's own certificate.
    #[serde(default)]
    pub service: Option<ServiceName>,
    /// PKCS #10 in PEM; its names are ignored, its proof of possession is verified.
    pub csr: String,
}

/// A certificate that was just issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedCertificate {
    /// Its serial number, lower-case hexadecimal.
    pub serial: String,
    /// The certificate and its intermediate, in PEM.
    pub chain: String,
    /// When it ends.
    pub not_after: Timestamp,
}

/// Everything that a node should hold. The whole, never a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DesiredNode {
    /// Rises with every change; pass it as `after` to wait for the next.
    pub generation: i64,
    /// The history that the generation counts in; pass it as `incarnation` beside `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// The cluster, so that an agent never obeys another one.
    pub cluster_id: ClusterId,
    /// The services to hold certificates for.
    pub services: Vec<DesiredService>,
    /// The roots to trust, in PEM.
    pub ca_bundle: String,
    /// One CRL per issuer and shard.
    pub crls: Vec<DesiredCrl>,
    /// How often to report when nothing changes.
    pub report_every: Lifetime,
    /// Certificates with these serials are revoked, and tokens with these ids are ended: replace them at once.
    pub revoked: BTreeSet<String>,
    /// Certificates with these serials and tokens with these ids are valid, and somebody asked for others: replace them
    /// at once.
    #[serde(default)]
    pub rotate: BTreeSet<String>,
}

/// A service as its node should have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DesiredService {
    /// Its name, which is its directory.
    pub name: ServiceName,
    /// The L of its certificate.
    pub user: SystemUser,
    /// The DNS names its certificate must hold, the node's own first.
    pub dns_names: Vec<DnsName>,
    /// The addresses its certificate must hold.
    #[schema(value_type = Vec<String>)]
    pub ip_addresses: Vec<IpAddr>,
    /// The kind of its key.
    #[serde(default)]
    pub key_algorithm: KeyAlgorithm,
    /// Whose its files are, and in which forms besides PEM.
    #[serde(default)]
    pub files: ServiceFiles,
    /// The token that lies in a file.
    #[serde(default)]
    pub token: Option<ServiceToken>,
    /// What to run before `reload`; when it fails, its files are rolled back.
    #[serde(default)]
    pub check: Option<ServiceCommand>,
    /// What to run when its files have changed.
    pub reload: Option<ServiceCommand>,
}

/// A CRL as its node should have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DesiredCrl {
    /// The issuer's id.
    pub issuer: String,
    /// The shard.
    pub shard: u32,
    /// Its CRLNumber.
    pub number: i64,
    /// The list itself, in PEM.
    pub pem: String,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutReport {
    /// The generation that was applied last.
    pub generation: i64,
    /// The history that it counts in, as it came with the generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// Everything that lies on its disk.
    pub certificates: Vec<HeldCertificate>,
    /// What went wrong, for people; none when all is well.
    pub fault: Option<String>,
}

/// The last rotation of a node: everything that its agent held is replaced because somebody asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeRotation {
    /// The node.
    pub node: NodeName,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// What was to be replaced, the node's own first.
    pub certificates: Vec<RotatedCertificate>,
    /// Whether all of it is replaced.
    pub done: bool,
    /// The cluster's revision; pass it as `after` to wait for the next.
    pub revision: i64,
}

/// A certificate that a rotation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotatedCertificate {
    /// The service it is for; none for the node's own.
    pub service: Option<ServiceName>,
    /// Its serial number, lower-case hexadecimal.
    pub serial: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Whether it is out of service: another one is installed in its place and it is revoked, or it has ended.
    pub replaced: bool,
}
