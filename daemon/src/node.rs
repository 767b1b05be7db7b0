//! Nodes: declared by the cluster's declaration, launched and removed by sagas, kept alive by a task, and served
//! by routes of their own.

mod certificate;
mod desired;
mod join;
mod keep;
mod launch;
mod read;
mod reconcile;
mod remove;
mod report;
mod rotate;
mod run_sagas;
mod service_certificate;

use ringfence_api::ClusterName;
use ringfence_api::node::Node;
use ringfence_store::NodeRow;

pub(crate) use certificate::{__path_post_certificate, post_certificate};
pub(crate) use desired::{__path_read_desired, read_desired};
pub(crate) use join::{__path_join_node, join_node};
pub(crate) use keep::KeepNodes;
pub(crate) use read::{__path_list_nodes, __path_read_node, list_nodes, read_node};
pub(crate) use reconcile::{nodes_differ, reconcile_nodes};
pub(crate) use report::{__path_put_report, put_report};
pub(crate) use rotate::{__path_read_rotation, __path_rotate_node, read_rotation, rotate_node};
pub(crate) use run_sagas::RunSagas;
pub(crate) use service_certificate::{__path_post_service_certificate, post_service_certificate};

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
