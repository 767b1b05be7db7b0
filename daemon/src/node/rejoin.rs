//! Pauses between the tickets that a node is given to join again. A node that joins and still cannot authenticate, as
//! when a clock is wrong, must not do so without end at full speed.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// The pause after the first ticket; it doubles with each, up to the longest.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_mins(2);

/// When each node that joins again was given its last ticket, and how many it was given in a row.
#[derive(Debug, Default)]
pub(super) struct Rejoins(BTreeMap<String, (u32, Instant)>);

impl Rejoins {
    /// Whether the node may be given another ticket now. If so, it counts as given.
    pub(super) fn is_due(&mut self, node: &str, now: Instant) -> bool {
        match self.0.get_mut(node) {
            None => {
                self.0.insert(node.to_owned(), (1, now));
                true
            }
            Some((count, last)) if now.duration_since(*last) >= pause_after(*count) => {
                (*count, *last) = (count.saturating_add(1), now);
                true
            }
            Some(_) => false,
        }
    }

    /// Forgets a node that authenticates.
    pub(super) fn forget(&mut self, node: &str) {
        self.0.remove(node);
    }
}

fn pause_after(count: u32) -> Duration {
    FIRST.saturating_mul(1 << count.saturating_sub(1).min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ticket_comes_at_once_and_pauses_grow_until_the_node_authenticates() {
        let (start, mut rejoins) = (Instant::now(), Rejoins::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        let given: Vec<u64> = (0..=400).filter(|second| rejoins.is_due("workers-0", at(*second))).collect();
        assert_eq!(given, [0, 2, 6, 14, 30, 62, 126, 246, 366]);
        assert!(rejoins.is_due("workers-1", at(1)), "each node has its own pauses");
        rejoins.forget("workers-0");
        assert!(rejoins.is_due("workers-0", at(401)));
    }
}
