//! Waiting for a condition, with a deadline and a message.

use std::time::Duration;

use tokio::time::Instant;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Looks until `condition` gives a value, for at most `within`. The panic says what was waited for, and what the
/// last look said.
pub async fn eventually<T>(what: &str, within: Duration, mut condition: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + within;
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(last) if Instant::now() >= deadline => panic!("{what}: not within {within:?}: {last}"),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
