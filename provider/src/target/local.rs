//! The target `local`: the head is a process of this machine, in a directory of its own.
//!
//! ```text
//! DIRECTORY/cluster.json      whose directory this is; made once, exclusively
//! DIRECTORY/head/             the daemon's directory
//! DIRECTORY/nodes/NODE/       one for each agent
//! ```
//!
//! Everything here may be repeated at any point: the directory is claimed by the first who writes `cluster.json`,
//! the process by a lock, so there is never a second head. Trust comes from the directory, which only this user can
//! write: the head puts its root certificate and address there.

use std::ffi::OsString;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::{ClusterId, ClusterName, Connection, OperatorPublicKey};
use ringfence_cloud::file::atomic_write;
use ringfence_cloud::local::{
    AGENT_CLAIM, HEAD_CLAIM, LocalNodes, Observed, Spawn, create_directory, create_passage, ensure_running, observe,
    remove_directory, stop,
};
use ringfence_cloud::{NodeDriver as _, port};
use serde::{Deserialize, Serialize};
use tfplugin_rs::prelude::*;

/// Says whose directory it is.
const OWNER_FILE: &str = "cluster.json";
/// How long a head may take to claim its directory, and to stop when asked.
const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(5);
/// How often the head's files are looked for while it starts.
const LOOK: Duration = Duration::from_millis(20);

/// Tells the probes of this process apart.
static PROBES: AtomicU64 = AtomicU64::new(0);

/// A cluster's directory.
pub(crate) struct Local {
    directory: PathBuf,
}

/// Whose directory it is. The key is the one that the cluster was made with; its token may have been changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) id: ClusterId,
    pub(crate) name: ClusterName,
    pub(crate) operator_key: OperatorPublicKey,
}

/// A directory that is the cluster's.
pub(crate) enum Claimed {
    /// By this call: nothing of the cluster existed before.
    Made(Owner),
    /// It was already, with whatever is in it.
    Found(Owner),
}

/// What is seen of the cluster in its directory.
pub(crate) enum Sight {
    /// Nothing of it.
    Gone,
    /// It is there and its head does not run.
    Stopped(Owner),
    /// Its head runs.
    Running(Owner),
}

impl Local {
    /// The cluster in this directory, which may be relative to where Terraform runs.
    pub(crate) fn at(directory: &str) -> Self {
        let path = FilePath::new(directory);
        // Through symbolic links where it exists, so that one place has one name.
        let real = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        Self { directory: real.unwrap_or_else(|_| path.to_owned()) }
    }

    /// The cluster that this directory says it is of.
    pub(crate) fn cluster_id(&self) -> Result<Option<ClusterId>> {
        Ok(self.owner()?.map(|owner| owner.id))
    }

    /// Whether agents run, also without their head.
    pub(crate) fn agents_run(&self) -> bool {
        let nodes = std::fs::read_dir(self.directory.join("nodes")).into_iter().flatten().flatten();
        nodes.into_iter().any(|node| matches!(observe(&node.path(), AGENT_CLAIM), Ok(Observed::Running { .. })))
    }

    /// Whether two spellings name the same place: `.cluster` and `./.cluster` do.
    pub(crate) fn same(one: &str, other: &str) -> bool {
        Self::at(one).directory == Self::at(other).directory
    }

    /// Looks.
    pub(crate) fn look(&self) -> Result<Sight> {
        let Some(owner) = self.owner()? else { return Ok(Sight::Gone) };
        let observed =
            observe(&self.head(), HEAD_CLAIM).map_err(|error| failed("The head cannot be observed", &error))?;
        Ok(match observed {
            Observed::Running { .. } | Observed::Starting => Sight::Running(owner),
            Observed::Dead | Observed::Absent => Sight::Stopped(owner),
        })
    }

