//! The source of the master key: a file, the environment, or a command.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::rand::SystemRandom;
use ringfence_pki::MasterKey;
use ringfence_place::file::atomic_write;
use ringfence_place::private_file::{PrivateFileError, Readers, read_private};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// How long a command may take to print the key.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// The source of the master key: a text with one line `VERSION:KEY` per version, where KEY is 32 bytes in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MasterKeySource {
    /// A file, by default `master.key` beside the configuration. It is created with the cluster, for its owner alone.
    /// One that others can read is refused; a group that the daemon is in may read it, because that is how root, or
    /// Kubernetes, hands a file to a service.
    File(PathBuf),
    /// An environment variable of the daemon.
    Environment(String),
    /// The output of a program, such as the client of a key management service. It may take 30 seconds.
    Command(Vec<String>),
}

impl Default for MasterKeySource {
    fn default() -> Self {
        Self::File("master.key".into())
    }
}

/// Reads the master key. A key in a file is created with the cluster. If the key of an existing cluster is missing, the
/// daemon does not start: a new key could not open anything.
pub(crate) async fn read(source: &MasterKeySource, directory: &Path, exists: bool) -> anyhow::Result<MasterKey> {
    match source {
        MasterKeySource::File(path) => {
            let path = directory.join(path);
            match read_private(&path, Readers::OwnGroups).map(Zeroizing::new) {
                Ok(text) => MasterKey::from_text(&text).with_context(|| path.display().to_string()),
                Err(PrivateFileError::Read { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound && !exists =>
                {
                    let key = MasterKey::generate(&SystemRandom::new());
                    // Durable before anything is sealed under it.
                    write(&path, &key)?;
                    Ok(key)
                }
                Err(PrivateFileError::Read { source, .. }) => Err(source).with_context(|| {
                    format!(
                        "cannot read the master key {}: restore it from a backup, or copy it from another daemon on \
                         this database; without it no secret can be opened",
                        path.display()
                    )
                }),
                Err(error) => Err(error).context("the master key is not used"),
            }
        }
        MasterKeySource::Environment(name) => {
            #[allow(clippy::disallowed_methods, reason = "the configuration names the variable that holds the key")]
            let text = std::env::var(name).map(Zeroizing::new);
            let text = text.with_context(|| format!("the environment variable {name} must hold the master key"))?;
            MasterKey::from_text(&text).with_context(|| format!("the environment variable {name}"))
        }
        MasterKeySource::Command(command) => {
            // Not its arguments, which may be secrets.
            let program = command.first().cloned().unwrap_or_default();
            let text = print(command).await.with_context(|| format!("the command of the master key, {program:?}"))?;
            MasterKey::from_text(&text)
                .with_context(|| format!("the output of the command of the master key, {program:?}"))
        }
    }
}

async fn print(command: &[String]) -> anyhow::Result<Zeroizing<String>> {
    let Some((program, arguments)) = command.split_first() else { bail!("it is empty") };
    let mut running = tokio::process::Command::new(program);
    running.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let ended = tokio::time::timeout(COMMAND_TIMEOUT, running.output()).await;
    let output =
        ended.map_err(|_| anyhow::anyhow!("it did not end within {} seconds", COMMAND_TIMEOUT.as_secs()))??;
    ensure!(output.status.success(), "it ended with {}", output.status);
    let bytes = Zeroizing::new(output.stdout);
    Ok(Zeroizing::new(std::str::from_utf8(&bytes).context("it did not print text")?.to_owned()))
}

pub(super) fn write(path: &Path, key: &MasterKey) -> anyhow::Result<()> {
    Ok(atomic_write(path, key.to_text().as_bytes(), 0o600)?)
}

/// The file that this daemon may change: one that no other daemon uses.
pub(crate) fn own_file(source: &MasterKeySource, directory: &Path, alone: bool) -> Option<PathBuf> {
    match source {
        MasterKeySource::File(path) if alone => Some(directory.join(path)),
        _ => None,
    }
}
