//! Stands in for `ringfenced agent` where a measure runs thousands of agents in one process of its own: it claims the
//! node's directory, so that the daemon finds an agent there, and waits to be ended.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ringfence_place::process::{AGENT_CLAIM, claim};

fn main() -> Result<()> {
    let directory: PathBuf = std::env::args_os().next_back().context("agent --directory DIRECTORY")?.into();
    let claim = claim(&directory, AGENT_CLAIM)?;
    // Whatever removes the directory ends it too.
    while claim.stands()? {
        std::thread::park_timeout(std::time::Duration::from_secs(10));
    }
    Ok(())
}
