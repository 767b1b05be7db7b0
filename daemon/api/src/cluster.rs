//! The cluster: what is declared, and what is there.

#[cfg(feature = "client")]
mod client;
pub mod route;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::key_algorithm::KeyAlgorithm;
use crate::lifetime::Lifetime;
use crate::name::{API_NAME, Audience, ClusterId, ClusterName, GroupName, ServiceName};
use crate::node::Node;
pub use crate::service::{Service, ServiceCommand, ServiceFiles, ServiceToken};
use crate::token::TokenClaims;

/// The most workers that one group may have.
pub const MAX_GROUP_COUNT: u32 = 1_000;

/// The declaration of a cluster, as Terraform sends it. Putting the same again changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCluster {
    /// The worker groups by name.
    #[serde(default)]
    pub worker_groups: BTreeMap<GroupName, WorkerGroup>,
    /// The services that get certificates on the nodes, by name.
    #[serde(default)]
    pub services: BTreeMap<ServiceName, Service>,
    /// What the tokens of project users say to verifiers with wants of their own, by audience.
    #[serde(default)]
    pub token_audiences: BTreeMap<Audience, TokenClaims>,
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

/// Lifetimes and kinds of what the authority signs, and of the authority itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthoritySettings {
    /// Certificates of services, renewed by the agent at two thirds. 24 hours.
    pub service_certificate_lifetime: Lifetime,
    /// The certificates by which agents authenticate, renewed at two thirds. 24 hours.
    pub node_certificate_lifetime: Lifetime,
    /// Certificates of project users, renewed by the daemon at two thirds. 7 days.
    pub project_user_certificate_lifetime: Lifetime,
    /// How long a CRL is valid (until its nextUpdate); a new one is published at half of it. 24 hours.
    pub crl_lifetime: Lifetime,
    /// How long a token of a project user lives, and the longest that may be asked for. 1 hour.
    pub token_lifetime: Lifetime,
    /// How long a key signs tokens before the next one does. Never shorter than verifiers keep the JWKS, which is 5
    /// minutes. 30 days.
    pub token_key_lifetime: Lifetime,
    /// How long a root lives; its successor takes over at half of it. At least twice `intermediate_lifetime`. Takes
    /// effect with the next one. 10 years.
    pub root_lifetime: Lifetime,
    /// How long an intermediate lives; its successor takes over at two thirds of it. At least three times as long as
    /// any certificate. Takes effect with the next one. 5 years.
    pub intermediate_lifetime: Lifetime,
    /// The kind of key of roots and intermediates. Takes effect with the next one.
    pub authority_key_algorithm: KeyAlgorithm,
    /// The kind of key of project users. Takes effect with the next renewal.
    pub project_user_key_algorithm: KeyAlgorithm,
    /// The kind of key that signs tokens: `ecdsa_p256` or `ed25519`. Takes effect with the next key.
    pub token_key_algorithm: KeyAlgorithm,
    /// In how many lists the revoked certificates of an intermediate are kept, 1 to 256: a revocation signs one of them
    /// anew. One is enough for some ten thousand. Takes effect with the next intermediate.
    #[schema(minimum = 1, maximum = 256)]
    pub crl_shards: u32,
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
            root_lifetime: Lifetime::from_secs(10 * 365 * 86_400),
            intermediate_lifetime: Lifetime::from_secs(5 * 365 * 86_400),
            authority_key_algorithm: KeyAlgorithm::default(),
            project_user_key_algorithm: KeyAlgorithm::default(),
            token_key_algorithm: KeyAlgorithm::default(),
            crl_shards: 1,
        }
    }
}

/// The most lists that the revoked certificates of one intermediate may be kept in.
pub const MAX_CRL_SHARDS: u32 = 256;

/// The shortest and longest that anything signed may live. The shortest leaves the agent time to renew at two
/// thirds; the longest stays within the intermediates' five years.
pub const LIFETIME_BOUNDS: (Lifetime, Lifetime) = (Lifetime::from_secs(15), Lifetime::from_secs(366 * 86_400));

/// The claims that a token has by itself.
pub const OWN_CLAIMS: [&str; 13] =
    ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "project", "user", "roles", "job", "service", "node"];

