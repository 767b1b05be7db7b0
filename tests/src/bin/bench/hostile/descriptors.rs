//! How many files and connections this process may have open, and with it those that it starts.

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to so many, or to what the hard limit allows. Returns which of them it is.
pub(crate) fn raise(wanted: u64) -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let possible = limit.maximum.map_or(wanted, |most| most.min(wanted));
    if limit.current.is_some_and(|current| current < possible) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum: limit.maximum })?;
    }
    Ok(possible)
}
