//! Observes claims from outside: whether a process holds one, and which.
//!
//! The lock answers the first question and the pid file the second, in this order. A pid file
//! that was copied, restored or outlived its process is therefore never believed: nobody holds
//! the lock beside it, or who holds it is not who the file names.

use std::path::Path;

use crate::file::FileError;
use crate::process::identity::{Identity, pid_file};
use crate::process::lock::{is_held, lock_file};

/// What is seen of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// Nobody claimed the name, or whoever did ended cleanly.
    Absent,
    /// Somebody holds the lock and is not identified: a process between locking and writing its
    /// pid file, or one that is being torn down by the kernel. It soon becomes another answer.
    Starting,
    /// It runs.
    Running {
        /// Who.
        identity: Identity,
    },
    /// It ran, and ended without releasing its claim.
    Dead,
}

/// Looks at the claim of `name` in `directory`. A directory that is not there is `Absent`.
pub fn observe(directory: &Path, name: &str) -> Result<Observed, FileError> {
    let identity = Identity::read(directory, name)?;
    if is_held(&lock_file(directory, name))? {
        return Ok(match identity {
            Some(identity) if identity.is_alive()? => Observed::Running { identity },
            _ => Observed::Starting,
        });
    }
    let path = pid_file(directory, name);
    if path.try_exists().map_err(FileError::of("look at", &path))? { Ok(Observed::Dead) } else { Ok(Observed::Absent) }
}
