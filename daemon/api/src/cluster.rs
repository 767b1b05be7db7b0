//! The cluster: what is declared, and what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lifetime::Lifetime;
use crate::name::{ClusterId, ClusterName, DnsName, GroupName, ServiceName, SystemUser};
use crate::node::Node;

/// The most workers that one group may have.
pub const MAX_GROUP_COUNT: u32 = 1_000;

/// The declaration of a cluster, as Terraform sends it. Putting the same again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCluster {
    /// The worker groups by name.
    #[serde(default)]
    pub worker_groups: BTreeMap<GroupName, WorkerGroup>,
    /// The services that get certificates on the nodes, by name.
    #[serde(default)]
    pub services: BTreeMap<ServiceName, Service>,
    /// How long what the authority signs lives.
    #[serde(default)]
    pub authority: AuthoritySettings,
}

/// Some workers of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerGroup {
    /// How many, 0 to [`MAX_GROUP_COUNT`].
    #[schema(maximum = 1000)]
    pub count: u32,
}

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
    /// What to run when its files have changed.
    #[serde(default)]
    pub reload: Option<Reload>,
}

impl Service {
    /// Whether the service runs on nodes of this group (`head` for the head).
    pub fn runs_in(&self, group: &str) -> bool {
        self.node_groups.is_empty() || self.node_groups.contains(group)
    }
}

/// A command that makes a service read its files again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// After this long it is ended and counts as failed.
    #[serde(default = "default_reload_timeout")]
    pub timeout: Lifetime,
}

fn default_reload_timeout() -> Lifetime {
    Lifetime::from_secs(30)
}

/// Lifetimes of what the authority signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthoritySettings {
    /// Certificates of services, renewed by the agent at two thirds. 24 hours.
    pub service_certificate_lifetime: Lifetime,
    /// The certificates by which agents authenticate, renewed at two thirds. 24 hours.
    pub node_certificate_lifetime: Lifetime,
    /// Certificates of project users, renewed by the daemon at two thirds. 7 days.
    pub project_user_certificate_lifetime: Lifetime,
    /// How long a CRL is good for (its nextUpdate); a new one is published at half of it. 24 hours.
    pub crl_lifetime: Lifetime,
    /// How long a token of a project user lives, and the longest that may be asked for. 1 hour.
    pub token_lifetime: Lifetime,
    /// How long a key signs tokens before the next one does. Never shorter than verifiers keep the JWKS, which is 5
    /// minutes. 30 days.
    pub token_key_lifetime: Lifetime,
}

impl Default for AuthoritySettings {
    fn default() -> Self {
        let day = Lifetime::from_secs(86_400);
        Self {
            service_certificate_lifetime: day,
            node_certificate_lifetime: day,
            project_user_certificate_lifetime: Lifetime::from_secs(7 * 86_400),
            crl_lifetime: day,
            token_lifetime: Lifetime::from_secs(3_600),
            token_key_lifetime: Lifetime::from_secs(30 * 86_400),
        }
    }
}

/// The shortest and longest that anything signed may live. The shortest leaves the agent time to renew at two
/// thirds; the longest stays within the intermediates' five years.
pub const LIFETIME_BOUNDS: (Lifetime, Lifetime) = (Lifetime::from_secs(15), Lifetime::from_secs(366 * 86_400));

/// Why a declaration cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// A count is out of range.
    #[error("worker group {group} has a count of {count}; it must be 0 to {MAX_GROUP_COUNT}")]
    Count {
        /// The group.
        group: GroupName,
        /// Its count.
        count: u32,
    },
    /// A service names a group that is not declared.
    #[error("service {service} names the node group {group}, which is neither `head` nor a declared worker group")]
    NodeGroup {
        /// The service.
        service: ServiceName,
        /// The unknown group.
        group: String,
    },
    /// A reload command without a program.
    #[error("service {service} has an empty reload command; name the program first")]
    EmptyCommand {
        /// The service.
        service: ServiceName,
    },
    /// A lifetime out of bounds.
    #[error("{field} is {value}; it must be from {} to {}", LIFETIME_BOUNDS.0, LIFETIME_BOUNDS.1)]
    Lifetime {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: Lifetime,
    },
}

impl PutCluster {
    /// Checks what the types alone cannot: relations between the parts.
    pub fn check(&self) -> Result<(), DeclarationError> {
        for (group, workers) in &self.worker_groups {
            if workers.count > MAX_GROUP_COUNT {
                return Err(DeclarationError::Count { group: group.clone(), count: workers.count });
            }
        }
        for (name, service) in &self.services {
            let known =
                |group: &String| group == "head" || self.worker_groups.keys().any(|known| known.as_str() == group);
            if let Some(group) = service.node_groups.iter().find(|group| !known(group)) {
                return Err(DeclarationError::NodeGroup { service: name.clone(), group: group.clone() });
            }
            if service.reload.as_ref().is_some_and(|reload| reload.command.first().is_none_or(String::is_empty)) {
                return Err(DeclarationError::EmptyCommand { service: name.clone() });
            }
        }
        let lifetimes = [
            ("service_certificate_lifetime", self.authority.service_certificate_lifetime),
            ("node_certificate_lifetime", self.authority.node_certificate_lifetime),
            ("project_user_certificate_lifetime", self.authority.project_user_certificate_lifetime),
            ("crl_lifetime", self.authority.crl_lifetime),
            ("token_lifetime", self.authority.token_lifetime),
            ("token_key_lifetime", self.authority.token_key_lifetime),
        ];
        match lifetimes.into_iter().find(|(_, value)| *value < LIFETIME_BOUNDS.0 || *value > LIFETIME_BOUNDS.1) {
            Some((field, value)) => Err(DeclarationError::Lifetime { field, value }),
            None => Ok(()),
        }
    }
}

/// The cluster as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cluster {
    /// Its identity.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// Rises with every change of declaration or nodes; pass it as `after` to wait for the next.
    pub revision: i64,
    /// Whether everything declared is there.
    pub state: ClusterState,
    /// What is declared.
    pub declared: PutCluster,
    /// The nodes, the head first.
    pub nodes: Vec<Node>,
}

/// Whether a cluster is what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// Nodes are being launched, repaired or removed.
    Converging,
    /// Every node is there and holds what it should.
    Ready,
    /// A node could not be launched or reported a fault; the daemon goes on trying.
    Degraded,
}
