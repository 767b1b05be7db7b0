//! The registry of background work: runs the tasks of all nouns until the daemon stops, and records what each did last.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::Json;
use axum::extract::{FromRef, State};
use jiff::Timestamp;
use ringfence_api::inspect;
use ringfence_api::inspect::route::LIST_TASKS;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::access::{Access, OperatorCaller, Routes};
use crate::base::{Base, Task};

/// The route that lists the tasks.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Tasks>: FromRef<S>,
{
    Routes::new().add(&LIST_TASKS, list_tasks)
}

/// Background tasks and what they last did.
async fn list_tasks(State(tasks): State<Arc<Tasks>>, _: OperatorCaller) -> Json<Vec<inspect::Task>> {
    Json(tasks.views())
}

/// The status of a task that only the leader runs, in other daemons.
const LEFT: &str = "left to the leader";

/// All tasks, with what each did last.
pub(crate) struct Tasks {
    base: Arc<Base>,
    all: OnceLock<Vec<Entry>>,
}

struct Entry {
    task: Box<dyn Task>,
    wake: Arc<Notify>,
    last: Mutex<inspect::Task>,
}

impl Tasks {
    /// None yet.
    pub(crate) fn new(base: Arc<Base>) -> Self {
        Self { base, all: OnceLock::new() }
    }

    /// These are all of them.
    pub(crate) fn register(&self, tasks: Vec<Box<dyn Task>>) {
        let all = tasks.into_iter().map(|task| Entry {
            wake: self.base.events.subscribe(task.woken_by(), task.leads()),
            last: Mutex::new(never_run(&*task)),
            task,
        });
        assert!(self.all.set(all.collect()).is_ok(), "tasks are registered once");
    }

    fn all(&self) -> &[Entry] {
        self.all.get().map_or(&[], Vec::as_slice)
    }

    /// What each task did last.
    fn views(&self) -> Vec<inspect::Task> {
        self.all().iter().map(|entry| entry.last().clone()).collect()
    }

    /// Runs every task until `stop` is cancelled.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let loops = (0..self.all().len()).map(|index| run_one(self.clone(), index, stop.clone()));
        futures::future::join_all(loops).await;
    }

    /// Runs the task of this name once.
    #[cfg(test)]
    pub(crate) async fn run_named(&self, name: &str) -> anyhow::Result<String> {
        let entry = self.all().iter().find(|entry| entry.task.name() == name);
        self.run_once(&*entry.expect("a task of this name").task).await
    }

    /// Runs a task once, unless only the leader runs it and this daemon does not lead.
    async fn run_once(&self, task: &dyn Task) -> anyhow::Result<String> {
        if task.leads() && self.base.lead.epoch(self.base.now()).is_none() {
            return Ok(LEFT.to_owned());
        }
        task.run().await
    }
}

fn never_run(task: &dyn Task) -> inspect::Task {
    inspect::Task {
        name: task.name().to_owned(),
        purpose: task.purpose().to_owned(),
        period_seconds: task.period().as_secs(),
        runs: 0,
        last_run_at: None,
        last_status: None,
        last_error: None,
    }
}

async fn run_one(tasks: Arc<Tasks>, index: usize, stop: CancellationToken) {
    let entry = &tasks.all()[index];
    loop {
        // In a tokio task of its own, so that a panic fails one run and ends nothing else.
        let mut run = tokio::spawn({
            let tasks = tasks.clone();
            async move { tasks.run_once(&*tasks.all()[index].task).await }
        });
        let outcome = tokio::select! {
            outcome = &mut run => outcome.unwrap_or_else(|panic| Err(panic.into())),
            () = stop.cancelled() => {
                run.abort();
                return;
            }
        };
        let fault = outcome.as_ref().err().map(|error| format!("{error:#}"));
        tasks.base.faults.record(entry.task.name(), fault);
        entry.record(outcome, tasks.base.now());
        if stop.run_until_cancelled(tokio::time::sleep(entry.task.rest())).await.is_none() {
            return;
        }
        tokio::select! {
            () = entry.wake.notified() => {}
            () = tokio::time::sleep(entry.task.period()) => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Entry {
    fn last(&self) -> MutexGuard<'_, inspect::Task> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, outcome: anyhow::Result<String>, now: Timestamp) {
        let mut last = self.last();
        last.runs += 1;
        last.last_run_at = Some(now);
        match outcome {
            Ok(status) => {
                last.last_error = None;
                // This daemon leads now: the status from before is outdated.
                if last.last_status.as_deref() == Some(LEFT) {
                    last.last_status = None;
                }
                if !status.is_empty() {
                    if last.last_status.as_ref() != Some(&status) {
                        debug!(task = self.task.name(), status, "task");
                    }
                    last.last_status = Some(status);
                }
            }
            Err(error) => {
                warn!(task = self.task.name(), error = format!("{error:#}"), "a task failed and will run again");
                last.last_error = Some(format!("{error:#}"));
            }
        }
    }
}
