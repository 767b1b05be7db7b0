//! Which process a pid means.
//!
//! Pids are reused, so a pid alone is only a guess. Together with the start time of its process
//! (in clock ticks since boot) and the id of the boot it is one process, for ever.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file::{FileError, atomic_write};
use crate::process::procfs;

/// One process of this machine, past or present. Kept as JSON in `<name>.pid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    /// Which boot that was.
    pub boot_id: String,
}

impl Identity {
    /// The process `pid` as it is now; `None` when it is gone or only waits to be reaped.
    pub fn of(pid: u32) -> Result<Option<Self>, FileError> {
        let Some(stat) = procfs::stat(pid)? else { return Ok(None) };
        if stat.is_dead() {
            return Ok(None);
        }
        Ok(Some(Self { pid, start_time: stat.start_time, boot_id: procfs::boot_id()? }))
    }

    /// Whether this very process is alive now.
    pub fn is_alive(&self) -> Result<bool, FileError> {
        Ok(Self::of(self.pid)?.as_ref() == Some(self))
    }

    /// Reads the pid file of a claim. A missing file and one that makes no sense are alike: they
    /// name no process.
    pub(crate) fn read(directory: &Path, name: &str) -> Result<Option<Self>, FileError> {
        let path = pid_file(directory, name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FileError { action: "read", path, source }),
        }
    }

    pub(crate) fn write(&self, directory: &Path, name: &str) -> Result<(), FileError> {
        let text = serde_json::to_vec(self).expect("two numbers and a string serialize");
        atomic_write(&pid_file(directory, name), &text, 0o600)
    }
}

pub(crate) fn pid_file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.pid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_alive_only_as_itself() {
        let me = Identity::of(std::process::id()).unwrap().unwrap();
        assert!(me.is_alive().unwrap());
        let reused = Identity { start_time: me.start_time + 1, ..me.clone() };
        assert!(!reused.is_alive().unwrap());
        let rebooted = Identity { boot_id: "another".to_owned(), ..me };
        assert!(!rebooted.is_alive().unwrap());
    }

    #[test]
    fn a_pid_file_that_makes_no_sense_names_nobody() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Identity::read(directory.path(), "serve").unwrap(), None);
        for nonsense in ["", "4711", r#"{"pid":-1}"#] {
            std::fs::write(pid_file(directory.path(), "serve"), nonsense).unwrap();
            assert_eq!(Identity::read(directory.path(), "serve").unwrap(), None, "{nonsense}");
        }
    }
}
