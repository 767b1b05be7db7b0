//! The locks that claims are made of.
//!
//! Whoever looks at a lock holds it for an instant when nobody else does, so a taken lock is
//! tried again for a short while unless the pid file beside it names a process that lives.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::file::FileError;
use crate::process::identity::Identity;

/// How long a lock that nobody answers for is tried: far longer than anybody looks, far shorter
/// than anybody waits for a start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The lock of `name` in `directory`.
pub(crate) fn lock_file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.lock"))
}

/// A lock that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Whether this is still the lock that `path` names.
    pub(crate) fn is_at(&self, path: &Path) -> Result<bool, FileError> {
        is_at(&self.0, path)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: another thread may be starting a process, which shares our open
        // files until it executes its program, and would hold the lock that long. If unlocking
        // fails, closing does it a little later.
        let _ = self.0.unlock();
    }
}

/// How trying to take a lock ended.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is ours.
    Ours(Lock),
    /// Somebody has it, and their pid file may say who.
    Theirs(Option<Identity>),
}

/// Takes the lock at `path`, exclusively. `open` is asked again whenever the file that was
/// locked turns out not to be at `path` any more.
pub(crate) fn take(path: &Path, open: impl Fn(&Path) -> Result<File, FileError>) -> Result<Taken, FileError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => {
                let lock = Lock(file);
                if is_at(&lock.0, path)? {
                    return Ok(Taken::Ours(lock));
                }
            }
            Err(TryLockError::WouldBlock) => {
                if let Some(identity) = holder(path)? {
                    return Ok(Taken::Theirs(Some(identity)));
                }
            }
            Err(TryLockError::Error(source)) => {
                return Err(FileError { action: "lock", path: path.to_owned(), source });
            }
        }
        if Instant::now() >= deadline {
            return Ok(Taken::Theirs(None));
        }
        // Nobody unparks: this is the wait between two looks, and it has a deadline.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whether somebody holds the lock. Taking it for an instant is how one finds out.
pub(crate) fn is_held(path: &Path) -> Result<bool, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(FileError { action: "open", path: path.to_owned(), source }),
    };
    match file.try_lock_shared() {
        Ok(()) => {
            drop(Lock(file));
            Ok(false)
        }
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(FileError { action: "lock", path: path.to_owned(), source }),
    }
}

/// The living process that the pid file beside the lock names.
fn holder(lock: &Path) -> Result<Option<Identity>, FileError> {
    let (Some(directory), Some(name)) = (lock.parent(), lock.file_stem().and_then(|name| name.to_str())) else {
        return Ok(None);
    };
    match Identity::read(directory, name)? {
        Some(identity) if identity.is_alive()? => Ok(Some(identity)),
        _ => Ok(None),
    }
}

/// Whether `file` is what `path` names now.
fn is_at(file: &File, path: &Path) -> Result<bool, FileError> {
    let of = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let held = file.metadata().map(of).map_err(FileError::of("look at", path))?;
    match std::fs::metadata(path) {
        Ok(named) => Ok(of(named) == held),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(source) => Err(FileError { action: "look at", path: path.to_owned(), source }),
    }
}
