//! `ringfenced restore`: fills the database of a daemon that does not run from a backup. What a restore means for
//! nodes, lists and tokens happens when the daemon starts (see `incarnation`).

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use ringfence_api::{Clock as _, SystemClock};
use ringfence_pki::MasterKey;
use ringfence_place::file::atomic_write;
use ringfence_place::process::{HEAD_CLAIM, claim};
use ringfence_store::Header;

use crate::command::backup::Preamble;
use crate::command::encryption::{DecryptWith, decrypted};
use crate::command::output::print;
use crate::config::ServeConfig;
use crate::master_key::MasterKeySource;
use crate::serve::note_restore;

/// Restore a cluster from a backup, with its daemon stopped.
///
/// The daemon's next start ends every session, ticket and token, replaces the intermediates, because certificates that
/// were issued after the backup are unknown to it, and makes every node take its state anew.
#[derive(Debug, Args)]
pub struct Restore {
    /// The daemon's directory; serve.toml is taken from the backup if it is not there
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    with: DecryptWith,
    /// Restore the master key instead of the database
    #[arg(long)]
    master_key: bool,
}

impl Restore {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut copy = decrypted(&self.from, &self.with)?;
        prepare(&self.directory)?;
        let directory = std::fs::canonicalize(&self.directory)?;
        let _claim = claim(&directory, HEAD_CLAIM).context("stop the daemon before its cluster is restored")?;
        if self.master_key {
            let mut text = zeroize::Zeroizing::new(String::new());
            std::io::Read::read_to_string(&mut copy, &mut text)?;
            return restore_master_key(&directory, &text);
        }
        let mut line = String::new();
        copy.read_line(&mut line)?;
        let preamble: Preamble = serde_json::from_str(&line)
            .with_context(|| format!("{} is no backup of a database", self.from.display()))?;
        let path = directory.join(ServeConfig::FILE);
        if !path.exists() {
            atomic_write(&path, preamble.serve_toml.as_bytes(), 0o600)?;
        }
        let config = ServeConfig::read(&directory)?;
        // Before the first row, so that a daemon that is started too early does not create another cluster.
        note_restore(&directory)?;
        let database = config.database(&directory)?;
        let import = database.import(&mut *copy, &config.cluster.id, SystemClock.now());
        let import = import.await.with_context(|| format!("{} cannot be restored", self.from.display()));
        let (Header { cluster_name, taken_at, .. }, rows) = import?;
        print(format_args!("{cluster_name} is as it was at {taken_at}, {rows} rows; start its daemon"))?;
        Ok(())
    }
}

/// Makes a missing directory, and the cluster's around it, as the provider makes them. One that is there is used as it
/// is.
fn prepare(directory: &Path) -> anyhow::Result<()> {
    let cluster = directory.parent().filter(|cluster| !cluster.as_os_str().is_empty());
    for missing in cluster.into_iter().chain([directory]).filter(|path| !path.exists()) {
        ringfence_place::process::create_directory(missing)?;
    }
    Ok(())
}

/// Writes the master key where the configuration says that it is.
fn restore_master_key(directory: &Path, text: &str) -> anyhow::Result<()> {
    MasterKey::from_text(text).context("the file holds no master key")?;
    let source = match ServeConfig::read(directory) {
        Ok(config) => config.master_key,
        // The database may be restored later.
        Err(_) => MasterKeySource::default(),
    };
    let MasterKeySource::File(path) = source else {
        anyhow::bail!("the master key of this daemon is not in a file: put it back where it is configured to be")
    };
    let path = directory.join(path);
    ensure!(!path.exists(), "{} exists already: a restore replaces no key", path.display());
    atomic_write(&path, text.as_bytes(), 0o600)?;
    Ok(print(path.display())?)
}