/// Whether a further claim of a token may have this name.
pub fn is_claim(name: &str) -> bool {
    let character = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(character) && !OWN_CLAIMS.contains(&name)
}

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
    /// A service declares the name of the API.
    #[error(
        "service {service} declares the DNS name {API_NAME}, by which clients know the API: no service may have it"
    )]
    ApiName {
        /// The service.
        service: ServiceName,
    },
    /// A command without a program.
    #[error("service {service} has an empty check or reload command; name the program first")]
    EmptyCommand {
        /// The service.
        service: ServiceName,
    },
    /// An intermediate that would not outlive what it signs by enough.
    #[error(
        "intermediate_lifetime is {value}; it must be at least three times {longest}, the longest life of a certificate"
    )]
    IntermediateLifetime {
        /// The setting.
        value: Lifetime,
        /// The longest life of a certificate.
        longest: Lifetime,
    },
    /// A root that would not outlive what it signs by enough.
    #[error("root_lifetime is {value}; it must be at least twice intermediate_lifetime, which is {intermediate}")]
    RootLifetime {
        /// The setting.
        value: Lifetime,
        /// The other setting.
        intermediate: Lifetime,
    },
    /// A kind of key that signs no tokens.
    #[error("token_key_algorithm is {}; it must be ecdsa_p256 or ed25519", value.as_str())]
    TokenKeyAlgorithm {
        /// The setting.
        value: KeyAlgorithm,
    },
    /// A claim that every token has already, or that has no name a claim should have.
    #[error(
        "token_audiences {audience} declares the claim {claim:?}; name it with 1 to 64 letters, digits, `_`, `-`, `.`, \
         `:` and `/`, and not as one of those that tokens have by themselves ({})", OWN_CLAIMS.join(", ")
    )]
    Claim {
        /// The audience.
        audience: Audience,
        /// The claim.
        claim: String,
    },
    /// A number of lists out of bounds.
    #[error("crl_shards is {value}; it must be from 1 to {MAX_CRL_SHARDS}")]
    CrlShards {
        /// The setting.
        value: u32,
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
            self.check_service(name, service)?;
        }
        let lifetimes = [
            ("service_certificate_lifetime", self.authority.service_certificate_lifetime),
            ("node_certificate_lifetime", self.authority.node_certificate_lifetime),
            ("project_user_certificate_lifetime", self.authority.project_user_certificate_lifetime),
            ("crl_lifetime", self.authority.crl_lifetime),
            ("token_lifetime", self.authority.token_lifetime),
            ("token_key_lifetime", self.authority.token_key_lifetime),
        ];
        if let Some((field, value)) =
            lifetimes.into_iter().find(|(_, value)| *value < LIFETIME_BOUNDS.0 || *value > LIFETIME_BOUNDS.1)
        {
            return Err(DeclarationError::Lifetime { field, value });
        }
        let settings = &self.authority;
        let longest = settings
            .service_certificate_lifetime
            .max(settings.node_certificate_lifetime)
            .max(settings.project_user_certificate_lifetime);
        if settings.intermediate_lifetime.as_secs() < longest.as_secs().saturating_mul(3) {
            return Err(DeclarationError::IntermediateLifetime { value: settings.intermediate_lifetime, longest });
        }
        if settings.root_lifetime.as_secs() < settings.intermediate_lifetime.as_secs().saturating_mul(2) {
            let intermediate = settings.intermediate_lifetime;
            return Err(DeclarationError::RootLifetime { value: settings.root_lifetime, intermediate });
        }
        if !KeyAlgorithm::OF_TOKENS.contains(&settings.token_key_algorithm) {
            return Err(DeclarationError::TokenKeyAlgorithm { value: settings.token_key_algorithm });
        }
        for (audience, declared) in &self.token_audiences {
            if let Some(claim) = declared.claims.keys().find(|claim| !is_claim(claim)) {
                return Err(DeclarationError::Claim { audience: audience.clone(), claim: claim.clone() });
            }
        }
        if !(1..=MAX_CRL_SHARDS).contains(&settings.crl_shards) {
            return Err(DeclarationError::CrlShards { value: settings.crl_shards });
        }
        Ok(())
    }

    fn check_service(&self, name: &ServiceName, service: &Service) -> Result<(), DeclarationError> {
        let known = |group: &String| group == "head" || self.worker_groups.keys().any(|known| known.as_str() == group);
        if let Some(group) = service.node_groups.iter().find(|group| !known(group)) {
            return Err(DeclarationError::NodeGroup { service: name.clone(), group: group.clone() });
        }
        if service.dns_names.iter().any(|name| name.as_str() == API_NAME) {
            return Err(DeclarationError::ApiName { service: name.clone() });
        }
        let commands = service.check.iter().chain(&service.reload);
        if commands.into_iter().any(|reload| reload.command.first().is_none_or(String::is_empty)) {
            return Err(DeclarationError::EmptyCommand { service: name.clone() });
        }
        Ok(())
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
    /// What the daemon's background work cannot do, for people; empty when all is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
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
