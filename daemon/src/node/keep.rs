//! The task that keeps nodes as declared: it starts agents that died, brings a ticket to a node that cannot
//! authenticate any more, launches again what could not be launched, and removes what nobody claims.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::certificate::CertificateProfile;
use ringfence_api::node::NodeState;
use ringfence_cloud::NodeObserved;
use ringfence_store::NodeRow;
use tracing::warn;

use crate::Daemon;
use crate::audit::Actor;
use crate::node::launch::{node_launch, ticket};
use crate::node::reconcile::{launch_node, nodes_differ, reconcile_nodes};
use crate::task::{Task, Wake};

/// After a launch was undone, it is tried again no sooner than this.
const LAUNCH_AGAIN: SignedDuration = SignedDuration::from_secs(10);
/// A node that has not reported for this long, and runs, gets a ticket.
pub(crate) const SILENCE: SignedDuration = SignedDuration::from_secs(30);

/// Keeps nodes.
pub(crate) struct KeepNodes;

#[async_trait]
impl Task for KeepNodes {
    fn name(&self) -> &'static str {
        "keep_nodes"
    }

    fn purpose(&self) -> &'static str {
        "starts agents that died, lets nodes join again, and removes what nobody claims"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn run(&self, daemon: &Arc<Daemon>) -> anyhow::Result<String> {
        let mut done = Vec::new();
        let nodes = daemon.store.read("keep_nodes").await?.list_nodes().await?;
        for node in &nodes {
            match node.state {
                NodeState::Joined | NodeState::Ready => {
                    if let Some(what) = keep_running(daemon, node).await? {
                        warn!(node = %node.name, what, "a node was repaired");
                        done.push(format!("{}: {what}", node.name));
                    }
                }
                NodeState::Launching => {
                    if launch_again(daemon, node).await? {
                        done.push(format!("{}: launched again", node.name));
                    }
                }
                NodeState::Removing => {}
            }
        }
        for name in daemon.nodes.list_nodes().await? {
            if !nodes.iter().any(|node| node.name.as_str() == name) && is_unclaimed(daemon, &name).await? {
                daemon.nodes.remove_node(&name).await?;
                warn!(node = name, "a node that nobody claims was removed");
                done.push(format!("{name}: removed, unclaimed"));
            }
        }
        if declared_differs(daemon, &nodes).await? {
            done.push("nodes declared anew".to_owned());
        }
        Ok(done.join("; "))
    }
}

/// Starts the node's agent if it does not run, with a ticket if it could not authenticate.
async fn keep_running(daemon: &Arc<Daemon>, node: &NodeRow) -> anyhow::Result<Option<&'static str>> {
    let now = daemon.now();
    let name = node.name.as_str();
    let running =
        matches!(daemon.nodes.observe_node(name).await?, NodeObserved::Running { .. } | NodeObserved::Starting);
    let live = daemon.store.read("keep_nodes").await?.list_live_certificates_of_node(name, now).await?;
    let recognised = live.iter().any(|certificate| certificate.profile == CertificateProfile::Node);
    match (running, recognised && !is_silent(node, now)) {
        (true, true) => {
            // Not for its effect on the process, but so that a changed address reaches the agent's configuration.
            daemon.nodes.ensure_node(&node_launch(daemon, &node.name, None)).await?;
            Ok(None)
        }
        (false, true) => {
            daemon.nodes.ensure_node(&node_launch(daemon, &node.name, None)).await?;
            Ok(Some("its agent had died and was started"))
        }
        (running, false) => {
            if running {
                daemon.nodes.stop_node(name).await?;
            }
            let ticket = ticket(daemon, &node.name).await?;
            daemon.nodes.ensure_node(&node_launch(daemon, &node.name, Some(ticket))).await?;
            Ok(Some("it could not authenticate and joins again"))
        }
    }
}

/// A node is silent when it has not reported for a while, counted from the daemon's own start at the earliest:
/// while the daemon was away nobody could report.
fn is_silent(node: &NodeRow, now: Timestamp) -> bool {
    let last = node.reported_at.unwrap_or(node.created_at).max(crate::serve::started_at());
    now.duration_since(last) > SILENCE
}

/// Launches a node again whose last launch was undone, after a pause.
async fn launch_again(daemon: &Arc<Daemon>, node: &NodeRow) -> anyhow::Result<bool> {
    let now = daemon.now();
    let last = daemon.store.read("launch_again").await?.find_last_saga_end(node.name.as_str()).await?;
    if last.is_none_or(|ended| now.duration_since(ended) <= LAUNCH_AGAIN) {
        return Ok(false);
    }
    // Nobody else begins sagas for a node that is launching, so what was read still holds.
    let mut tx = daemon.store.write("launch_again").await?;
    launch_node(&mut tx, &node.name, now).await?;
    tx.commit().await?;
    daemon.tasks.wake(Wake::RunSagas);
    Ok(true)
}

/// Whether nobody claims the node now; a row may have come since the nodes were listed.
async fn is_unclaimed(daemon: &Daemon, name: &str) -> anyhow::Result<bool> {
    let Ok(name) = ringfence_api::NodeName::parse(name) else { return Ok(false) };
    Ok(daemon.store.read("is_unclaimed").await?.find_node(&name).await?.is_none())
}

/// Declares nodes that are missing, such as one that was removed and is wanted again.
async fn declared_differs(daemon: &Arc<Daemon>, nodes: &[NodeRow]) -> anyhow::Result<bool> {
    // An empty cluster has not been declared yet; its first declaration brings its head.
    if nodes.is_empty() || !nodes_differ(&mut daemon.store.read("nodes_differ").await?).await? {
        return Ok(false);
    }
    let mut tx = daemon.store.write("keep_nodes").await?;
    let changed = reconcile_nodes(daemon, &mut tx, &Actor::daemon("keep_nodes")).await?;
    if changed {
        tx.commit().await?;
        daemon.changes.ring();
        daemon.tasks.wake(Wake::RunSagas);
    }
    Ok(changed)
}
