//! The master key: where it comes from, and changing it.
//!
//! # Guarantees
//!
//! - A version is durable before anything is sealed under it, and it is forgotten only when nothing is sealed under it any
//!   more. In between, every secret opens, whenever the daemon dies.
//! - The key stands in no log, no error and no argument of a process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use axum::Json;
use axum::extract::State;
use ringfence_api::ProblemCode;
use ringfence_api::master_key::MasterKeyState;
use ringfence_cloud::file::atomic_write;
use ringfence_pki::MasterKey;
use ringfence_store::{SealedOf, SealedRow, Transaction};
use tracing::info;
use zeroize::Zeroizing;

use crate::Daemon;
use crate::authority::key_context;
use crate::config::MasterKeySource;
use crate::http::{Failure, OperatorCaller};
use crate::task::{Task, Wake};
use crate::token;

/// How long a command may take to print the key.
const COMMAND_PATIENCE: Duration = Duration::from_secs(30);
/// How many secrets are sealed anew in one transaction.
const BATCH: u32 = 100;

/// Reads the master key. One in a file is made when the cluster is made. A cluster whose key is gone is not started: everything
/// sealed would be lost anew with each start.
pub(crate) async fn read(source: &MasterKeySource, directory: &Path, exists: bool) -> anyhow::Result<MasterKey> {
    match source {
        MasterKeySource::File(path) => {
            let path = directory.join(path);
            match std::fs::read_to_string(&path).map(Zeroizing::new) {
                Ok(text) => MasterKey::from_text(&text).with_context(|| path.display().to_string()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !exists => {
                    let key = MasterKey::generate(&SystemRandom::new());
                    // Durable before anything is sealed under it.
                    write(&path, &key)?;
                    Ok(key)
                }
                Err(error) => Err(error).with_context(|| {
                    format!(
                        "cannot read the master key {}: restore it from a backup, or copy it from another daemon of this \
                         database; without it no key opens",
                        path.display()
                    )
                }),
            }
        }
        MasterKeySource::Environment(name) => {
            #[allow(clippy::disallowed_methods, reason = "the configuration names the variable that holds the key")]
            let text = std::env::var(name).map(Zeroizing::new);
            let text = text.with_context(|| format!("the environment variable {name} must hold the master key"))?;
            MasterKey::from_text(&text).with_context(|| format!("the environment variable {name}"))
        }
        MasterKeySource::Command(command) => {
            // Its arguments may be secrets too.
            let program = command.first().cloned().unwrap_or_default();
            let said = print(command).await.with_context(|| format!("the command of the master key, {program:?}"))?;
            MasterKey::from_text(&said)
                .with_context(|| format!("what the command of the master key prints, {program:?}"))
        }
    }
}

async fn print(command: &[String]) -> anyhow::Result<Zeroizing<String>> {
    let Some((program, arguments)) = command.split_first() else { bail!("it is empty") };
    let mut running = tokio::process::Command::new(program);
    running.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let ended = tokio::time::timeout(COMMAND_PATIENCE, running.output()).await;
    let output =
        ended.map_err(|_| anyhow::anyhow!("it did not end within {} seconds", COMMAND_PATIENCE.as_secs()))??;
    ensure!(output.status.success(), "it ended with {}", output.status);
    let bytes = Zeroizing::new(output.stdout);
    Ok(Zeroizing::new(std::str::from_utf8(&bytes).context("it did not print text")?.to_owned()))
}

fn write(path: &Path, key: &MasterKey) -> anyhow::Result<()> {
    Ok(atomic_write(path, key.to_text().as_bytes(), 0o600)?)
}

/// Seals a secret in the transaction that records it, with the version that is in force there: a daemon that does not have it
/// seals nothing, so that nothing is sealed under a version that others have given up.
pub(crate) async fn seal(
    tx: &mut Transaction,
    (key, rng): (&MasterKey, &SystemRandom),
    context: &str,
    secret: &[u8],
) -> Result<Vec<u8>, Failure> {
    follow(tx, key).await?;
    Ok(key.seal(rng, context, secret))
}

/// Seals with the version that the database says, if this daemon has it, and has the same as the others.
pub(crate) async fn follow(tx: &mut Transaction, key: &MasterKey) -> Result<u32, Failure> {
    let version = tx.master_key_version().await?;
    key.activate(version)?;
    let check = tx.master_key_check().await?;
    if check.is_some() && check != key.check_of(version) {
        let detail = format!(
            "version {version} of the master key is another key here than where the database was sealed with it; put the same \
             one where this daemon's comes from, and start it again"
        );
        return Err(Failure::new(ProblemCode::Unavailable, detail));
    }
    Ok(version)
}

/// The file that this daemon may change: its own, and nobody else's.
pub(crate) fn own_file(source: &MasterKeySource, directory: &Path, alone: bool) -> Option<PathBuf> {
    match source {
        MasterKeySource::File(path) if alone => Some(directory.join(path)),
        _ => None,
    }
}

/// The versions of the master key.
#[utoipa::path(get, path = "/v1/master-key", tag = "authority", responses((status = 200, body = MasterKeyState)))]
pub(crate) async fn read_master_key(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
) -> Result<Json<MasterKeyState>, Failure> {
    state(&daemon, &mut daemon.store.read("read_master_key").await?).await.map(Json)
}

/// Seals with a newer version of the master key from now on, and everything else anew in the background. A daemon that keeps
/// the key in a file of its own draws it; any other must have it at hand.
#[utoipa::path(post, path = "/v1/master-key/rotate", tag = "authority", responses((status = 200, body = MasterKeyState), (status = 409, body = ringfence_api::Problem)))]
pub(crate) async fn rotate_master_key(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
) -> Result<Json<MasterKeyState>, Failure> {
    let key = &daemon.master_key;
    let mut tx = daemon.store.write("rotate_master_key").await?;
    let before = tx.master_key_version().await?;
    let newest = |key: &MasterKey| key.versions().last().copied().unwrap_or_default();
    if newest(key) <= before {
        if daemon.master_key_file.is_none() {
            let next = before + 1;
            let detail = format!(
                "version {before} of the master key is the newest that this daemon has: add a line {next}:KEY to where the \
                 key comes from, for every daemon of this database, start them again, and ask once more"
            );
            return Err(Failure::new(ProblemCode::Conflict, detail));
        }
        key.add(&daemon.rng);
    }
    if let Some(path) = &daemon.master_key_file {
        write(path, key).map_err(Failure::internal)?;
    }
    let version = newest(key);
    tx.update_master_key_version(version, &key.check_of(version).unwrap_or_default()).await?;
    actor.record(&mut tx, "rotate_master_key", &version.to_string(), "seals", daemon.now()).await?;
    tx.commit().await?;
    key.activate(version).map_err(Failure::internal)?;
    info!(version, "another version of the master key seals");
    daemon.tasks.wake(Wake::ResealSecrets);
    state(&daemon, &mut daemon.store.read("read_master_key").await?).await.map(Json)
}

async fn state(daemon: &Daemon, tx: &mut Transaction) -> Result<MasterKeyState, Failure> {
    let active = tx.master_key_version().await?;
    let complete = tx.list_sealed_otherwise(active, 1).await?.is_empty();
    Ok(MasterKeyState { active, at_hand: daemon.master_key.versions(), complete })
}

/// Seals anew whatever is sealed under another version.
#[derive(Default)]
pub(crate) struct ResealSecrets {
    /// The version under which everything was found sealed: versions only rise, and nobody seals under an earlier one.
    complete: AtomicU32,
}

#[async_trait]
impl Task for ResealSecrets {
    fn name(&self) -> &'static str {
        "reseal_secrets"
    }

    fn purpose(&self) -> &'static str {
        "seals under the present version of the master key what is sealed under another"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn run(&self, daemon: &Arc<Daemon>) -> anyhow::Result<String> {
        let key = &daemon.master_key;
        let mut resealed = 0;
        let complete = loop {
            let mut tx = daemon.store.read("look_at_secrets").await?;
            let version = follow(&mut tx, key).await.map_err(Failure::into_cause)?;
            if self.complete.load(Ordering::Relaxed) == version {
                return Ok(String::new());
            }
            let done = tx.list_sealed_otherwise(version, 1).await?.is_empty();
            drop(tx);
            if done {
                break version;
            }
            let mut tx = daemon.store.write("reseal_secrets").await?;
            // Another daemon may be further.
            if tx.master_key_version().await? != version {
                continue;
            }
            for SealedRow { of, sealed } in tx.list_sealed_otherwise(version, BATCH).await? {
                let context = context_of(&of)?;
                let sealed = key.reseal(&context, &sealed).with_context(|| context.clone())?;
                tx.update_sealed(&SealedRow { of, sealed }).await?;
                resealed += 1;
            }
            tx.commit().await?;
        };
        // One that was drawn and never sealed, because the daemon died before, stays for the next time.
        let oldest = key.versions().first().copied();
        if let Some(path) = daemon.master_key_file.as_ref().filter(|_| oldest < Some(complete)) {
            key.forget_before(complete);
            write(path, key)?;
            info!(version = complete, "the versions of the master key before this one are not needed and forgotten");
        }
        self.complete.store(complete, Ordering::Relaxed);
        Ok(if resealed == 0 { String::new() } else { format!("sealed {resealed} anew") })
    }
}

/// Under which context a secret is sealed.
fn context_of(of: &SealedOf) -> anyhow::Result<String> {
    Ok(match of {
        SealedOf::Issuer(id) => key_context(id),
        SealedOf::TokenKey(kid) => token::sealed_key_context(kid),
        SealedOf::Member(project, user) => {
            let (project, user) = (ringfence_api::ProjectName::parse(project)?, ringfence_api::UserName::parse(user)?);
            crate::authority::sealed_key_context(&ringfence_api::ProjectUser { project, user })
        }
    })
}
