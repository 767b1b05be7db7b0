//! Reconciles nodes with the declaration: the head, and each group's workers by index. A missing node gets a row and a
//! saga that launches it. A surplus node is marked, its certificates are revoked, and a saga removes it. All in the
//! caller's transaction.

use std::collections::BTreeMap;

use ringfence_api::NodeName;
use ringfence_api::certificate::RevocationReason;
use ringfence_api::cluster::PutCluster;
use ringfence_api::node::NodeState;
use ringfence_saga::SagaId;
use ringfence_store::Transaction;
use ringfence_store::certificate::Revoke;
use ringfence_store::node::NodeRow;
use ringfence_store::saga::NewSaga;
use ringfence_store::token::End;

use crate::base::{Actor, Failure};
use crate::node::saga_input::{LAUNCH_NODE, NodeInput, REMOVE_NODE};

/// The difference between the declared and the existing nodes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    launch: Vec<(NodeName, String)>,
    remove: Vec<NodeName>,
}

fn difference(declared: &PutCluster, present: &[NodeRow]) -> Difference {
    let mut wanted: BTreeMap<NodeName, String> = BTreeMap::from([(NodeName::head(), "head".to_owned())]);
    for (group, workers) in &declared.worker_groups {
        wanted.extend((0..workers.count).map(|index| (NodeName::worker(group, index), group.to_string())));
    }
    let remove = present.iter().filter(|node| node.state != NodeState::Removing && !wanted.contains_key(&node.name));
    let remove = remove.map(|node| node.name.clone()).collect();
    // A node that is being removed is launched again once its row is gone.
    wanted.retain(|name, _| !present.iter().any(|node| node.name == *name));
    Difference { launch: wanted.into_iter().collect(), remove }
}

/// Whether there is anything to reconcile.
pub(crate) fn nodes_differ(declared: &PutCluster, present: &[NodeRow]) -> bool {
    difference(declared, present) != Difference::default()
}

/// Adds and marks rows and records sagas until they match the declaration. Returns whether anything changed.
pub(crate) async fn reconcile_nodes(
    tx: &mut Transaction,
    actor: &Actor,
    now: jiff::Timestamp,
) -> Result<bool, Failure> {
    let declared = tx.cluster().get().await?.declared;
    let present = tx.nodes().list().await?;
    // Whoever declares the cluster may have removed the cause of a failed launch.
    for node in present.iter().filter(|node| node.state == NodeState::Launching) {
        tx.sagas().forget_attempts(node.name.as_str()).await?;
    }
    let Difference { launch, remove } = difference(&declared, &present);
    let changed = !launch.is_empty() || !remove.is_empty();
    for (node, group) in launch {
        tx.nodes().insert(&node, &group, now).await?;
        launch_node(tx, &node, now).await?;
        actor.record(tx, "launch_node", node.as_str(), "declared", now).await?;
    }
    for node in remove {
        tx.nodes().update_state(&node, NodeState::Removing, None).await?;
        tx.tickets().delete(&node).await?;
        let reason = RevocationReason::CessationOfOperation;
        let revoked = tx.certificates().revoke_all(Revoke::OfNode(node.as_str()), reason, now).await?;
        let ended = tx.tokens().end_all(End::OfNode(&node), now).await?;
        remove_node(tx, &node, now).await?;
        let outcome = format!("{revoked} certificates revoked, {ended} tokens ended");
        actor.record(tx, "remove_node", node.as_str(), &outcome, now).await?;
    }
    if changed {
        tx.cluster().increment_revision().await?;
    }
    Ok(changed)
}

/// Records a saga that launches a node whose row exists.
pub(crate) async fn launch_node(tx: &mut Transaction, node: &NodeName, now: jiff::Timestamp) -> Result<(), Failure> {
    insert(tx, LAUNCH_NODE, node, now).await
}

/// Records a saga that removes a marked node.
pub(crate) async fn remove_node(tx: &mut Transaction, node: &NodeName, now: jiff::Timestamp) -> Result<(), Failure> {
    insert(tx, REMOVE_NODE, node, now).await
}

async fn insert(tx: &mut Transaction, kind: &str, node: &NodeName, now: jiff::Timestamp) -> Result<(), Failure> {
    let id = SagaId::new(uuid::Uuid::new_v4().to_string());
    let input = serde_json::to_value(NodeInput { node: node.clone() }).map_err(Failure::internal)?;
    tx.sagas().insert(&NewSaga { id: &id, kind, subject: node.as_str(), input }, now).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use ringfence_api::GroupName;
    use ringfence_api::cluster::WorkerGroup;

    use super::*;

    fn declared(groups: &[(&str, u32)]) -> PutCluster {
        let group = |(name, count): &(&str, u32)| (GroupName::parse(name).unwrap(), WorkerGroup { count: *count });
        PutCluster { worker_groups: groups.iter().map(group).collect(), ..PutCluster::default() }
    }

    fn node(name: &str, state: NodeState) -> NodeRow {
        NodeRow {
            name: NodeName::parse(name).unwrap(),
            group: String::new(),
            state,
            reported_at: None,
            reported_generation: 0,
            held: Vec::new(),
            fault: None,
            rotation_requested_at: None,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            beyond: None,
        }
    }

    fn names(difference: &Difference) -> (Vec<&str>, Vec<&str>) {
        let launch = difference.launch.iter().map(|(name, _)| name.as_str()).collect();
        (launch, difference.remove.iter().map(NodeName::as_str).collect())
    }

    #[test]
    fn an_empty_cluster_gets_its_head_and_workers() {
        let difference = difference(&declared(&[("a", 2), ("b", 1)]), &[]);
        assert_eq!(names(&difference), (vec!["a-0", "a-1", "b-0", "head"], vec![]));
    }

    #[test]
    fn a_group_shrinks_from_its_end_and_an_undeclared_group_is_removed() {
        let present = ["head", "a-0", "a-1", "b-0"].map(|name| node(name, NodeState::Ready));
        let difference = difference(&declared(&[("a", 1)]), &present);
        assert_eq!(names(&difference), (vec![], vec!["a-1", "b-0"]));
    }

    #[test]
    fn a_node_that_is_being_removed_is_neither_removed_again_nor_launched() {
        let present = [node("head", NodeState::Ready), node("a-0", NodeState::Removing)];
        assert_eq!(names(&difference(&declared(&[("a", 1)]), &present)), (vec![], vec![]));
        assert_eq!(names(&difference(&declared(&[]), &present)), (vec![], vec![]));
    }
}
