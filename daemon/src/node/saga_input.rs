//! How the sagas of nodes are recorded: their kinds and their input. Records of earlier versions must stay readable.

use ringfence_api::NodeName;
use serde::{Deserialize, Serialize};

/// The kind of the saga that launches a node.
pub(super) const LAUNCH_NODE: &str = "launch_node";
/// The kind of the saga that removes a node.
pub(super) const REMOVE_NODE: &str = "remove_node";

/// The input of a launch or removal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NodeInput {
    pub(crate) node: NodeName,
}
