//! How long to wait before a step is tried again, as an argument, so that tests do not wait.

use std::time::Duration;

use async_trait::async_trait;

/// Waits between two tries of one step.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Waits after the `failures`-th transient failure of a step (from 1).
    async fn pause(&self, failures: u32);
}

/// Does not wait. For tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPause;

#[async_trait]
impl Pause for NoPause {
    async fn pause(&self, _: u32) {}
}

/// Waits twice as long each time, up to a limit.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// No wait is longer.
    pub most: Duration,
}

impl Backoff {
    fn length(&self, failures: u32) -> Duration {
        self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.most)
    }
}

impl Default for Backoff {
    /// From half a second to half a minute: a busy cloud recovers in that time or not soon.
    fn default() -> Self {
        Self { first: Duration::from_millis(500), most: Duration::from_secs(30) }
    }
}

#[async_trait]
impl Pause for Backoff {
    async fn pause(&self, failures: u32) {
        tokio::time::sleep(self.length(failures)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit() {
        let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(5) };
        let lengths = [1, 2, 3, 4, u32::MAX].map(|failures| backoff.length(failures).as_secs());
        assert_eq!(lengths, [1, 2, 4, 5, 5]);
    }
}
