//! Claims of the running process: at most one process per name and directory.
//!
//! # Expected flow
//!
//! The process locks `<name>.lock`, checks that the file it locked is still the one in the
//! directory, writes `<name>.pid`, and keeps the lock until it ends. On a clean end it removes
//! the pid file first, so a pid file without a lock means that somebody died.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::file::FileError;
use crate::process::identity::{Identity, pid_file};
use crate::process::lock::{Lock, Taken, lock_file, take};

/// Claims `name` in `directory` for this process, until the claim is dropped. The directory must
/// exist: what was removed is not made again by a process that came late.
///
/// Blocks for at most two seconds, and only when a lock is held by nobody who says who they are.
pub fn claim(directory: &Path, name: &str) -> Result<Claim, ClaimError> {
    let path = lock_file(directory, name);
    let lock = match take(&path, open)? {
        Taken::Ours(lock) => lock,
        Taken::Theirs(Some(identity)) => {
            let (name, directory) = (name.to_owned(), directory.to_owned());
            return Err(ClaimError::Running { name, directory, pid: identity.pid });
        }
        Taken::Theirs(None) => return Err(ClaimError::Held { path }),
    };
    let pid = std::process::id();
    let identity = Identity::of(pid)?.ok_or(ClaimError::Unidentified { pid })?;
    identity.write(directory, name)?;
    Ok(Claim { identity, directory: directory.to_owned(), name: name.to_owned(), lock })
}

/// This process owns a name in a directory. Dropping it gives the name up.
#[derive(Debug)]
pub struct Claim {
    identity: Identity,
    directory: PathBuf,
    name: String,
    lock: Lock,
}

impl Claim {
    /// Who claimed: this process.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether the claim still holds: its directory and lock are where they were. A lost pid file is written again, so
    /// that others find the owner. A process that has lost its claim should end.
    pub fn stands(&self) -> Result<bool, FileError> {
        if !self.lock.is_at(&lock_file(&self.directory, &self.name))? {
            return Ok(false);
        }
        if Identity::read(&self.directory, &self.name)?.as_ref() != Some(&self.identity) {
            self.identity.write(&self.directory, &self.name)?;
        }
        Ok(true)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Before the lock goes, so that the next owner's file cannot be hit; and not at all when the
        // lock is another one by now. Left behind the file would only say that we died.
        if self.lock.is_at(&lock_file(&self.directory, &self.name)).unwrap_or(false) {
            let _ = std::fs::remove_file(pid_file(&self.directory, &self.name));
        }
    }
}

/// Why a name could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The name is taken by a process that runs.
    #[error("`{name}` already runs in {directory} as process {pid}: stop it first, or use another directory")]
    Running {
        /// The name.
        name: String,
        /// Where.
        directory: PathBuf,
        /// Who runs.
        pid: u32,
    },
    /// The name is locked by somebody who does not say who they are.
    #[error("{path} is locked by a process that does not say which it is: see who has the file open")]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// `/proc` does not show this process.
    #[error("/proc does not show process {pid}, which is this one: mount /proc for this pid namespace")]
    Unidentified {
        /// This process.
        pid: u32,
    },
    /// The directory or a file in it cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

fn open(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(FileError::of("open", path))
}
