//! Background work: a task looks at the world and puts right what is not as it should be.
//!
//! A task takes no input, does bounded work, and may be run at any time and by another daemon too. It runs at
//! least once a period, and soon after an event that wakes it; an event that is lost costs one period and never
//! correctness. Its next run is its retry.

use std::time::Duration;

use async_trait::async_trait;

use crate::base::Event;

/// One kind of background work.
#[async_trait]
pub(crate) trait Task: Send + Sync {
    /// Its name in `inspect` and in logs.
    fn name(&self) -> &'static str;
    /// What it is for, in a sentence.
    fn purpose(&self) -> &'static str;
    /// It looks at least this often.
    fn period(&self) -> Duration;
    /// What wakes it before its period is over.
    fn woken_by(&self) -> &'static [Event] {
        &[]
    }
    /// How long it rests after a run, however often it is woken: what came meanwhile is done together.
    fn rest(&self) -> Duration {
        Duration::ZERO
    }
    /// Whether only the daemon that leads runs it, because it acts on more than the database.
    fn leads(&self) -> bool {
        false
    }
    /// Looks, and does what is to do. Returns what it did, in words; an empty text when there was nothing.
    async fn run(&self) -> anyhow::Result<String>;
}
