//! Directories that ringfence may remove.
//!
//! A directory is ours when our marker is in it, so a mistyped path never costs anybody their
//! home. Removal takes every lock in the tree first and keeps them, so nobody can begin to run
//! in what is being removed; the marker goes last, so that an interrupted removal can go on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::file::{FileError, restrict};
use crate::process::lock::{Lock, Taken, take};

/// The file that makes a directory ours.
pub(crate) const MARKER: &str = ".ringfence";

/// Makes `path` a directory of ours that nobody else enters, and its parents if they are
/// missing. One that is ours is closed if it is open to others; one with other people's things in it is refused.
pub fn create_directory(path: &Path) -> Result<(), DirectoryError> {
    create(path, 0o700)
}

/// Like [`create_directory`], but others may pass through it, without listing it, to the files
/// in it that are theirs: a service that runs under its own user reads its key on a node.
pub fn create_passage(path: &Path) -> Result<(), DirectoryError> {
    create(path, 0o711)
}

fn create(path: &Path, mode: u32) -> Result<(), DirectoryError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(FileError::of("create", path))?;
    if !is_ours(path)? {
        if !is_empty(path)? {
            return Err(DirectoryError::NotOurs { path: path.to_owned() });
        }
        mark(path)?;
    }
    Ok(restrict(path, mode)?)
}

fn mark(path: &Path) -> Result<(), FileError> {
    let marker = path.join(MARKER);
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&marker)
        .and_then(|file| file.sync_all())
        .map_err(FileError::of("create", &marker))
}

/// Removes a directory of ours with everything in it. One that is not there is as good as
/// removed. Symbolic links are removed and not followed.
///
/// Blocks while it removes, and for at most two seconds per lock that is held by nobody who says
/// who they are.
pub fn remove_directory(path: &Path) -> Result<(), DirectoryError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(DirectoryError::NotOurs { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(FileError { action: "look at", path: path.to_owned(), source }.into()),
    }
    // Between making a directory and marking it, and between unmarking and removing it, one of
    // ours is empty.
    if !is_ours(path)? && !is_empty(path)? {
        return Err(DirectoryError::NotOurs { path: path.to_owned() });
    }
    let mut locks = Vec::new();
    take_locks(path, &mut locks)?;
    for entry in entries(path)? {
        if entry.file_name() != MARKER {
            remove(&entry.path())?;
        }
    }
    remove(&path.join(MARKER))?;
    remove(path)
}

/// Why a directory was neither made nor removed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is something else at this path.
    #[error(
        "{path} holds files and lacks the marker `{MARKER}`: it is not ours; use another path, or empty it. If it is a \
         copy without the hidden files, copy those too"
    )]
    NotOurs {
        /// The path.
        path: PathBuf,
    },
    /// A process still runs in it.
    #[error("{path} is in use by {}: stop it first", user(*.pid))]
    InUse {
        /// The lock that is held.
        path: PathBuf,
        /// Who holds it, if that is known.
        pid: Option<u32>,
    },
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

fn user(pid: Option<u32>) -> String {
    pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"))
}

pub(crate) fn is_ours(path: &Path) -> Result<bool, FileError> {
    let marker = path.join(MARKER);
    match fs::symlink_metadata(&marker) {
        Ok(metadata) => Ok(metadata.is_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FileError { action: "look at", path: marker, source }),
    }
}

pub(crate) fn is_empty(path: &Path) -> Result<bool, FileError> {
    let mut entries = fs::read_dir(path).map_err(FileError::of("read", path))?;
    Ok(entries.next().is_none())
}

fn entries(path: &Path) -> Result<Vec<fs::DirEntry>, FileError> {
    fs::read_dir(path).and_then(Iterator::collect).map_err(FileError::of("read", path))
}

/// Takes and keeps every lock below `path`; one that is held means that somebody runs.
fn take_locks(path: &Path, locks: &mut Vec<Lock>) -> Result<(), DirectoryError> {
    for entry in entries(path)? {
        let path = entry.path();
        let kind = entry.file_type().map_err(FileError::of("look at", &path))?;
        if kind.is_dir() {
            take_locks(&path, locks)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "lock") {
            match take(&path, |path| File::open(path).map_err(FileError::of("open", path)))? {
                Taken::Ours(lock) => locks.push(lock),
                Taken::Theirs(identity) => {
                    return Err(DirectoryError::InUse { path, pid: identity.map(|identity| identity.pid) });
                }
            }
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), DirectoryError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError { action: "remove", path: path.to_owned(), source: error }.into())
        }
        _ => Ok(()),
    }
}
