//! Background work: a task compares the world with the database and corrects what differs.
//!
//! A task takes no input, does bounded work, and can run at any time, in several daemons at once. It runs at least once
//! per period, and soon after an event that wakes it; a lost event costs at most one period and never correctness. The
//! next run is the retry.

use std::time::Duration;

use async_trait::async_trait;

use crate::base::Event;

/// One kind of background work.
#[async_trait]
pub(crate) trait Task: Send + Sync {
    /// The name in `inspect` and in logs.
    fn name(&self) -> &'static str;
    /// What it does, in a sentence.
    fn purpose(&self) -> &'static str;
    /// It runs at least this often.
    fn period(&self) -> Duration;
    /// The events that wake it before its period ends.
    fn woken_by(&self) -> &'static [Event] {
        &[]
    }
    /// The minimum pause after a run, even if events arrive; the next run handles them together.
    fn rest(&self) -> Duration {
        Duration::ZERO
    }
    /// Whether only the leader runs it, because it acts on more than the database.
    fn leads(&self) -> bool {
        false
    }
    /// Runs once. Returns what it did, in words, or an empty string if nothing was due.
    async fn run(&self) -> anyhow::Result<String>;
}
