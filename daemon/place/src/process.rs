//! Processes that own a directory each: a daemon and an agent wherever they run, and the nodes of the target `local`.
//!
//! A process *claims* a name in its directory: it takes an exclusive lock on `<name>.lock` and
//! then writes `<name>.pid`, which says who it is. The kernel gives the lock up when the process
//! ends, however it ends, so the lock is the truth about whether somebody runs, and the file only
//! says who.
//!
//! # Guarantees
//!
//! - Never two in one directory: the second claim is refused.
//! - Only our own process is ever signalled: a pid is believed together with the start time of
//!   its process and the boot it belongs to, and the signal goes through a descriptor of exactly
//!   that process.
//! - A started process outlives whoever started it, and is found again by its directory.
//! - After [`stop()`] nothing runs, and after [`remove_directory`] nothing is left. A directory
//!   that is not ours is never removed.
//!
//! # Assumptions
//!
//! Linux, with `/proc`, and directories on a file system whose locks work (not every network
//! file system).

mod claim;
mod directory;
mod identity;
mod lock;
mod observe;
mod procfs;
mod spawn;
mod start;
mod stop;

pub use claim::{Claim, ClaimError, claim};
pub use directory::{DirectoryError, create_directory, create_passage, remove_directory};
pub(crate) use directory::{is_empty, is_ours};
pub use identity::Identity;
pub use observe::{Observed, observe};
pub use spawn::{Spawn, SpawnError, spawn};
pub use start::{Running, Start, StartError, ensure_running};
pub use stop::{StopError, Stopped, stop};

use std::time::Duration;

/// The name under which the head claims its directory.
pub const HEAD_CLAIM: &str = "serve";

/// The name under which an agent claims its directory.
pub const AGENT_CLAIM: &str = "agent";

/// How often a claim that is waited for is looked at: two system calls each time.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
