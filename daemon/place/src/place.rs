//! The list of targets. A new one is a variant here and in [`Machine`], and a module with its [`NodeDriver`].

use crate::local::LocalNodes;
use crate::machine::Machine;
use crate::node_driver::NodeDriver;

/// Where the nodes of a cluster run.
#[derive(Debug, Clone)]
pub enum Place {
    /// Processes of this machine.
    Local(LocalNodes),
}

impl Place {
    /// The machine of a node of which nothing else is declared.
    pub fn default_machine(&self) -> Machine {
        match self {
            Self::Local(_) => Machine::Local,
        }
    }

    /// The driver of this target.
    pub fn into_nodes(self) -> Box<dyn NodeDriver> {
        match self {
            Self::Local(nodes) => Box::new(nodes),
        }
    }
}
