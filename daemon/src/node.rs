//! Nodes: declared in the cluster's declaration, launched and removed by sagas, kept running by a task, and read by
//! routes.

mod certificate;
mod desired;
mod fault;
mod issue;
mod join;
mod keep;
mod launch;
mod read;
mod reconcile;
mod rejoin;
mod remove;
mod report;
mod rotate;
mod run_sagas;
mod saga_input;
mod service_certificate;
mod service_token;

use std::sync::Arc;

use axum::extract::FromRef;
use ringfence_api::ClusterName;
use ringfence_api::inspect::route::LIST_SAGAS;
use ringfence_api::node::{Node, route};
use ringfence_place::{Machine, NodeDriver};
use ringfence_store::node::NodeRow;

use crate::access::{Access, Routes};
use crate::authority::{Authorities, Issuing};
use crate::base::{Base, Task};

#[cfg(test)]
pub(crate) use certificate::post_certificate;
#[cfg(test)]
pub(crate) use desired::read_desired;
pub(crate) use issue::OnNode;
#[cfg(test)]
pub(crate) use join::may_join;
pub(crate) use reconcile::{nodes_differ, reconcile_nodes};
#[cfg(test)]
pub(crate) use report::put_report;
pub(crate) use service_token::end_undeclared_tokens;

/// The state that the sagas, tasks and routes of nodes share.
pub(crate) struct Nodes {
    pub(crate) base: Arc<Base>,
    pub(crate) authorities: Arc<Authorities>,
    /// The machine of each node.
    pub(crate) machine: Machine,
    /// The place where nodes run.
    pub(crate) place: Box<dyn NodeDriver>,
}

/// The routes of nodes, and of the sagas that launch and remove them.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Base>: FromRef<S>,
    Arc<Nodes>: FromRef<S>,
    Arc<Issuing<OnNode>>: FromRef<S>,
{
    Routes::new()
        .add(&route::LIST_NODES, read::list_nodes)
        .add(&route::READ_NODE, read::read_node)
        .add(&route::JOIN_NODE, join::join_node)
        .add(&route::READ_DESIRED, desired::read_desired)
        .add(&route::POST_CERTIFICATE, certificate::post_certificate)
        .add(&route::POST_SERVICE_CERTIFICATE, service_certificate::post_service_certificate)
        .add(&route::POST_SERVICE_TOKEN, service_token::post_service_token)
        .add(&route::PUT_REPORT, report::put_report)
        .add(&route::ROTATE_NODE, rotate::rotate_node)
        .add(&route::READ_ROTATION, rotate::read_rotation)
        .add(&LIST_SAGAS, read::list_sagas)
}

/// The tasks that run sagas and keep nodes as declared.
pub(crate) fn tasks<S>(state: &S) -> Vec<Box<dyn Task>>
where
    Arc<Nodes>: FromRef<S>,
{
    let nodes = Arc::<Nodes>::from_ref(state);
    vec![Box::new(run_sagas::RunSagas::new(nodes.clone())), Box::new(keep::KeepNodes::new(nodes))]
}

/// A node as the API shows it.
pub(crate) fn view(row: NodeRow, cluster: &ClusterName) -> Node {
    Node {
        dns_name: row.name.dns_name(cluster),
        name: row.name,
        group: row.group,
        state: row.state,
        reported_at: row.reported_at,
        certificates: row.held,
        fault: row.fault,
    }
}
