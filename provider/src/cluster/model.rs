//! The attributes of a `ringfence_cluster`.

use std::collections::BTreeMap;

use ringfence_api::{ClusterName, OperatorToken};
use tfplugin_rs::prelude::*;

use super::declaration::{AuthorityModel, Declared, NodeModel, ServiceModel, TokenClaimsModel, WorkerGroupModel};
use crate::connection::ConnectionModel;
use crate::target::local::Local;

/// The `state` of a cluster whose creation has not succeeded. Such a one may be removed although it is protected.
pub(super) const INCOMPLETE: &str = "incomplete";

/// A cluster: a head and worker groups, with a certificate authority of its own.
///
/// The provider starts the head; the head launches, repairs and removes the workers, and keeps the certificates of every
/// node fresh. Exactly one of `local`, `aws` and `azure` says where.
#[derive(Clone, Model)]
pub(crate) struct ClusterModel {
    /// Identity of the cluster (UUID).
    #[tf(computed, plan = keep_state())]
    pub(super) id: Value<String>,
    /// Name: 2 to 30 lower-case letters, digits and hyphens, beginning with a letter. It is part of every node's DNS name.
    #[tf(required, validate = check(ClusterName::parse), plan = requires_replace())]
    pub(super) name: Value<String>,
    /// Whether the cluster runs. A stopped cluster keeps everything; its projects and members are not refreshed.
    #[tf(optional, default = true)]
    pub(super) running: Value<bool>,
    /// Whether destroying or replacing the cluster is refused. Apply `false` before you destroy it.
    #[tf(optional, default = true)]
    pub(super) deletion_protection: Value<bool>,
    /// Another token for the operator, in the form of the provider's `token`; it is never stored. Give it to the cluster
    /// with a new `operator_token_wo_version`, then to the provider: the token before is good until this one has been used
    /// for the first time.
    #[tf(optional, write_only, sensitive, validate = check(OperatorToken::parse))]
    pub(super) operator_token_wo: Value<String>,
    /// Any text. Another one gives `operator_token_wo` to the cluster, which Terraform cannot tell from the value itself.
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
    /// certificate on the nodes where it runs: the common name is the node's DNS name, the locality (L) its system user.
    #[tf(optional, validate = keys(check(ringfence_api::ServiceName::parse)))]
    pub(super) services: Value<BTreeMap<String, ServiceModel>>,
    /// What the tokens of project users say to verifiers that cannot be told where to look, by audience: what `sub` holds, and
    /// more claims. Search engines, for one, want roles under a name of their own. Default: nothing besides what every token says.
    #[tf(optional, validate = keys(check(ringfence_api::Audience::parse)))]
    pub(super) token_audiences: Value<BTreeMap<String, TokenClaimsModel>>,
    /// How long what the certificate authority signs lives: durations such as `45s`, `24h` or `7d`, from 15 seconds to
    /// 366 days. A change applies to certificates that are signed from then on.
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

/// What tells a cluster from all others.
#[derive(Clone, Model)]
pub(crate) struct ClusterIdentity {
    /// Directory of a local cluster.
    #[tf(required)]
    pub(super) directory: Value<String>,
}

/// A cluster of processes on this machine.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct LocalModel {
    /// Directory of the cluster, new or empty; a relative path begins where Terraform runs. Everything of the cluster
    /// lies in it, and it is removed with the cluster. If it holds a cluster of this name already, that one is taken over
    /// as it is, or refused when it is declared otherwise: import it then.
    #[tf(required, validate = length(1..=4096), plan = requires_replace_if(is_another_directory))]
    pub(super) directory: Value<String>,
    /// Port of the API on 127.0.0.1. Default: a free one, chosen once.
    #[tf(optional, computed, validate = between(1, 65535), plan = keep_state())]
    pub(super) port: Value<i64>,
    /// Path of the program `ringfenced`. Default: beside the provider, else on the `PATH`.
    #[tf(optional)]
    pub(super) daemon: Value<String>,
}

/// Another spelling of the same place does not replace a cluster.
pub(super) fn is_another_directory(prior: &Value<String>, planned: &Value<String>) -> bool {
    match (prior.known(), planned.known()) {
        (Some(prior), Some(planned)) => !Local::same(prior, planned),
        _ => prior != planned,
    }
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
