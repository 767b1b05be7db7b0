//! The interface between the daemon and a target: nodes by name.
//!
//! # Guarantees an implementation owes
//!
//! - Every method may be repeated and may be called again after a crash anywhere inside it.
//! - `ensure_node` finds what an earlier, interrupted call left, and never makes a second node of
//!   the same name.
//! - `list_nodes` names everything this driver ever made and has not removed, complete or not,
//!   so that a sweep finds what nobody claims.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use crate::machine::Machine;

/// Makes, observes and removes the nodes of one cluster on one target.
#[async_trait]
pub trait NodeDriver: Send + Sync {
    /// Returns when the node runs. One that runs already stays as it is.
    async fn ensure_node(&self, launch: &NodeLaunch) -> Result<(), DriverError>;

    /// Observes the node of this name.
    async fn observe_node(&self, name: &str) -> Result<NodeObserved, DriverError>;

    /// Returns when the node no longer runs. What it stored stays; a node that is not there is
    /// as good as stopped.
    async fn stop_node(&self, name: &str) -> Result<(), DriverError>;

    /// Stops the node and removes everything of it. A node that is not there is as good as
    /// removed.
    async fn remove_node(&self, name: &str) -> Result<(), DriverError>;

    /// The names of all nodes that exist in any form, sorted.
    async fn list_nodes(&self) -> Result<Vec<String>, DriverError>;
}

/// What a node is started with.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeLaunch {
    /// The node's name, unique in its cluster: lower-case letters, digits and inner hyphens, at
    /// most 63.
    pub name: String,
    /// What it runs on.
    pub machine: Machine,
    /// The agent's configuration, written as it is.
    pub config_json: String,
    /// The one-time ticket the agent joins with, if it has yet to join. A secret.
    pub ticket: Option<String>,
}

impl fmt::Debug for NodeLaunch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The ticket is a secret and the configuration may quote one.
        let shown = &mut f.debug_struct("NodeLaunch");
        shown.field("name", &self.name).field("machine", &self.machine).finish_non_exhaustive()
    }
}

/// The observed state of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeObserved {
    /// Nothing.
    Absent,
    /// It exists and does not run yet.
    Starting,
    /// It runs.
    Running {
        /// What the target calls it, for people: `pid 4711`, an instance id.
        handle: String,
    },
    /// It exists and does not run: stopped, or died.
    Stopped,
}

/// Why a driver failed. The caller decides by the variant.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The name cannot be a node's name.
    #[error("`{name}` cannot name a node: use lower-case letters, digits and inner hyphens, at most 63")]
    Name {
        /// The refused name.
        name: String,
    },
    /// The target will give the same answer again; somebody has to change something.
    #[error("node `{name}` was refused")]
    Refused {
        /// The node.
        name: String,
        /// What stands in the way, and what to do about it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The target may answer differently later; try again.
    #[error("node `{name}` is not available now")]
    Unavailable {
        /// The node.
        name: String,
        /// What the target said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The nodes could not be listed.
    #[error("cannot list the nodes")]
    List {
        /// What the target said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl DriverError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::List { .. })
    }
}
