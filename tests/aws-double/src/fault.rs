//! Faults: what goes wrong, and at which call.

use std::collections::BTreeMap;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused before anything happens, with a failure that says nothing (500).
    Fail,
    /// It is refused with this code.
    Refuse(&'static str),
    /// It is done, and the connection breaks before the answer.
    LoseAnswer,
    /// It is refused because there were too many.
    Throttle,
    /// It is done, and the process that called is killed before the answer.
    KillCaller,
}

/// Which calls go wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// The n-th call that changes something, from 1.
    pub at_change: BTreeMap<usize, Fault>,
}
