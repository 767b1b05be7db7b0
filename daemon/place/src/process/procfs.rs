//! What `/proc` says about processes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::FileError;

/// The part of `/proc/PID/stat` that tells one process from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    state: char,
    pub(crate) start_time: u64,
}

impl Stat {
    /// Whether the process has ended and only its entry is left (zombie, dead).
    pub(crate) fn is_dead(self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// What is known of `pid`; `None` when there is no such process.
pub(crate) fn stat(pid: u32) -> Result<Option<Stat>, FileError> {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if is_gone(&error) => return Ok(None),
        Err(source) => return Err(FileError { action: "read", path, source }),
    };
    match parse(&text) {
        Some(stat) => Ok(Some(stat)),
        None => Err(FileError { action: "understand", path, source: io::ErrorKind::InvalidData.into() }),
    }
}

/// The id of the present boot.
pub(crate) fn boot_id() -> Result<String, FileError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    fs::read_to_string(path).map(|id| id.trim().to_owned()).map_err(FileError::of("read", path))
}

/// A process may vanish between opening its file and reading it, which is `ESRCH`.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// The second field is the program's name in parentheses and may contain anything, so fields are
/// counted from the last closing parenthesis: the state is the third, the start time the 22nd.
fn parse(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(22 - 3 - 1)?.parse().ok()?;
    Some(Stat { state, start_time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_be_named_anything() {
        let fields = "1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        for name in ["sh", "a b", "a) Z 1", "("] {
            let stat = parse(&format!("12 ({name}) S {fields}")).unwrap();
            assert_eq!(stat, Stat { state: 'S', start_time: 4711 });
        }
        assert!(parse(&format!("12 (sh) Z {fields}")).unwrap().is_dead());
        assert_eq!(parse("12 (sh) S 1 2"), None);
    }

    #[test]
    fn a_pid_nobody_has_is_nobody() {
        assert_eq!(stat(u32::MAX).unwrap(), None);
        assert!(!stat(std::process::id()).unwrap().unwrap().is_dead());
    }
}
