//! The machine that a node runs on.

/// What is chosen of a node's machine: a variant for each target, because no two offer the same choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// A process of this machine. It runs on what there is, so nothing is chosen.
    Local,
}
