//! The task that keeps nodes as declared: it restarts agents that died, gives a new ticket to a node that can no longer
//! authenticate, repeats failed launches and removals, and removes nodes that are no longer in the database. A failure
//! is recorded as a fault of its node, and does not affect other nodes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::certificate::CertificateProfile;
use ringfence_api::cluster::PutCluster;
use ringfence_api::node::NodeState;
use ringfence_place::NodeObserved;
use ringfence_store::node::NodeRow;
use ringfence_store::saga::LastSaga;
use tracing::warn;

use crate::base::{Actor, Base, Event, Task};
use crate::node::Nodes;
use crate::node::fault::readable;
use crate::node::launch::{node_launch, ticket};
use crate::node::reconcile::{launch_node, nodes_differ, reconcile_nodes, remove_node};
use crate::node::rejoin::Rejoins;
use crate::node::saga_input::{LAUNCH_NODE, REMOVE_NODE};

/// The pause before a failed launch or removal is repeated for the first time; it doubles with each, up to the longest.
const RETRY_PAUSE: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_RETRY_PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// A node that has not reported for this long, plus the time that the commands of its services may take, is treated as
/// lost.
const REPORT_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);
/// If this task has not run for this long, this machine was suspended, and could not receive reports.
const ASLEEP: SignedDuration = SignedDuration::from_secs(10);

/// How much the clock of the daemon that took a report may be ahead of this one's.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// Keeps nodes as declared.
pub(crate) struct KeepNodes {
    nodes: Arc<Nodes>,
    awake: Mutex<Option<Awake>>,
    rejoins: Mutex<Rejoins>,
}

impl KeepNodes {
    pub(super) fn new(nodes: Arc<Nodes>) -> Self {
        Self { nodes, awake: Mutex::default(), rejoins: Mutex::default() }
    }
}

/// The time since which this machine has been awake, so that nodes could report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Awake {
    since: Timestamp,
    last_run: Timestamp,
}

impl Awake {
    fn next(before: Option<Self>, now: Timestamp) -> Self {
        let since =
            before.filter(|before| now.duration_since(before.last_run).abs() < ASLEEP).map(|before| before.since);
        Self { since: since.unwrap_or(now), last_run: now }
    }
}

#[async_trait]
impl Task for KeepNodes {
    fn name(&self) -> &'static str {
        "keep_nodes"
    }

    fn purpose(&self) -> &'static str {
        "restarts agents that died, lets nodes join again, and removes nodes that are no longer in the database"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn leads(&self) -> bool {
        true
    }

    fn woken_by(&self) -> &'static [Event] {
        &[Event::SagaEnded, Event::LeadTaken]
    }

    async fn run(&self) -> anyhow::Result<String> {
        let place = &self.nodes.place;
        let base = &self.nodes.base;
        let awake = {
            let mut awake = self.awake.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let next = Awake::next(*awake, base.now());
            *awake.insert(next)
        };
        let mut tx = base.store.read("keep_nodes").await?;
        let declared = tx.cluster().get().await?.declared;
        let rows = tx.nodes().list().await?;
        drop(tx);
        let mut done = Vec::new();
        for node in &rows {
            match keep(self, &declared, node, awake.since).await {
                Ok(Some(what)) => done.push(format!("{}: {what}", node.name)),
                Ok(None) => {}
                Err(error) => record_fault(base, node, &error).await?,
            }
        }
        for name in place.list_nodes().await? {
            if !rows.iter().any(|node| node.name.as_str() == name) && is_left_over(base, &name).await? {
                place.remove_node(&name).await?;
                warn!(node = name, "a node that is not in the database was removed");
                done.push(format!("{name}: removed, not in the database"));
            }
        }
        // A cluster without nodes has not been declared yet; its first declaration creates the head.
        if !rows.is_empty() && nodes_differ(&declared, &rows) {
            let mut tx = base.write_leading("keep_nodes").await?;
            reconcile_nodes(&mut tx, &Actor::daemon("keep_nodes"), base.now()).await?;
            tx.commit().await?;
            base.changes.notify_states();
            base.events.notify(Event::SagaRecorded);
            done.push("nodes reconciled with the declaration".to_owned());
        }
        Ok(done.join("; "))
    }
}

/// Keeps one node. Returns what it did, if anything.
async fn keep(
    task: &KeepNodes,
    declared: &PutCluster,
    node: &NodeRow,
    awake_since: Timestamp,
) -> anyhow::Result<Option<&'static str>> {
    match node.state {
        NodeState::Joined | NodeState::Ready => keep_running(task, declared, node, awake_since).await,
        NodeState::Launching | NodeState::Removing => retry(&task.nodes.base, node).await,
    }
}

