//! `ringfenced agent`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ringfence_api::SystemClock;
use ringfence_place::process::{AGENT_CLAIM, claim};

/// Keep one node.
#[derive(Debug, Args)]
pub struct Agent {
    /// The agent's directory, which holds agent.json
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

impl Agent {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        crate::logging::start();
        let claim = claim(&self.directory, AGENT_CLAIM)?;
        crate::service_manager::ready("keeping its node");
        tokio::select! {
            outcome = ringfence_agent::run(&self.directory, Arc::new(SystemClock)) => Ok(outcome?),
            outcome = crate::serve::wait_for_signal() => outcome,
            outcome = crate::serve::watch_claim(&claim, async || Ok(())) => outcome,
        }
    }
}
