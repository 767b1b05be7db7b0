//! As whom this process acts, for decisions about what others may do.

use rustix::process::{getegid, geteuid, getgroups};

/// The user and the groups of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The effective user.
    pub(crate) user: u32,
    /// The effective group, and the supplementary ones.
    pub(crate) groups: Vec<u32>,
}

impl Account {
    /// The account of this process.
    pub(crate) fn current() -> Self {
        // Without supplementary groups fewer files are accepted, never more.
        let more = getgroups().unwrap_or_default();
        let groups = std::iter::once(getegid()).chain(more).map(rustix::fs::Gid::as_raw).collect();
        Self { user: geteuid().as_raw(), groups }
    }
}