/// Starts the node's agent if it does not run, with a ticket if it can no longer authenticate.
async fn keep_running(
    task: &KeepNodes,
    declared: &PutCluster,
    node: &NodeRow,
    awake_since: Timestamp,
) -> anyhow::Result<Option<&'static str>> {
    let nodes = &*task.nodes;
    let Nodes { base, place, .. } = nodes;
    let now = base.now();
    let name = node.name.as_str();
    let observed = place.observe_node(name).await?;
    let running = matches!(observed, NodeObserved::Running { .. } | NodeObserved::Starting);
    let live = base.store.read("keep_nodes").await?.certificates().list_live_of_node(name, now).await?;
    let own = live.iter().filter(|certificate| certificate.profile == CertificateProfile::Node);
    let newest = own.map(|certificate| certificate.issued_at).max();
    let lost = newest.is_none_or(|issued_at| is_silent(declared, node, issued_at.max(awake_since), now));
    let may_join = {
        let mut rejoins = task.rejoins.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if lost {
            rejoins.is_due(name, tokio::time::Instant::now())
        } else {
            rejoins.forget(name);
            false
        }
    };
    if lost && running && !may_join {
        return Ok(None);
    }
    if may_join {
        if running {
            place.stop_node(name).await?;
        }
        let ticket = ticket(base, &node.name).await?;
        place.ensure_node(&node_launch(nodes, &node.name, Some(ticket))).await?;
    } else {
        // Also for a running agent, so that a changed address is written to its configuration.
        place.ensure_node(&node_launch(nodes, &node.name, None)).await?;
    }
    let what = match (may_join, running) {
        (false, true) => return Ok(None),
        (false, false) => "its agent had died and was restarted",
        (true, _) => "it could not authenticate or did not report, and joins again",
    };
    warn!(node = name, what, "a node was repaired");
    set_state(base, node, None).await?;
    Ok(Some(what))
}

/// Whether a node has not reported for too long. `since` is the time from which it could report.
fn is_silent(declared: &PutCluster, node: &NodeRow, since: Timestamp, now: Timestamp) -> bool {
    // A report from the future came while the clock was ahead, and says nothing.
    let reported = node.reported_at.filter(|reported| *reported <= now + SKEW);
    let since = since.min(now);
    let last = reported.map_or(since, |reported| reported.max(since));
    // An agent reports after it has run the commands of its services, each of which has a timeout.
    let here = declared.services.values().filter(|service| service.runs_in(&node.group));
    let commands = here.flat_map(|service| service.check.iter().chain(&service.reload));
    let timeout =
        commands.map(|command| command.timeout.as_signed()).fold(REPORT_TIMEOUT, SignedDuration::saturating_add);
    now.duration_since(last) > timeout
}

/// Begins the launch or removal again if it failed, after a pause. It stays one saga, however often it fails.
async fn retry(base: &Base, node: &NodeRow) -> anyhow::Result<Option<&'static str>> {
    let now = base.now();
    let last = base.store.read("try_again").await?.sagas().find_last(node.name.as_str()).await?;
    let Some(last) = last.filter(|last| is_retry_due(last, now)) else { return Ok(None) };
    let mut tx = base.write_leading("try_again").await?;
    // Checked again in the write transaction.
    let present = tx.nodes().find(&node.name).await?.filter(|present| present.state == node.state);
    if present.is_none() || tx.sagas().find_last(node.name.as_str()).await?.as_ref() != Some(&last) {
        return Ok(None);
    }
    let (kind, what) = match node.state {
        NodeState::Removing => (REMOVE_NODE, "is being removed again"),
        _ => (LAUNCH_NODE, "is being launched again"),
    };
    if last.kind == kind {
        tx.sagas().begin_again(&last.id).await?;
    } else if kind == REMOVE_NODE {
        remove_node(&mut tx, &node.name, now).await?;
    } else {
        launch_node(&mut tx, &node.name, now).await?;
    }
    tx.commit().await?;
    base.events.notify(Event::SagaRecorded);
    Ok(Some(what))
}

/// Whether a saga that failed may begin again. A clock that went back must not make the pause longer.
fn is_retry_due(last: &LastSaga, now: Timestamp) -> bool {
    let doublings = 1_i32.checked_shl(last.attempts.saturating_sub(1).min(16)).unwrap_or(1);
    let pause = if last.attempts == 0 { SignedDuration::ZERO } else { RETRY_PAUSE * doublings };
    last.finished_at.is_some_and(|ended| now.duration_since(ended).abs() > pause.min(LONGEST_RETRY_PAUSE))
}

/// Records a failure as the node's fault.
async fn record_fault(base: &Base, node: &NodeRow, error: &anyhow::Error) -> anyhow::Result<()> {
    let fault = readable(&format!("{error:#}"));
    if node.fault.as_ref() == Some(&fault) {
        return Ok(());
    }
    warn!(node = %node.name, fault, "a node could not be kept");
    set_state(base, node, Some(&fault)).await
}