    /// Whether the cluster could be made here. What cannot is said at the attribute.
    pub(crate) fn check(&self, name: &ClusterName, key: Option<&OperatorPublicKey>, listen: Option<u16>) -> Result<()> {
        let at = Path::root().attr("local").attr("directory");
        let refuse = |detail: String| Diagnostic::error("The directory cannot be used").detail(detail).at(at.clone());
        let shown = self.directory.display();
        if let Some(owner) = self.owner()? {
            if owner.name != *name {
                return Err(refuse(format!(
                    "{shown} holds cluster {}, not {name}. Use another directory, or import that cluster.",
                    owner.name
                ))
                .into());
            }
            if key.is_some_and(|key| !self.operator_keys(&owner).contains(key)) {
                return Err(refuse(format!(
                    "{shown} holds cluster {name} of another operator token. Use that token, or another directory."
                ))
                .into());
            }
        } else {
            self.check_writable().map_err(refuse)?;
        }
        self.check_port(listen)
    }

    /// Whether the head could listen there: on the port that it has, or on one that is free.
    pub(crate) fn check_port(&self, listen: Option<u16>) -> Result<()> {
        let held = if matches!(self.look()?, Sight::Running(_)) { self.port() } else { None };
        if let Some(number) = listen.filter(|number| *number != 0 && Some(*number) != held) {
            port::check_loopback(number).map_err(|error| {
                Diagnostic::error("The port is taken")
                    .detail(format!("{error}, or leave `port` out to have a free one chosen."))
                    .at(Path::root().attr("local").attr("port"))
            })?;
        }
        Ok(())
    }

    /// Makes the directory the cluster's, or finds that it is.
    pub(crate) fn claim(&self, name: &ClusterName, key: &OperatorPublicKey) -> Result<Claimed> {
        self.check(name, Some(key), None)?;
        create_passage(&self.directory).map_err(|error| failed("The directory cannot be used", &error))?;
        // A cluster whose `cluster.json` was lost gets it back.
        let lost = self.owner()?.filter(|_| !self.directory.join(OWNER_FILE).exists());
        let fresh = || Owner { id: ClusterId::random(), name: name.clone(), operator_key: key.clone() };
        let (owner, is_lost) = lost.map_or_else(|| (fresh(), false), |owner| (owner, true));
        let path = self.directory.join(OWNER_FILE);
        let text = serde_json::to_string_pretty(&owner).expect("an owner serializes");
        // A hard link is made whole or not at all, and never over another one.
        let beside = self.directory.join(format!(".cluster.json.{}", std::process::id()));
        let linked = atomic_write(&beside, text.as_bytes(), 0o644)
            .map_err(|error| failed("The directory cannot be used", &error))
            .map(|()| std::fs::hard_link(&beside, &path));
        let _ = std::fs::remove_file(&beside);
        match linked? {
            Ok(()) if is_lost => Ok(Claimed::Found(owner)),
            Ok(()) => Ok(Claimed::Made(owner)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                self.check(name, Some(key), None)?;
                let owner = self.owner()?;
                let found = owner.ok_or_else(|| Diagnostic::error("The directory was removed while it was claimed"))?;
                Ok(Claimed::Found(found))
            }
            Err(error) => Err(failed("The directory cannot be used", &error)),
        }
    }

