//! Services: what runs on nodes and holds a certificate there, as a cluster declares it and a node is told.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::key_algorithm::KeyAlgorithm;
use crate::lifetime::Lifetime;
use crate::name::{Audience, DnsName, SystemUser};

/// A service that runs on nodes and holds a certificate there: CN = the node's DNS name, L = its system user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The system user that runs it.
    pub user: SystemUser,
    /// Names it answers to besides the node's own.
    #[serde(default)]
    pub dns_names: BTreeSet<DnsName>,
    /// Addresses it answers on.
    #[serde(default)]
    #[schema(value_type = BTreeSet<String>)]
    pub ip_addresses: BTreeSet<IpAddr>,
    /// Where it runs: `head` and worker groups. Empty means every node.
    #[serde(default)]
    pub node_groups: BTreeSet<String>,
    /// The kind of its key.
    #[serde(default)]
    pub key_algorithm: KeyAlgorithm,
    /// Whose its files are, and in which forms besides PEM.
    #[serde(default)]
    pub files: ServiceFiles,
    /// A token by which it shows itself, in a file that the agent keeps fresh.
    #[serde(default)]
    pub token: Option<ServiceToken>,
    /// What to run when its certificate or what it trusts has changed and before `reload`; when it fails, its files are
    /// rolled back.
    #[serde(default)]
    pub check: Option<ServiceCommand>,
    /// What to run when its certificate or what it trusts has changed.
    #[serde(default)]
    pub reload: Option<ServiceCommand>,
}

/// The files of a service on its node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceFiles {
    /// The system user who owns the key. The agent's own user; another one takes an agent that runs as root.
    pub owner: Option<SystemUser>,
    /// The system group of the key, which may read it, and of the directory. The owner's; else the agent's.
    pub group: Option<SystemUser>,
    /// Whether only the owner may read the key (mode 0600), as PostgreSQL wants; otherwise its group may too (0640).
    pub private: bool,
    /// Also `tls.pem`: key, certificate and intermediates in one file.
    pub combined_pem: bool,
    /// Also `tls.p12` (PKCS #12) for Java, with its password in `tls.p12.password`.
    pub pkcs12: bool,
}

/// The token of a service: `token.jwt` in its directory, as private as its key and replaced at two thirds of its life.
/// Nobody is told of that: a service reads the file when it needs the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceToken {
    /// Who verifies it.
    pub audience: Audience,
}

impl Service {
    /// Whether the service runs on nodes of this group (`head` for the head).
    pub fn runs_in(&self, group: &str) -> bool {
        self.node_groups.is_empty() || self.node_groups.contains(group)
    }
}

/// A command of a service: it checks its files, or reads them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceCommand {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// After this long it is ended and counts as failed.
    #[serde(default = "default_reload_timeout")]
    pub timeout: Lifetime,
}

fn default_reload_timeout() -> Lifetime {
    Lifetime::from_secs(30)
}
