//! Atomic writes: a file has either its old or its new content, even after a power failure.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a file operation failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}")]
pub struct FileError {
    /// What was tried, as a verb: `write`, `read`, `remove`.
    pub action: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn of<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self { action, path: path.to_owned(), source }
    }
}

/// Replaces the file at `path`: writes a new one beside it, makes it durable, renames it over the
/// old one, and makes the renaming durable. Readers see the old bytes or the new bytes.
///
/// The file has exactly the permissions `mode`, from its first byte on and whatever the umask.
pub fn atomic_write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let beside = beside(path)?;
    let written = write_new(&beside, bytes, mode).and_then(|()| fs::rename(&beside, path));
    if let Err(source) = written {
        // A full disk must not be filled with temporary files too.
        let _ = fs::remove_file(&beside);
        return Err(FileError { action: "write", path: path.to_owned(), source });
    }
    let directory = directory_of(path);
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(FileError::of("sync", directory))
}

/// The same, unless the file has these bytes already and is open to nobody whom `mode` keeps out.
pub fn write_if_different(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let is_closed = fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o777 & !mode == 0);
    if is_closed && fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    atomic_write(path, bytes, mode)
}

/// Takes from a file or directory what `mode` does not allow, and gives nothing. It closes what an earlier version or
/// a copy has left open.
pub fn restrict(path: &Path, mode: u32) -> Result<(), FileError> {
    let present = fs::metadata(path).map_err(FileError::of("look at", path))?.permissions().mode() & 0o7777;
    let closed = present & (mode | 0o7000);
    if closed == present {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(closed)).map_err(FileError::of("close", path))
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // A file of this name can only be left from a crashed process that had our pid.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode & 0o600).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// A name beside `path` that no other writer of this machine uses now.
fn beside(path: &Path) -> Result<PathBuf, FileError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| FileError {
        action: "write",
        path: path.to_owned(),
        source: io::Error::from(io::ErrorKind::InvalidInput),
    })?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.{}.new", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(beside))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.json");
        atomic_write(&path, b"a long first version", 0o644).unwrap();
        atomic_write(&path, b"second", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_as_it_should_be_is_not_written_again() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.json");
        let written = |bytes: &[u8]| {
            write_if_different(&path, bytes, 0o600).unwrap();
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
            metadata.ino()
        };
        let first = written(b"x");
        // As long as it is there, no other file has its number.
        let _kept = File::open(&path).unwrap();
        assert_eq!(written(b"x"), first);
        assert_ne!(written(b"y"), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        written(b"y");
        assert_eq!(fs::read(&path).unwrap(), b"y");
    }

    #[test]
    fn restricting_takes_and_gives_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.json");
        for (before, allowed, after) in [(0o644, 0o600, 0o600), (0o400, 0o600, 0o400), (0o4755, 0o711, 0o4711)] {
            atomic_write(&path, b"x", before).unwrap();
            restrict(&path, allowed).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, after, "{before:o}");
        }
        restrict(&directory.path().join("none"), 0o600).unwrap_err();
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_says_where() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("there").join("agent.json");
        let error = atomic_write(&path, b"x", 0o600).unwrap_err();
        assert_eq!(error.path, path);
        let taken = directory.path().join("taken");
        fs::create_dir(&taken).unwrap();
        atomic_write(&taken, b"x", 0o600).unwrap_err();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
