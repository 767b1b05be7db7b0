//! What was called.

use crate::decide::Decision;
use crate::fault::Fault;

/// A call that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `service:Action`.
    pub action: String,
    /// Who called: `administrator`, or the role's name.
    pub caller: String,
    /// Whether it changes something.
    pub changes: bool,
    /// Whether it only asked.
    pub dry_run: bool,
    /// What each elementary check came to; none for the administrator.
    pub decisions: Vec<Decision>,
    /// What went wrong with it on purpose.
    pub fault: Option<Fault>,
    /// The status of the answer; none when it was lost.
    pub status: Option<u16>,
}

impl Call {
    /// Whether it was refused for want of rights.
    pub fn is_refused(&self) -> bool {
        self.decisions.iter().any(|decision| decision.allowed_by.is_none())
    }
}