    /// Starts the head if it does not run, and waits until its address and certificate are there.
    pub(crate) async fn ensure_head(
        &self,
        owner: &Owner,
        program: &FilePath,
        listen: u16,
        authority: &AuthoritySettings,
    ) -> Result<Connection> {
        let head = self.head();
        create_directory(&head).map_err(|error| failed("The head's directory cannot be used", &error))?;
        if !head.join("ringfence.db").exists() {
            // The first root and intermediates are made before anybody can declare anything.
            let text = serde_json::to_string_pretty(authority).expect("settings serialize");
            atomic_write(&head.join("authority.json"), text.as_bytes(), 0o600)
                .map_err(|error| failed("The head cannot be configured", &error))?;
        }
        let config = self.config(owner, program, listen);
        let path = head.join("serve.toml");
        // A port that was chosen by chance is written down as such, and is the same port all the same.
        let by_chance = (self.port() == Some(listen)).then(|| self.config(owner, program, 0));
        if std::fs::read_to_string(&path).is_ok_and(|present| present != config && Some(present) != by_chance) {
            // It reads its configuration when it starts.
            self.stop_head().await?;
        }
        atomic_write(&path, config.as_bytes(), 0o600)
            .map_err(|error| failed("The head cannot be configured", &error))?;
        let spawn = Spawn {
            program: program.to_owned(),
            args: vec!["serve".into(), "--directory".into(), head.clone().into()],
            log: head.join("serve.log"),
            directory: head,
            env: inherited_environment(),
        };
        ensure_running(&spawn, HEAD_CLAIM, START)
            .await
            .map_err(|error| failed("The head cannot be started", &error))?;
        let deadline = tokio::time::Instant::now() + START;
        loop {
            let Some(connection) = self.reached().await? else { return Err(self.ended_early()) };
            // The address may be that of the last time until the head has bound the port that it was told to.
            if listen == 0 || self.port() == Some(listen) {
                return Ok(connection);
            }
            if tokio::time::Instant::now() > deadline {
                return Err(self.ended_early());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How to reach the head that runs: one that is starting, perhaps for somebody who was interrupted, is waited for
    /// until it has said so. None when it does not run, or ends before.
    pub(crate) async fn reached(&self) -> Result<Option<Connection>> {
        let deadline = tokio::time::Instant::now() + START;
        loop {
            if !matches!(self.look()?, Sight::Running(_)) {
                return Ok(None);
            }
            match self.connection() {
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
                Err(_) => tokio::time::sleep(LOOK).await,
                Ok(connection) => return Ok(Some(connection)),
            }
        }
    }

    /// The port that the head last bound.
    fn port(&self) -> Option<u16> {
        let endpoint = std::fs::read_to_string(self.head().join("endpoint")).ok()?;
        endpoint.trim().rsplit_once(':')?.1.parse().ok()
    }

    /// How to reach the head, from the files it wrote, whether it runs or not.
    pub(crate) fn connection(&self) -> Result<Connection> {
        let Some(owner) = self.owner()? else {
            return Err(Diagnostic::error("There is no local cluster in this directory")
                .detail(format!(
                    "{:?} has no cluster.json. The import id or `directory` is the path of a cluster's directory.",
                    self.directory.display().to_string()
                ))
                .into());
        };
        let read = |file: &str| {
            let path = self.head().join(file);
            std::fs::read_to_string(&path).map_err(|error| {
                Diagnostic::error("The head has not said how it is reached")
                    .detail(format!("Cannot read {}: {error}.", path.display()))
            })
        };
        Ok(Connection { endpoint: read("endpoint")?, ca_certificate: read("ca.pem")?, cluster_id: owner.id })
    }

    /// Stops the head, then every agent. What they stored stays.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.stop_head().await?;
        let nodes = self.nodes();
        for node in nodes.list_nodes().await.map_err(|error| failed("The nodes cannot be listed", &error))? {
            nodes.stop_node(&node).await.map_err(|error| failed("A node cannot be stopped", &error))?;
        }
        Ok(())
    }

    /// Stops everything and removes everything. What says whose directory it is goes last, so that an interrupted
    /// removal can be finished by another.
    pub(crate) async fn destroy(&self) -> Result<()> {
        self.stop_head().await?;
        let nodes = self.nodes();
        for node in nodes.list_nodes().await.map_err(|error| failed("The nodes cannot be listed", &error))? {
            nodes.remove_node(&node).await.map_err(|error| failed("A node cannot be removed", &error))?;
        }
        remove_directory(&self.head()).map_err(|error| failed("The head's directory cannot be removed", &error))?;
        match std::fs::remove_file(self.directory.join(OWNER_FILE)) {
            Err(error)
                if error.kind() != std::io::ErrorKind::NotFound
                    && error.kind() != std::io::ErrorKind::NotADirectory =>
            {
                return Err(failed("The cluster's file cannot be removed", &error));
            }
            _ => {}
        }
        remove_directory(&self.directory).map_err(|error| failed("The directory cannot be removed", &error))
    }

    fn head(&self) -> PathBuf {
        self.directory.join("head")
    }

    fn nodes(&self) -> LocalNodes {
        LocalNodes { stop_grace: STOP, ..LocalNodes::new(self.directory.join("nodes"), PathBuf::new()) }
    }

    async fn stop_head(&self) -> Result<()> {
        stop(&self.head(), HEAD_CLAIM, STOP).await.map_err(|error| failed("The head cannot be stopped", &error))?;
        Ok(())
    }

    /// Whose directory it is, by its own file, or by the head's configuration when that was lost.
    fn owner(&self) -> Result<Option<Owner>> {
        let path = self.directory.join(OWNER_FILE);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
                Diagnostic::error("The directory's cluster.json cannot be understood")
                    .detail(format!("{}: {error}.", path.display()))
                    .into()
            }),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                Ok(self.configured_owner())
            }
            Err(error) => Err(failed("The directory cannot be read", &error)),
        }
    }

    /// The owner in the head's configuration, if there is one.
    fn configured_owner(&self) -> Option<Owner> {
        #[derive(Deserialize)]
        struct Config {
            cluster: Owner,
        }
        let text = std::fs::read_to_string(self.head().join("serve.toml")).ok()?;
        toml::from_str::<Config>(&text).ok().map(|config| config.cluster)
    }

    /// Whose signature logs in: what the head has last said, or the key that the cluster is made with.
    fn operator_keys(&self, owner: &Owner) -> Vec<OperatorPublicKey> {
        match std::fs::read_to_string(self.head().join("operator_keys")) {
            Ok(text) => text.lines().map(OperatorPublicKey::from_base64).collect(),
            Err(_) => vec![owner.operator_key.clone()],
        }
    }

    fn config(&self, owner: &Owner, program: &FilePath, listen: u16) -> String {
        let mut table = toml::Table::new();
        let text = |value: &dyn ToString| toml::Value::String(value.to_string());
        let section = |pairs: &[(&str, toml::Value)]| {
            toml::Value::Table(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
        };
        let cluster =
            [("id", text(&owner.id)), ("name", text(&owner.name)), ("operator_key", text(&owner.operator_key))];
        table.insert("cluster".to_owned(), section(&cluster));
        table.insert("api".to_owned(), section(&[("listen", text(&format!("127.0.0.1:{listen}")))]));
        let nodes = self.directory.join("nodes");
        let nodes = [("local_root", text(&nodes.display())), ("program", text(&program.display()))];
        table.insert("nodes".to_owned(), section(&nodes));
        table.to_string()
    }

    /// Tries what creating will do: a directory in the nearest one that exists, removed at once. Permission bits
    /// alone do not tell.
    fn check_writable(&self) -> std::result::Result<(), String> {
        let shown = self.directory.display();
        if self.directory.is_dir() {
            let foreign = std::fs::read_dir(&self.directory).map_err(|error| format!("{shown}: {error}."))?.flatten();
            // What an interrupted claim or plan may have left.
            let ours = |name: &str| {
                [".ringfence", ".cluster.json", "..cluster.json"].iter().any(|left| name.starts_with(left))
            };
            if foreign.into_iter().any(|entry| !ours(&entry.file_name().to_string_lossy())) {
                return Err(format!("{shown} holds files that are not a cluster's. Use an empty or a new directory."));
            }
        }
        let nearest = self.directory.ancestors().find(|path| path.exists()).unwrap_or(FilePath::new("/"));
        if !nearest.is_dir() {
            return Err(format!("{} is not a directory.", nearest.display()));
        }
        // Several clusters of one configuration may be planned at once.
        let number = PROBES.fetch_add(1, Ordering::Relaxed);
        let probe = nearest.join(format!(".ringfence-probe-{}-{number}", std::process::id()));
        std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe)).map_err(|error| {
            format!("Nothing can be created in {}: {error}. Use a directory that you may write.", nearest.display())
        })
    }

    /// The error when a head that was started does not run any more.
    pub(crate) fn ended_early(&self) -> Diagnostics {
        let log = std::fs::read_to_string(self.head().join("serve.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].join("\n");
        Diagnostic::error("The head ended while it was starting").detail(format!("Its log ends with:\n{last}")).into()
    }
}

/// The program of the daemon: the one given, else `ringfenced` beside this provider, else on the PATH.
#[allow(clippy::disallowed_methods, reason = "finding a program is what PATH is for")]
pub(crate) fn program(given: &Value<String>) -> Result<PathBuf> {
    let at = Path::root().attr("local").attr("daemon");
    if let Some(given) = given.known() {
        let path = std::path::absolute(given).unwrap_or_else(|_| PathBuf::from(given));
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Diagnostic::error("The daemon's program is not there")
                .detail(format!("{} is not a file.", path.display()))
                .at(at)
                .into())
        };
    }
    let beside = std::env::current_exe().ok().and_then(|provider| Some(provider.parent()?.join("ringfenced")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = beside.into_iter().chain(std::env::split_paths(&path).map(|directory| directory.join("ringfenced")));
    found.into_iter().find(|candidate| candidate.is_file()).ok_or_else(|| {
        Diagnostic::error("The daemon's program is not found")
            .detail("Put `ringfenced` beside the provider or on the PATH, or name it in `daemon`.")
            .at(at)
            .into()
    })
}

/// What the head inherits: where programs are found and how much to log. Nothing else, and so not the token.
#[allow(clippy::disallowed_methods, reason = "the environment of a child is made from that of its parent")]
fn inherited_environment() -> Vec<(OsString, OsString)> {
    ["PATH", "HOME", "LANG", "TMPDIR", "RINGFENCE_LOG"]
        .into_iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
        .collect()
}

fn failed(summary: &str, error: &dyn std::error::Error) -> Diagnostics {
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        detail.push_str(": ");
        detail.push_str(&cause.to_string());
        source = cause.source();
    }
    Diagnostic::error(summary).detail(format!("{detail}.")).into()
}

