//! The target `local`: nodes are processes of this machine. `<root>/<node>/` holds everything of a node, and
//! `ringfenced agent` runs in it.
//!
//! The directory comes first and is marked, then the files the agent reads, then the process, so
//! an interrupted launch leaves a directory that a repeat completes and a sweep finds.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use crate::file::{FileError, write_if_different};
use crate::machine::Machine;
use crate::node_driver::{DriverError, NodeDriver, NodeLaunch, NodeObserved};
use crate::process::{
    AGENT_CLAIM, DirectoryError, Observed, Spawn, StartError, create_passage, ensure_running, is_empty, is_ours,
    observe, remove_directory, stop,
};

/// The nodes of one cluster, as processes of this machine.
#[derive(Debug, Clone)]
pub struct LocalNodes {
    /// Where the nodes' directories are.
    pub root: PathBuf,
    /// The program with the command `agent`.
    pub program: PathBuf,
    /// The whole environment of the agents.
    pub env: Vec<(OsString, OsString)>,
    /// How long an agent may take until it has claimed its directory.
    pub start_wait: Duration,
    /// How long an agent may take to end before it is killed.
    pub stop_grace: Duration,
}

impl LocalNodes {
    /// Nodes below `root` that run `program agent`, with an empty environment and times that suit
    /// a busy laptop.
    pub fn new(root: impl Into<PathBuf>, program: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            program: program.into(),
            env: Vec::new(),
            start_wait: Duration::from_secs(30),
            stop_grace: Duration::from_secs(10),
        }
    }

    /// The directory of a node.
    pub fn directory(&self, name: &str) -> Result<PathBuf, DriverError> {
        if is_name(name) { Ok(self.root.join(name)) } else { Err(DriverError::Name { name: name.to_owned() }) }
    }

    fn write_files(directory: &Path, launch: &NodeLaunch, observed: &Observed) -> Result<(), FileError> {
        write_if_different(&directory.join("agent.json"), launch.config_json.as_bytes(), 0o600)?;
        match &launch.ticket {
            // One that runs has read its ticket, and a used secret is not put back.
            Some(ticket) if !matches!(observed, Observed::Running { .. }) => {
                write_if_different(&directory.join("ticket"), ticket.as_bytes(), 0o600)
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl NodeDriver for LocalNodes {
    async fn ensure_node(&self, launch: &NodeLaunch) -> Result<(), DriverError> {
        let NodeLaunch { name, machine: Machine::Local, .. } = launch;
        let directory = self.directory(name)?;
        // What was removed from under us is not made again.
        let cluster = self.root.parent().unwrap_or(&self.root);
        if !cluster.is_dir() {
            let source = FileError { action: "find", path: cluster.to_owned(), source: io::ErrorKind::NotFound.into() };
            return Err(unavailable(name, source));
        }
        create_passage(&directory).map_err(|error| of_directory(name, error))?;
        let observed = observe(&directory, AGENT_CLAIM).map_err(|error| unavailable(name, error))?;
        Self::write_files(&directory, launch, &observed).map_err(|error| unavailable(name, error))?;
        let spawn = Spawn {
            program: self.program.clone(),
            args: vec!["agent".into(), "--directory".into(), directory.clone().into()],
            log: directory.join("agent.log"),
            directory,
            env: self.env.clone(),
        };
        match ensure_running(&spawn, AGENT_CLAIM, self.start_wait).await {
            Ok(_) => Ok(()),
            Err(StartError::Directory(error)) => Err(of_directory(name, error)),
            Err(error @ StartError::Spawn(_)) => Err(refused(name, error)),
            Err(error) => Err(unavailable(name, error)),
        }
    }

    async fn observe_node(&self, name: &str) -> Result<NodeObserved, DriverError> {
        let directory = self.directory(name)?;
        let observed = observe(&directory, AGENT_CLAIM).map_err(|error| unavailable(name, error))?;
        Ok(match observed {
            Observed::Running { identity } => NodeObserved::Running { handle: format!("pid {}", identity.pid) },
            Observed::Starting => NodeObserved::Starting,
            Observed::Dead => NodeObserved::Stopped,
            Observed::Absent => {
                if directory.try_exists().map_err(|error| unavailable(name, error))? {
                    NodeObserved::Stopped
                } else {
                    NodeObserved::Absent
                }
            }
        })
    }

    async fn stop_node(&self, name: &str) -> Result<(), DriverError> {
        let directory = self.directory(name)?;
        stop(&directory, AGENT_CLAIM, self.stop_grace).await.map_err(|error| unavailable(name, error))?;
        Ok(())
    }

    async fn remove_node(&self, name: &str) -> Result<(), DriverError> {
        self.stop_node(name).await?;
        let directory = self.directory(name)?;
        let removal = tokio::task::spawn_blocking(move || remove_directory(&directory));
        removal.await.map_err(|error| unavailable(name, error))?.map_err(|error| of_directory(name, error))
    }

    async fn list_nodes(&self) -> Result<Vec<String>, DriverError> {
        list(&self.root).map_err(|error| DriverError::List { source: Box::new(error) })
    }
}

/// Marked directories, and empty ones, which are what a crash leaves just before marking.
fn list(root: &Path) -> Result<Vec<String>, FileError> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FileError { action: "read", path: root.to_owned(), source }),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(FileError::of("read", root))?;
        let path = entry.path();
        let is_directory = entry.file_type().map_err(FileError::of("look at", &path))?.is_dir();
        if let Ok(name) = entry.file_name().into_string()
            && is_directory
            && is_name(&name)
            && (is_ours(&path)? || is_empty(&path)?)
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A name becomes a directory and a DNS label, so it is neither `..` nor anything else that
/// means something to a file system.
fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 63
        && name.bytes().all(|byte| inner(byte) || byte == b'-')
        && name.bytes().next().is_some_and(inner)
        && name.bytes().last().is_some_and(inner)
}

fn of_directory(name: &str, error: DirectoryError) -> DriverError {
    match error {
        DirectoryError::NotOurs { .. } => refused(name, error),
        DirectoryError::InUse { .. } | DirectoryError::File(_) => unavailable(name, error),
    }
}

fn refused(name: &str, source: impl std::error::Error + Send + Sync + 'static) -> DriverError {
    DriverError::Refused { name: name.to_owned(), source: Box::new(source) }
}

fn unavailable(name: &str, source: impl std::error::Error + Send + Sync + 'static) -> DriverError {
    DriverError::Unavailable { name: name.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_label_and_never_a_path() {
        for name in ["head", "worker-1", "a", &"a".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "A", "-a", "a-", "a.b", "a_b", "ä", &"a".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_launch_does_not_show_its_secrets() {
        let launch = NodeLaunch {
            name: "worker-1".to_owned(),
            machine: Machine::Local,
            config_json: "configuration".to_owned(),
            ticket: Some("secret".to_owned()),
        };
        let shown = format!("{launch:?}");
        assert!(shown.contains("worker-1") && !shown.contains("secret") && !shown.contains("configuration"));
    }
}
