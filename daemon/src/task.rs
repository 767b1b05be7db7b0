//! Background work: tasks that look at the world and put right what is not as it should be.
//!
//! A task takes no input, does bounded work, and may be run at any time and by another daemon too. It runs at
//! least once a period, and soon after somebody wakes it; a wake-up that is lost costs one period and never
//! correctness. Its next run is its retry.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ringfence_api::inspect;
use ringfence_store::Announcer;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::Daemon;
use crate::authority::{PublishCrls, RenewApiCertificate, RotateAuthorities};
use crate::checkpoint::SignCheckpoints;
use crate::lead::HoldLead;
use crate::master_key::ResealSecrets;
use crate::node::{KeepNodes, RunSagas};
use crate::project::RenewProjectUsers;
use crate::token::RotateTokenKeys;

/// One kind of background work.
#[async_trait]
pub(crate) trait Task: Send + Sync {
    /// Its name in `inspect` and in logs.
    fn name(&self) -> &'static str;
    /// What it is for, in a sentence.
    fn purpose(&self) -> &'static str;
    /// It looks at least this often.
    fn period(&self) -> Duration;
    /// How long it rests after a run, however often it is woken: what came meanwhile is done together.
    fn rest(&self) -> Duration {
        Duration::ZERO
    }
    /// Whether only the daemon that leads runs it, because it acts on more than the database.
    fn leads(&self) -> bool {
        false
    }
    /// Looks, and does what is to do. Returns what it did, in words; an empty text when there was nothing.
    async fn run(&self, daemon: &Arc<Daemon>) -> anyhow::Result<String>;
}

/// What a task says that another daemon runs.
const LEFT: &str = "left to the daemon that leads";

/// A task that others may wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    PublishCrls,
    KeepNodes,
    RunSagas,
    RotateAuthorities,
    RenewApiCertificate,
    RenewProjectUsers,
    ResealSecrets,
}

/// All tasks and what they last did.
pub(crate) struct Tasks {
    all: Vec<Entry>,
    announcer: Announcer,
}

struct Entry {
    task: Box<dyn Task>,
    wake: Option<Wake>,
    bell: Notify,
    last: Mutex<inspect::Task>,
}

impl Tasks {
    pub(crate) fn new(announcer: Announcer) -> Self {
        Self {
            announcer,
            all: vec![
                entry(HoldLead, None),
                entry(RunSagas::default(), Some(Wake::RunSagas)),
                entry(KeepNodes::default(), Some(Wake::KeepNodes)),
                entry(PublishCrls, Some(Wake::PublishCrls)),
                entry(RotateAuthorities, Some(Wake::RotateAuthorities)),
                entry(RenewProjectUsers, Some(Wake::RenewProjectUsers)),
                entry(RotateTokenKeys, None),
                entry(ResealSecrets::default(), Some(Wake::ResealSecrets)),
                entry(SignCheckpoints, None),
                entry(RenewApiCertificate, Some(Wake::RenewApiCertificate)),
            ],
        }
    }

    /// Asks a task to look soon, at the daemon that runs it.
    pub(crate) fn wake(&self, which: Wake) {
        for entry in self.all.iter().filter(|entry| entry.wake == Some(which)) {
            entry.bell.notify_one();
            if entry.task.leads() {
                self.announcer.say(entry.task.name());
            }
        }
    }

    /// Asks the task of this name to look soon, here.
    pub(crate) fn wake_named(&self, name: &str) {
        self.all.iter().filter(|entry| entry.task.name() == name).for_each(|entry| entry.bell.notify_one());
    }

    /// Asks every task to look soon, here.
    pub(crate) fn wake_all(&self) {
        self.all.iter().for_each(|entry| entry.bell.notify_one());
    }

    /// What each task last did.
    pub(crate) fn views(&self) -> Vec<inspect::Task> {
        self.all.iter().map(|entry| entry.last().clone()).collect()
    }
}

/// Runs every task until told to stop.
pub(crate) async fn run_all(daemon: Arc<Daemon>, stop: CancellationToken) {
    let loops = (0..daemon.tasks.all.len()).map(|index| run_one(daemon.clone(), index, stop.clone()));
    futures::future::join_all(loops).await;
}

async fn run_one(daemon: Arc<Daemon>, index: usize, stop: CancellationToken) {
    let entry = &daemon.tasks.all[index];
    loop {
        // In a task of its own, so that a panic in one run is that run's error and nobody's end.
        let mut run = tokio::spawn({
            let daemon = daemon.clone();
            async move {
                let task = &daemon.tasks.all[index].task;
                if task.leads() && daemon.lead.epoch(daemon.now()).is_none() {
                    return Ok(LEFT.to_owned());
                }
                task.run(&daemon).await
            }
        });
        let outcome = tokio::select! {
            outcome = &mut run => outcome.unwrap_or_else(|panic| Err(panic.into())),
            () = stop.cancelled() => {
                run.abort();
                return;
            }
        };
        entry.note(outcome, daemon.now());
        if stop.run_until_cancelled(tokio::time::sleep(entry.task.rest())).await.is_none() {
            return;
        }
        tokio::select! {
            () = entry.bell.notified() => {}
            () = tokio::time::sleep(entry.task.period()) => {}
            () = stop.cancelled() => return,
        }
    }
}

fn entry(task: impl Task + 'static, wake: Option<Wake>) -> Entry {
    let last = Mutex::new(inspect::Task {
        name: task.name().to_owned(),
        purpose: task.purpose().to_owned(),
        period_seconds: task.period().as_secs(),
        runs: 0,
        last_run_at: None,
        last_status: None,
        last_error: None,
    });
    Entry { task: Box::new(task), wake, bell: Notify::new(), last }
}

impl Entry {
    fn last(&self) -> std::sync::MutexGuard<'_, inspect::Task> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn note(&self, outcome: anyhow::Result<String>, now: jiff::Timestamp) {
        let mut last = self.last();
        last.runs += 1;
        last.last_run_at = Some(now);
        match outcome {
            Ok(status) => {
                last.last_error = None;
                // What was left to another is not what this one last did, once it leads.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_names_are_unique() {
        let mut names: Vec<String> =
            Tasks::new(Announcer::default()).views().into_iter().map(|task| task.name).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
