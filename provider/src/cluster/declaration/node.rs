//! Worker groups, and the nodes that they make.

use std::collections::BTreeMap;

use ringfence_api::cluster::{Cluster, MAX_GROUP_COUNT};
use ringfence_api::node::NodeState;
use ringfence_api::{ClusterName, GroupName, NodeName};
use tfplugin_rs::prelude::*;

/// Some workers of one kind.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct WorkerGroupModel {
    /// How many workers, 0 to 1000.
    #[tf(required, validate = between(0, i64::from(MAX_GROUP_COUNT)))]
    pub(crate) count: Value<i64>,
}

/// A node of the cluster.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct NodeModel {
    /// Name of the node.
    #[tf(computed)]
    name: Value<String>,
    /// `head`, or the worker group.
    #[tf(computed)]
    group: Value<String>,
    /// DNS name of the node, the common name of its certificates.
    #[tf(computed)]
    pub(super) dns_name: Value<String>,
}

/// The nodes that these worker groups make, when they are known.
pub(crate) fn planned_nodes(
    worker_groups: &Value<BTreeMap<String, WorkerGroupModel>>,
    cluster: &ClusterName,
) -> Value<Vec<NodeModel>> {
    if worker_groups.is_unknown() {
        return Value::Unknown;
    }
    let mut nodes = vec![node(&NodeName::head(), "head", cluster)];
    for (name, group) in worker_groups.known().into_iter().flatten() {
        let (Ok(parsed), Some(count)) = (GroupName::parse(name), group.count.known()) else {
            return Value::Unknown;
        };
        nodes.extend(
            (0..u32::try_from(*count).unwrap_or(0)).map(|index| node(&NodeName::worker(&parsed, index), name, cluster)),
        );
    }
    nodes.into()
}

/// The nodes that are there, without those that are on their way out.
pub(crate) fn nodes_of(cluster: &Cluster) -> Vec<NodeModel> {
    let staying = cluster.nodes.iter().filter(|node| node.state != NodeState::Removing);
    staying.map(|present| node(&present.name, &present.group, &cluster.name)).collect()
}

fn node(name: &NodeName, group: &str, cluster: &ClusterName) -> NodeModel {
    NodeModel { name: name.as_str().into(), group: group.into(), dns_name: name.dns_name(cluster).as_str().into() }
}
