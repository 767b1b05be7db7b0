//! The attributes of a `ringfence_cluster`.

use std::collections::BTreeMap;
use std::time::Duration;

use ringfence_api::{ClusterName, OperatorToken};
use tfplugin_rs::prelude::*;

use super::declaration::{AuthorityModel, Declared, NodeModel, ServiceModel, TokenClaimsModel, WorkerGroupModel};
use crate::connection::ConnectionModel;
use crate::target::LocalModel;

/// How long operations may take unless `timeouts` says otherwise.
pub(super) const CREATE: Duration = Duration::from_mins(10);
pub(super) const DELETE: Duration = Duration::from_mins(5);

/// The `state` of a cluster whose creation has not succeeded. Such a one may be removed although it is protected.
pub(super) const INCOMPLETE: &str = "incomplete";

/// A cluster: a head and worker groups, with a certificate authority of its own.
///
/// The provider starts the head; the head launches, repairs and removes the workers, and keeps the certificates of
/// every node fresh. Exactly one of `local`, `aws` and `azure` says where.
#[derive(Clone, Model)]
pub(crate) struct ClusterModel {
    /// Identity of the cluster (UUID).
    #[tf(computed, plan = keep_state())]
    pub(super) id: Value<String>,
    /// Name: 2 to 30 lower-case letters, digits and hyphens, beginning with a letter. It is part of every node's DNS
    /// name.
    #[tf(required, validate = check(ClusterName::parse), plan = requires_replace())]
    pub(super) name: Value<String>,
    /// Whether the cluster runs. A stopped cluster keeps everything; its projects and members are not refreshed.
    #[tf(optional, default = true)]
    pub(super) running: Value<bool>,
    /// Whether destroying or replacing the cluster is refused. Set it to `false` and apply before you destroy it.
    #[tf(optional, default = true)]
    pub(super) deletion_protection: Value<bool>,
    /// A new token for the operator, in the form of the provider's `token`; it is never stored. Set it together with a
    /// new `operator_token_wo_version` and apply; then set it as the provider's `token`. The old token stays valid
    /// until the new one is used for the first time.
    #[tf(optional, write_only, sensitive, validate = check(OperatorToken::parse))]
    pub(super) operator_token_wo: Value<String>,
    /// Any text. A change of it gives `operator_token_wo` to the cluster: Terraform does not store that token, so it
    /// cannot see a change of the token itself.
    #[tf(optional, validate = length(1..=100))]
    pub(super) operator_token_wo_version: Value<String>,
    /// Runs the cluster as processes of this machine.
    #[tf(optional)]
    pub(super) local: Value<LocalModel>,
    /// Runs the cluster on AWS. Not available in this version.
    #[tf(optional)]
    pub(super) aws: Value<AwsModel>,
    /// Runs the cluster on Azure. Not available in this version.
    #[tf(optional)]
    pub(super) azure: Value<AzureModel>,
    /// Worker groups by name: 1 to 15 lower-case letters, digits and hyphens, beginning with a letter, not `head`.
    #[tf(optional, validate = keys(check(ringfence_api::GroupName::parse)))]
    pub(super) worker_groups: Value<BTreeMap<String, WorkerGroupModel>>,
    /// Services by name (1 to 30 lower-case letters, digits and hyphens, beginning with a letter). Each gets a
    /// certificate on the nodes where it runs: the common name is the node's DNS name, the locality (L) its system
    /// user.
    #[tf(optional, validate = keys(check(ringfence_api::ServiceName::parse)))]
    pub(super) services: Value<BTreeMap<String, ServiceModel>>,
    /// Claims of the tokens of project users, by audience: what `sub` holds, and further claims. Use it for verifiers
    /// that expect claims under fixed names, such as search engines that read roles. Default: only the claims that
    /// every token has.
    #[tf(optional, validate = keys(check(ringfence_api::Audience::parse)))]
    pub(super) token_audiences: Value<BTreeMap<String, TokenClaimsModel>>,
    /// Lifetimes and keys of what the certificate authority signs. Lifetimes are durations such as `45s`, `24h` or
    /// `7d`, from 15 seconds to 366 days. A change applies to certificates that are signed from then on.
    #[tf(optional)]
    pub(super) authority: Value<AuthorityModel>,
    /// Address of the daemon's API.
    #[tf(computed, plan = keep_state())]
    pub(super) endpoint: Value<String>,
    /// Root certificate of the cluster, in PEM.
    #[tf(computed, plan = keep_state())]
    pub(super) ca_certificate: Value<String>,
    /// What resources in this cluster take as their `cluster`.
    #[tf(computed, plan = keep_state())]
    pub(super) connection: Value<ConnectionModel>,
    /// Nodes, the head first.
    #[tf(computed)]
    pub(super) nodes: Value<Vec<NodeModel>>,
    /// `running` or `stopped`; `incomplete` after a creation that did not succeed.
    #[tf(computed)]
    pub(super) state: Value<String>,
    /// How long operations may take, such as `90s`, `10m` or `1h30m`. Default: 10 minutes to create and to change, 5
    /// minutes to stop and to delete.
    #[tf(optional)]
    pub(super) timeouts: Value<Timeouts>,
}

/// A cluster on AWS.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct AwsModel {
    /// Region, such as `eu-north-1`.
    #[tf(required)]
    pub(super) region: Value<String>,
}

/// A cluster on Azure.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct AzureModel {
    /// Location, such as `swedencentral`.
    #[tf(required)]
    pub(super) location: Value<String>,
}

pub(super) fn declared(model: &ClusterModel) -> Declared {
    Declared {
        worker_groups: model.worker_groups.clone(),
        services: model.services.clone(),
        token_audiences: model.token_audiences.clone(),
        authority: model.authority.clone(),
    }
}

pub(super) fn cluster_name(model: &ClusterModel) -> Result<ClusterName> {
    ClusterName::parse(model.name.known().map_or("", String::as_str)).map_err(|error| {
        Diagnostic::error("The cluster name is not valid")
            .detail(format!("{error}."))
            .at(Path::root().attr("name"))
            .into()
    })
}
