//! Files and directories of the agent: a file is written beside its place, made durable and renamed, so that a reader
//! finds the old one or the new one. What is to be removed may be gone already.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::error::AgentError;

/// Writes beside, makes durable, renames.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AgentError> {
    replace(path, bytes, mode, |_| Ok(()))
}

/// The same, with a change to the file before it is renamed.
pub(super) fn replace(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    before_rename: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), AgentError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    remove_file(&beside)?;
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        before_rename(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    written.map_err(AgentError::file("write", path))?;
    sync(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a directory durable.
pub(super) fn sync(directory: &Path) -> Result<(), AgentError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(AgentError::file("sync", directory))
}

/// A directory that others pass through and nobody but the agent lists or changes.
pub(super) fn create_directory(path: &Path) -> Result<(), AgentError> {
    let created = fs::DirBuilder::new().recursive(true).mode(0o711).create(path);
    created.map_err(AgentError::file("create", path))
}

pub(super) fn remove_file(path: &Path) -> Result<(), AgentError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AgentError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn remove_directory(path: &Path) -> Result<(), AgentError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AgentError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The text of a file, if it is what it should be.
pub(super) fn read_valid(path: &Path, is_valid: fn(&str) -> bool) -> Result<Option<String>, AgentError> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok().filter(|text| is_valid(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AgentError::file("read", path)(error)),
    }
}

/// The names in a directory, sorted; none if there is no directory.
pub(super) fn names_in(directory: &Path) -> Result<Vec<String>, AgentError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AgentError::file("list", directory)(error)),
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}
