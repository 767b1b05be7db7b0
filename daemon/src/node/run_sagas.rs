//! The task that runs unfinished sagas: new ones, those that a crash interrupted, and those whose last run had no
//! outcome. Sagas run concurrently, but one at a time per node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ringfence_api::NodeName;
use ringfence_saga::{Backoff, Outcome, Runner, Saga};
use ringfence_store::saga::SagaRow;
use ringfence_store::saga_log::SagaLog;
use tracing::{info, warn};

use crate::base::crash_point::CrashPoint;
use crate::base::{Event, LEASE, NotLeading, Task};
use crate::node::Nodes;
use crate::node::fault::readable;
use crate::node::launch::LaunchNode;
use crate::node::remove::RemoveNode;

/// How many sagas run at once: each may wait for a machine.
const CONCURRENCY: usize = 16;

/// Runs unfinished sagas.
pub(crate) struct RunSagas {
    nodes: Arc<Nodes>,
    /// The subjects that this process is working on.
    busy: Arc<Mutex<BTreeSet<String>>>,
}

impl RunSagas {
    pub(super) fn new(nodes: Arc<Nodes>) -> Self {
        Self { nodes, busy: Arc::default() }
    }
}

#[async_trait]
impl Task for RunSagas {
    fn name(&self) -> &'static str {
        "run_sagas"
    }

    fn purpose(&self) -> &'static str {
        "runs unfinished launches and removals of nodes, also after a crash"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn leads(&self) -> bool {
        true
    }

    fn woken_by(&self) -> &'static [Event] {
        &[Event::SagaRecorded, Event::SagaEnded, Event::LeadTaken]
    }

    async fn run(&self) -> anyhow::Result<String> {
        let store = &self.nodes.base.store;
        let unfinished = store.read("list_unfinished_sagas").await?.sagas().list_unfinished().await?;
        // The oldest of each subject; the next one runs when it has ended.
        let mut turns: BTreeMap<String, SagaRow> = BTreeMap::new();
        for saga in unfinished {
            turns.entry(saga.subject.clone()).or_insert(saga);
        }
        let mine: Vec<SagaRow> = {
            let mut busy = lock(&self.busy);
            let free = CONCURRENCY.saturating_sub(busy.len());
            let mut mine: Vec<SagaRow> = turns.into_values().filter(|saga| !busy.contains(&saga.subject)).collect();
            mine.truncate(free);
            busy.extend(mine.iter().map(|saga| saga.subject.clone()));
            mine
        };
        let count = mine.len();
        for saga in mine {
            // In the background, so that a launch that takes a minute does not keep a removal waiting.
            tokio::spawn(run_in_turn(self.nodes.clone(), saga, self.busy.clone()));
        }
        Ok(if count == 0 { String::new() } else { format!("started {count}") })
    }
}

/// Runs one saga. Releases its subject afterwards, even if the run panics.
async fn run_in_turn(nodes: Arc<Nodes>, saga: SagaRow, busy: Arc<Mutex<BTreeSet<String>>>) {
    let turn = Turn { subject: saga.subject.clone(), busy };
    let outcome = run_one(&nodes, &saga).await;
    drop(turn);
    match outcome {
        Ok(()) => {
            nodes.base.changes.notify_states();
            nodes.base.events.notify(Event::SagaEnded);
        }
        // The cause may persist; the task's next run retries.
        Err(error) => warn!(saga.id = %saga.id, error = format!("{error:#}"), "a saga was interrupted"),
    }
}

/// The right to work on a subject.
struct Turn {
    subject: String,
    busy: Arc<Mutex<BTreeSet<String>>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.busy).remove(&self.subject);
    }
}

async fn run_one(nodes: &Arc<Nodes>, saga: &SagaRow) -> anyhow::Result<()> {
    match saga.kind.as_str() {
        LaunchNode::NAME => run_kind::<LaunchNode>(nodes, saga).await,
        RemoveNode::NAME => run_kind::<RemoveNode>(nodes, saga).await,
        other => anyhow::bail!("saga {} is of the kind {other}, which this version does not know", saga.id),
    }
}

async fn run_kind<S: Saga<Context = Arc<Nodes>>>(nodes: &Arc<Nodes>, saga: &SagaRow) -> anyhow::Result<()> {
    let input: S::Input = serde_json::from_value(saga.input.clone())?;
    let base = &nodes.base;
    let epoch = base.lead.epoch(base.now()).ok_or(NotLeading)?;
    let log = SagaLog::new(base.store.clone(), LEASE);
    let pause = Backoff::default();
    let runner = Runner { log: &log, observer: &CrashPoint, pause: &pause };
    let outcome = runner.run::<S>(nodes, &input, &saga.id, epoch).await?;
    let (state, fault) = match &outcome {
        Outcome::Done => ("done", None),
        Outcome::Undone { step, error } => ("undone", Some(format!("{}: {step}: {error}", S::NAME))),
        Outcome::Stuck { step, error } => ("stuck", Some(format!("{} is stuck at {step}: {error}", S::NAME))),
    };
    let mut tx = base.write_leading("finish_saga").await?;
    tx.sagas().finish(&saga.id, state, base.now()).await?;
    if let Some(fault) = &fault
        && let Some(node) = tx.nodes().find(&NodeName::parse(&saga.subject)?).await?
    {
        tx.nodes().update_state(&node.name, node.state, Some(&readable(fault))).await?;
        tx.cluster().increment_revision().await?;
    }
    tx.commit().await?;
    info!(saga.id = %saga.id, saga.kind = S::NAME, saga.subject = saga.subject, saga.state = state, "saga finished");
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
