//! What the sagas of nodes are recorded as: their kinds, and what they are about. Logs of an earlier version must stay
//! readable.

use ringfence_api::NodeName;
use serde::{Deserialize, Serialize};

/// The kind of the saga that launches a node.
pub(super) const LAUNCH_NODE: &str = "launch_node";
/// The kind of the saga that removes a node.
pub(super) const REMOVE_NODE: &str = "remove_node";

/// What a launch or a removal is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NodeInput {
    pub(crate) node: NodeName,
}
