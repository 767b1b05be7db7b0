//! The saga that launches a node.
//!
//! *Why a saga:* a crash between asking the driver for a node and recording that it has joined leaves a machine or
//! process that only this operation can explain. *Rows:* the node's ticket; its state changes by its own join and
//! reports. *Concurrent operations* may mark the node for removal; the launch then ends early, and the removal, which
//! waits for it, removes everything. *If it fails*, everything is undone, the fault is recorded in the node's row, and
//! `keep_nodes` launches again after a pause.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use ringfence_agent::AgentConfig;
use ringfence_api::node::NodeState;
use ringfence_api::{Connection, NodeName};
use ringfence_place::NodeLaunch;
use ringfence_saga::{Outputs, Saga, Step, StepError};

use crate::base::Base;
use crate::node::Nodes;
use crate::node::saga_input::{LAUNCH_NODE, NodeInput};

/// Launches one node and waits until it has joined.
pub(crate) struct LaunchNode;

impl Saga for LaunchNode {
    const NAME: &'static str = LAUNCH_NODE;
    type Context = Arc<Nodes>;
    type Input = NodeInput;

    fn steps() -> Vec<Step<Self>> {
        vec![
            Step::undoable(
                "grant_ticket",
                grant_ticket,
                revoke_ticket,
                "the ticket is derived: a repeat grants the same one",
            ),
            Step::undoable(
                "start_node",
                start_node,
                remove_node,
                "the driver identifies nodes by name: a repeat finds the first one",
            )
            .retries(3),
            Step::without_effect("await_join", await_join, "it only reads").retries(1),
        ]
    }
}

/// How long a ticket is valid.
const TICKET_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How long a started node may take to join.
const JOIN_TIMEOUT: Duration = Duration::from_mins(1);

async fn grant_ticket(nodes: &Arc<Nodes>, input: &NodeInput, _: &Outputs) -> Result<(), StepError> {
    ticket(&nodes.base, &input.node).await.map(drop).map_err(StepError::transient)
}

async fn revoke_ticket(nodes: &Arc<Nodes>, input: &NodeInput, _: &Outputs) -> Result<(), StepError> {
    let mut tx = nodes.base.write_leading("revoke_ticket").await.map_err(StepError::transient)?;
    tx.tickets().delete(&input.node).await.map_err(StepError::transient)?;
    tx.commit().await.map_err(StepError::transient)
}

async fn start_node(nodes: &Arc<Nodes>, input: &NodeInput, _: &Outputs) -> Result<(), StepError> {
    let ticket = ticket(&nodes.base, &input.node).await.map_err(StepError::transient)?;
    nodes.place.ensure_node(&node_launch(nodes, &input.node, Some(ticket))).await.map_err(driver_error)
}

async fn remove_node(nodes: &Arc<Nodes>, input: &NodeInput, _: &Outputs) -> Result<(), StepError> {
    nodes.place.remove_node(input.node.as_str()).await.map_err(driver_error)
}

async fn await_join(nodes: &Arc<Nodes>, input: &NodeInput, _: &Outputs) -> Result<(), StepError> {
    let deadline = tokio::time::Instant::now() + JOIN_TIMEOUT;
    let mut changes = nodes.base.changes.subscribe();
    loop {
        let mut tx = nodes.base.store.read("await_join").await.map_err(StepError::transient)?;
        let node = tx.nodes().find(&input.node).await.map_err(StepError::transient)?;
        drop(tx);
        if node.is_none_or(|node| node.state != NodeState::Launching) {
            return Ok(());
        }
        if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
            let seconds = JOIN_TIMEOUT.as_secs();
            return Err(StepError::transient(format!(
                "the node did not join within {seconds} seconds; see its agent's log"
            )));
        }
    }
}

fn driver_error(error: ringfence_place::DriverError) -> StepError {
    if error.is_transient() { StepError::transient(error) } else { StepError::permanent(error) }
}

/// Everything a driver needs to launch this node.
pub(crate) fn node_launch(nodes: &Nodes, node: &NodeName, ticket: Option<String>) -> NodeLaunch {
    let config = AgentConfig {
        node: node.clone(),
        dns_name: node.dns_name(&nodes.base.cluster_name),
        connection: Connection {
            endpoint: nodes.base.endpoint.clone(),
            ca_certificate: nodes.authorities.cached().ca_bundle(),
            cluster_id: nodes.base.cluster_id,
        },
    };
    let config_json = serde_json::to_string_pretty(&config).expect("an agent's configuration serializes");
    NodeLaunch { name: node.to_string(), machine: nodes.machine.clone(), config_json, ticket }
}

/// Grants the node a ticket. It is derived from the master key, the history of the database and the number of
/// certificates that the node has been issued, so that a repeated step grants the same ticket, and a node that joins
/// again needs another one.
pub(crate) async fn ticket(base: &Base, node: &NodeName) -> anyhow::Result<String> {
    let mut tx = base.write_leading("grant_ticket").await?;
    let issued = tx.certificates().count_of_node_profile(node).await?;
    let incarnation = tx.cluster().get().await?.incarnation.id;
    let ticket = base.master_key.derive("join ticket", &format!("{}/{incarnation}/{node}/{issued}", base.cluster_id));
    tx.tickets().upsert(node, &ticket_hash(&ticket), base.now() + TICKET_LIFETIME).await?;
    tx.commit().await?;
    Ok(ticket.to_string())
}

/// What is stored of a ticket.
pub(crate) fn ticket_hash(ticket: &str) -> String {
    ringfence_pki::fingerprint(ticket.as_bytes())
}
