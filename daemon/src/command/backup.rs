//! `ringfenced backup`: an encrypted copy of the database, or of the master key, while the daemon runs.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use ringfence_api::{Clock as _, SystemClock};
use ringfence_store::Store;
use serde::{Deserialize, Serialize};

use crate::command::encryption::{EncryptTo, encrypted};
use crate::command::output::print;
use crate::config::ServeConfig;
use crate::master_key;

/// Back up a cluster.
///
/// The copy is of one moment while the daemon goes on, and works for SQLite and PostgreSQL alike. Secrets in it are
/// sealed under the master key, which is not in it: back that up apart, with --master-key, and keep the two apart.
#[derive(Debug, Args)]
pub struct Backup {
    /// The daemon's directory, which holds serve.toml
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    to: EncryptTo,
    /// Back up the master key instead of the database
    #[arg(long)]
    master_key: bool,
}

/// What stands before the copy of the database.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Preamble {
    /// The configuration, so that a cluster can be restored on another machine.
    pub(crate) serve_toml: String,
}

impl Backup {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let config = ServeConfig::read(&self.directory)?;
        if self.master_key {
            let key = master_key::read(&config.master_key, &self.directory, true).await?;
            let write = async |out: &mut (dyn std::io::Write + Send)| Ok(out.write_all(key.to_text().as_bytes())?);
            encrypted(&self.out, &self.to, write).await?;
            return Ok(print(format_args!("{}: the master key of {}", self.out.display(), config.cluster.name))?);
        }
        let path = self.directory.join(ServeConfig::FILE);
        let serve_toml = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut tx = Store::read_only(&config.database(&self.directory)?, "backup").await?;
        let write = async |out: &mut (dyn std::io::Write + Send)| {
            serde_json::to_writer(&mut *out, &Preamble { serve_toml })?;
            out.write_all(b"\n")?;
            Ok(tx.export(SystemClock.now(), out).await?)
        };
        let (header, rows) = encrypted(&self.out, &self.to, write).await?;
        print(format_args!("{}: {} at {}, {rows} rows", self.out.display(), header.cluster_name, header.taken_at))?;
        Ok(())
    }
}