#[cfg(test)]
mod tests {
    use ringfence_cloud::local::claim;

    use super::*;

    fn made(directory: &FilePath) -> Local {
        let local = Local { directory: directory.join("cluster") };
        let name = ClusterName::parse("main").unwrap();
        local.claim(&name, &OperatorPublicKey::from_base64("a-key")).unwrap();
        create_directory(&local.head()).unwrap();
        local
    }

    #[tokio::test]
    async fn a_head_that_is_still_starting_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let local = made(directory.path());
        let running = claim(&local.head(), HEAD_CLAIM).unwrap();
        // The first looks before the second writes, and finds nothing yet.
        let (reached, ()) = tokio::join!(local.reached(), async {
            std::fs::write(local.head().join("endpoint"), "https://127.0.0.1:1").unwrap();
            std::fs::write(local.head().join("ca.pem"), "a certificate").unwrap();
        });
        assert_eq!(reached.unwrap().expect("it runs").endpoint, "https://127.0.0.1:1");
        drop(running);
    }

    #[tokio::test]
    async fn a_head_that_ends_before_it_has_said_how_it_is_reached_is_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let local = made(directory.path());
        let running = claim(&local.head(), HEAD_CLAIM).unwrap();
        let (reached, ()) = tokio::join!(local.reached(), async { drop(running) });
        assert_eq!(reached.unwrap(), None);
    }
}
