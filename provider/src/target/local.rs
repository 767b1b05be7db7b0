//! The target `local`: the head is a process of this machine, in a directory of its own.
//!
//! ```text
//! DIRECTORY/cluster.json      whose directory this is; made once, exclusively
//! DIRECTORY/head/             the daemon's directory
//! DIRECTORY/nodes/NODE/       one for each agent
//! ```
//!
//! Everything here may be repeated at any point: the directory is claimed by the first who writes `cluster.json`,
//! the process by a lock, so there is never a second head, and a head that was lost is not made again. Trust comes from
//! the directory, which only this user can write: the head puts its root certificate and address there.

mod check;
mod head;
mod lost;
mod model;
mod owner;
mod program;

use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::{ClusterId, ClusterName, Connection, OperatorPublicKey};
use ringfence_place::NodeDriver as _;
use ringfence_place::local::LocalNodes;
use ringfence_place::process::{AGENT_CLAIM, HEAD_CLAIM, Observed, observe, remove_directory, stop};
use tfplugin_rs::prelude::*;

use super::{Claimed, Owner, Sight, Target};
pub(crate) use model::{ClusterIdentity, LocalModel};

/// The configuration in the head's directory.
const CONFIG_FILE: &str = "serve.toml";
/// The database there.
const DATABASE_FILE: &str = "ringfence.db";
/// How long a head may take to stop when asked.
const STOP: Duration = Duration::from_secs(5);

/// A cluster's directory, and what is declared of the head in it.
pub(crate) struct Local {
    /// The directory as it was given.
    spelling: String,
    directory: PathBuf,
    port: Option<u16>,
    /// The program of the daemon; null to look for it.
    daemon: Value<String>,
    /// Whether its head has been reached once, as whoever asks knows.
    had_root: bool,
}

impl Local {
    /// The cluster in this directory, which may be relative to where Terraform runs.
    pub(crate) fn at(directory: &str) -> Self {
        let (spelling, directory) = (directory.to_owned(), real(directory));
        Self { spelling, directory, port: None, daemon: Value::Null, had_root: false }
    }

    fn head(&self) -> PathBuf {
        self.directory.join("head")
    }

    fn nodes(&self) -> LocalNodes {
        LocalNodes { stop_grace: STOP, ..LocalNodes::new(self.directory.join("nodes"), PathBuf::new()) }
    }
}

#[async_trait]
impl Target for Local {
    fn attribute(&self) -> Path {
        attribute()
    }

    fn import_id(&self) -> &str {
        &self.spelling
    }

    fn check(&self, name: &ClusterName, key: Option<&OperatorPublicKey>) -> Result<()> {
        self.check_directory(name, key)?;
        self.check_port()
    }

    fn check_address(&self) -> Result<()> {
        self.check_port()
    }

    fn next_endpoint(&self, before: &str) -> Option<String> {
        let port = self.port.filter(|port| !before.ends_with(&format!(":{port}")))?;
        Some(format!("https://127.0.0.1:{port}"))
    }

    fn cluster_id(&self) -> Result<Option<ClusterId>> {
        Ok(match self.look()? {
            Sight::Gone => None,
            Sight::Lost(lost) => lost.id,
            Sight::Stopped(owner) | Sight::Running(owner) => Some(owner.id),
        })
    }

    fn look(&self) -> Result<Sight> {
        let Some(owner) = self.owner()? else { return Ok(self.lost_owner()?.map_or(Sight::Gone, Sight::Lost)) };
        let observed =
            observe(&self.head(), HEAD_CLAIM).map_err(|error| failed("The head cannot be observed", &error))?;
        Ok(match observed {
            Observed::Running { .. } | Observed::Starting => Sight::Running(owner),
            Observed::Dead | Observed::Absent => match self.lost_head(&owner)? {
                Some(lost) => Sight::Lost(lost),
                None => Sight::Stopped(owner),
            },
        })
    }

    fn workers_run(&self) -> bool {
        let nodes = std::fs::read_dir(self.directory.join("nodes")).into_iter().flatten().flatten();
        nodes.into_iter().any(|node| matches!(observe(&node.path(), AGENT_CLAIM), Ok(Observed::Running { .. })))
    }

    fn claim(&self, name: &ClusterName, key: &OperatorPublicKey) -> Result<Claimed> {
        self.check_directory(name, Some(key))?;
        self.claim_directory(name, key)
    }

    async fn ensure_head(&self, owner: &Owner, authority: &AuthoritySettings) -> Result<Connection> {
        if let Sight::Lost(lost) = self.look()? {
            return Err(lost.fault.into());
        }
        self.prepare_head(authority)?;
        self.start_head(owner).await?;
        let connection = self.await_address().await?;
        self.record_root()?;
        Ok(connection)
    }

    async fn stop_head(&self) -> Result<()> {
        stop(&self.head(), HEAD_CLAIM, STOP).await.map_err(|error| failed("The head cannot be stopped", &error))?;
        Ok(())
    }

    async fn reached(&self) -> Result<Option<Connection>> {
        self.await_connection().await
    }

    fn connection(&self) -> Result<Connection> {
        self.recorded_connection()
    }

    fn ended_early(&self) -> Diagnostics {
        self.log_of_end()
    }

    async fn stop(&self) -> Result<()> {
        self.stop_head().await?;
        let nodes = self.nodes();
        for node in nodes.list_nodes().await.map_err(|error| failed("The nodes cannot be listed", &error))? {
            nodes.stop_node(&node).await.map_err(|error| failed("A node cannot be stopped", &error))?;
        }
        Ok(())
    }

    async fn destroy(&self) -> Result<()> {
        self.stop_head().await?;
        let nodes = self.nodes();
        for node in nodes.list_nodes().await.map_err(|error| failed("The nodes cannot be listed", &error))? {
            nodes.remove_node(&node).await.map_err(|error| failed("A node cannot be removed", &error))?;
        }
        remove_directory(&self.head()).map_err(|error| failed("The head's directory cannot be removed", &error))?;
        self.remove_owner()?;
        remove_directory(&self.directory).map_err(|error| failed("The directory cannot be removed", &error))
    }
}

/// The attribute of a cluster that declares this target.
fn attribute() -> Path {
    Path::root().attr("local")
}

/// The directory through symbolic links where it exists, so that one place has one name.
fn real(directory: &str) -> PathBuf {
    let path = FilePath::new(directory);
    let real = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    real.unwrap_or_else(|_| path.to_owned())
}

/// Whether an error says that there is no such file.
fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
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
