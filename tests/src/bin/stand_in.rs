//! Stands in for `ringfenced`: it claims a directory as `agent` or `serve`, whichever is its first argument, and
//! waits to be ended. A measure that runs thousands of agents in one process of its own has one of these for each, so
//! that the daemon finds an agent there; a test has one for a head that it plays.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ringfence_place::process::{AGENT_CLAIM, HEAD_CLAIM, claim};

fn main() -> Result<()> {
    let name = if std::env::args().nth(1).as_deref() == Some("serve") { HEAD_CLAIM } else { AGENT_CLAIM };
    let directory: PathBuf = std::env::args_os().next_back().context("agent --directory DIRECTORY")?.into();
    let claim = claim(&directory, name)?;
    // Whatever removes the directory ends it too.
    while claim.stands()? {
        std::thread::park_timeout(std::time::Duration::from_secs(10));
    }
    Ok(())
}