/// Records a fault, or clears it. A ready node becomes joined until its next report; a launching or removing node stays
/// so.
async fn set_state(base: &Base, node: &NodeRow, fault: Option<&str>) -> anyhow::Result<()> {
    let mut tx = base.write_leading("keep_node").await?;
    if let Some(present) = tx.nodes().find(&node.name).await? {
        let state = if present.state == NodeState::Ready { NodeState::Joined } else { present.state };
        tx.nodes().update_state(&node.name, state, fault).await?;
        tx.cluster().increment_revision().await?;
        tx.commit().await?;
        base.changes.notify_states();
    }
    Ok(())
}

/// Whether the database has had the node and has no row for it now: one may have been added since the nodes were
/// listed. What the database has never had is not this daemon's to remove: the database may be another one, or older.
async fn is_left_over(base: &Base, name: &str) -> anyhow::Result<bool> {
    let Ok(name) = ringfence_api::NodeName::parse(name) else { return Ok(false) };
    let mut tx = base.store.read("is_left_over").await?;
    let has_had =
        tx.certificates().count_of_node_profile(&name).await? > 0 || tx.sagas().exists_of(name.as_str()).await?;
    Ok(has_had && tx.nodes().find(&name).await?.is_none())
}

#[cfg(test)]
mod tests {
    use ringfence_api::cluster::{Service, ServiceCommand};
    use ringfence_api::{Lifetime, NodeName, ServiceName, SystemUser};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// With a service whose check and reload have a timeout of this many seconds each.
    fn declared(seconds: Option<u32>) -> PutCluster {
        let command =
            seconds.map(|timeout| ServiceCommand { command: vec!["x".into()], timeout: Lifetime::from_secs(timeout) });
        let service = Service {
            user: SystemUser::parse("query").unwrap(),
            dns_names: std::collections::BTreeSet::new(),
            ip_addresses: std::collections::BTreeSet::new(),
            node_groups: std::collections::BTreeSet::new(),
            key_algorithm: ringfence_api::cluster::KeyAlgorithm::default(),
            files: ringfence_api::cluster::ServiceFiles::default(),
            token: None,
            check: command.clone(),
            reload: command,
        };
        PutCluster { services: [(ServiceName::parse("query").unwrap(), service)].into(), ..PutCluster::default() }
    }

    fn node(reported_at: Option<i64>) -> NodeRow {
        NodeRow {
            name: NodeName::head(),
            group: "head".to_owned(),
            state: NodeState::Ready,
            reported_at: reported_at.map(at),
            reported_generation: 1,
            held: Vec::new(),
            fault: None,
            rotation_requested_at: None,
            created_at: at(-10_000),
            beyond: None,
        }
    }

    #[test]
    fn pauses_between_failed_launches_double_up_to_ten_minutes() {
        let last = |attempts, ended| LastSaga {
            id: ringfence_saga::SagaId::new("x".to_owned()),
            kind: LAUNCH_NODE.to_owned(),
            attempts,
            finished_at: Some(at(ended)),
        };
        for (attempts, pause) in [(0, 0), (1, 10), (2, 20), (3, 40), (7, 600), (1_000, 600)] {
            assert!(!is_retry_due(&last(attempts, 0), at(pause)), "{attempts}");
            assert!(is_retry_due(&last(attempts, 0), at(pause + 1)), "{attempts}");
        }
        assert!(is_retry_due(&last(1, 500_000), at(0)), "it ended while the clock was ahead");
        assert!(!is_retry_due(&LastSaga { finished_at: None, ..last(1, 0) }, at(9_000)), "it is running");
    }

    #[test]
    fn silence_counts_from_when_a_report_was_possible() {
        let cases = [
            ("reported just now", Some(100), 0, 120, false),
            ("reported long ago", Some(0), 0, 31, true),
            ("reported before the machine was suspended", Some(0), 500, 520, false),
            ("never reported since it joined", None, 0, 31, true),
            ("joined just now", None, 100, 120, false),
            ("reported while the clock was ahead", Some(500_000), 0, 31, true),
            ("reported to a daemon whose clock is a little ahead", Some(20), 0, 1, false),
        ];
        for (what, reported, since, now, silent) in cases {
            let found = is_silent(&declared(None), &node(reported), at(since), at(now));
            assert_eq!(found, silent, "{what}");
        }
    }

    #[test]
    fn the_timeouts_of_a_nodes_commands_extend_its_report_timeout() {
        assert!(!is_silent(&declared(Some(30)), &node(Some(0)), at(0), at(89)));
        assert!(is_silent(&declared(Some(30)), &node(Some(0)), at(0), at(91)));
    }

    #[test]
    fn silence_counts_from_when_the_machine_woke_up() {
        let first = Awake::next(None, at(0));
        let second = Awake::next(Some(first), at(1));
        assert_eq!((first.since, second.since), (at(0), at(0)));
        assert_eq!(Awake::next(Some(second), at(3_600)).since, at(3_600));
    }
}
