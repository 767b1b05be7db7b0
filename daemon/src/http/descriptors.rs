//! File descriptors: a connection takes one, and so do the database, files, and the agents' processes. The limit of
//! this process is raised as far as it may be, and connections leave some for the rest.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// How many are left for everything but connections.
const RESERVE: u64 = 64;
/// Some connections are tried with however few. If they are too many, accepting them fails, and is tried again.
const FEWEST: usize = 32;

/// Raises the soft limit to the hard limit, which needs no privilege.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        warn!(%error, "the limit of open files could not be raised");
    }
}

/// How many connections may be open, as far as descriptors go.
pub(crate) fn for_connections() -> usize {
    besides_reserve(getrlimit(Resource::Nofile).current)
}

/// What a limit leaves for connections. `None` is no limit.
fn besides_reserve(limit: Option<u64>) -> usize {
    let left = limit.unwrap_or(u64::MAX).saturating_sub(RESERVE);
    usize::try_from(left).unwrap_or(usize::MAX).max(FEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_some_descriptors_for_the_rest() {
        assert_eq!(besides_reserve(Some(1_024)), 960);
        assert_eq!(besides_reserve(Some(70)), FEWEST);
        assert_eq!(besides_reserve(None), usize::MAX - 64);
    }
}
