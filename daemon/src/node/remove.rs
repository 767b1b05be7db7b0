//! The saga that removes a node.
//!
//! *Why a saga:* a crash between removing the machine and deleting the row leaves one without the other. The node was
//! marked, and its certificates revoked, in the transaction that recorded this saga, so it has no access from that
//! commit on. *Concurrent operations* leave a marked node alone. *If it gets stuck*, the node stays marked and shows
//! the fault; `keep_nodes` starts another removal after a pause, until one succeeds.

use std::sync::Arc;

use ringfence_saga::{Outputs, Saga, Step, StepError};

use crate::base::{Actor, Failure};
use crate::node::Nodes;
use crate::node::reconcile::reconcile_nodes;
use crate::node::saga_input::{NodeInput, REMOVE_NODE};

/// Removes one node.
pub(crate) struct RemoveNode;

impl Saga for RemoveNode {
    const NAME: &'static str = REMOVE_NODE;
    type Context = Arc<Nodes>;
    type Input = NodeInput;

    fn steps() -> Vec<Step<Self>> {
        vec![
            Step::forward_only("remove_machine", remove_machine, "a node that does not exist counts as removed")
                .retries(20),
            Step::forward_only("forget_node", forget_node, "a row that does not exist counts as deleted").retries(20),
        ]
    }
}

async fn remove_machine(nodes: &Arc<Nodes>, input: &NodeInput, _: &Outputs) -> Result<(), StepError> {
    nodes
        .place
        .remove_node(input.node.as_str())
        .await
        .map_err(|error| if error.is_transient() { StepError::transient(error) } else { StepError::permanent(error) })
}

async fn forget_node(nodes: &Arc<Nodes>, input: &NodeInput, _: &Outputs) -> Result<(), StepError> {
    let forget = async {
        let mut tx = nodes.base.write_leading("forget_node").await.map_err(Failure::internal)?;
        tx.nodes().delete(&input.node).await?;
        tx.cluster().increment_revision().await?;
        // The node may be declared again by now, and readers must not see a cluster that is complete without it.
        reconcile_nodes(&mut tx, &Actor::daemon(RemoveNode::NAME), nodes.base.now()).await?;
        Ok::<_, Failure>(tx.commit().await?)
    };
    forget.await.map_err(StepError::transient)?;
    nodes.base.changes.notify_states();
    Ok(())
}
