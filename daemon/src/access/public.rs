//! Requests that need no credential run a few at a time, in the whole daemon. The others wait a moment for their turn,
//! so that a flood of them takes a bounded share of the database and of the processors from known callers.

use std::time::Duration;

use ringfence_api::ProblemCode;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::base::{Answer, Failure};

/// The maximum number of public requests that run at the same time.
const AT_ONCE: usize = 64;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// The turns of public requests.
#[derive(Debug)]
pub(crate) struct PublicTurns(Semaphore);

impl Default for PublicTurns {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl PublicTurns {
    /// Waits for a turn, in the order of arrival. It ends when the permit is dropped.
    pub(crate) async fn wait(&self) -> Answer<SemaphorePermit<'_>> {
        let waited = tokio::time::timeout(PATIENCE, self.0.acquire()).await;
        let turn = waited.ok().and_then(Result::ok);
        turn.ok_or_else(|| Failure::new(ProblemCode::Unavailable, "the daemon is busy; try again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_request_more_waits_and_is_told_that_the_daemon_is_busy() {
        let turns = PublicTurns::default();
        let mut taken = Vec::new();
        for _ in 0..AT_ONCE {
            taken.push(turns.wait().await.unwrap());
        }
        assert_eq!(turns.wait().await.unwrap_err().problem().code, ProblemCode::Unavailable);
        let (waiting, ()) = tokio::join!(turns.wait(), async { drop(taken.pop()) });
        assert!(waiting.is_ok(), "whoever waits gets the turn that ends");
    }
}
