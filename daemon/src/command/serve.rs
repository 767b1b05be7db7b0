//! `ringfenced serve`.

use std::path::PathBuf;

use clap::Args;

/// Serve a cluster.
#[derive(Debug, Args)]
pub struct Serve {
    /// The daemon's directory, which holds serve.toml
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        crate::serve::serve(&self.directory).await
    }
}
