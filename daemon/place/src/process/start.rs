//! Makes sure that a process runs: finds it, or starts it and waits until it has claimed.
//!
//! # Guarantees
//!
//! - Calling it again, after success or after a crash, ends with one process: whoever comes
//!   second fails to claim and ends, and both callers return the one that runs.
//! - An error leaves nothing running that this call started.
//!
//! # Caveats
//!
//! A call that is dropped leaves the process it started. The process claims, or finds its
//! directory gone and ends.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Child;
use tokio::time::Instant;
use tracing::debug;

use crate::file::FileError;
use crate::process::LOOK_AGAIN;
use crate::process::directory::{DirectoryError, create_directory, is_ours};
use crate::process::identity::Identity;
use crate::process::observe::{Observed, observe};
use crate::process::spawn::{Spawn, SpawnError, start};

/// Returns when the process has claimed `name` in the spawn's directory, which is created if it
/// is missing; waits at most `wait`.
pub async fn ensure_running(spawn: &Spawn, name: &str, wait: Duration) -> Result<Running, StartError> {
    let deadline = Instant::now() + wait;
    // One that is ours may be open to those who have files in it.
    if !is_ours(&spawn.directory).unwrap_or(false) {
        create_directory(&spawn.directory)?;
    }
    let mut child: Option<Started> = None;
    loop {
        // Whether ours has ended comes first: if it lost to somebody, they are seen afterwards.
        let exited = match &mut child {
            Some(child) => child.exited()?,
            None => None,
        };
        let observed = observe(&spawn.directory, name)?;
        if let Observed::Running { identity } = observed {
            let started = child.is_some_and(|child| child.child.id() == Some(identity.pid));
            return Ok(Running { identity, started: if started { Start::Now } else { Start::Earlier } });
        }
        match (observed, child.take(), exited) {
            // Somebody is about to run, perhaps our child.
            (Observed::Starting, kept, None) => child = kept,
            // Ours lost to somebody who is about to run.
            (Observed::Starting, _, Some(_)) => {}
            // Nobody runs, and we have not tried.
            (_, None, _) => child = Some(Started::now(spawn)?),
            // Nobody runs yet.
            (_, Some(kept), None) => child = Some(kept),
            // Ours ended, and nobody took its place.
            (_, Some(ended), Some(status)) => return Err(ended.error(status, spawn)),
        }
        if Instant::now() >= deadline {
            let log = match child {
                Some(child) => child.kill(spawn).await,
                None => String::new(),
            };
            return Err(StartError::Late {
                program: spawn.program.clone(),
                directory: spawn.directory.clone(),
                seconds: wait.as_secs(),
                log,
            });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A process that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Which.
    pub identity: Identity,
    /// Since when.
    pub started: Start,
}

/// Whether a process was started by the call that returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// By this call.
    Now,
    /// It was running, or somebody else was faster.
    Earlier,
}

/// Why a process does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It ended before it claimed.
    #[error("{program} ended with {status} before it was ready in {directory}; {}", said(.log))]
    Ended {
        /// The program.
        program: PathBuf,
        /// Its directory.
        directory: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The last lines it wrote.
        log: String,
    },
    /// It did not claim in time, and was killed.
    #[error("{program} was not ready in {directory} within {seconds} seconds; {}", said(.log))]
    Late {
        /// The program.
        program: PathBuf,
        /// Its directory.
        directory: PathBuf,
        /// How long it had.
        seconds: u64,
        /// The last lines it wrote.
        log: String,
    },
    /// It could not be started at all.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Its directory cannot be made or is not ours.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The claim cannot be looked at.
    #[error(transparent)]
    File(#[from] FileError),
}

fn said(log: &str) -> String {
    if log.is_empty() { "it wrote nothing".to_owned() } else { format!("it wrote:\n{log}") }
}

/// A child of ours that has yet to claim.
struct Started {
    child: Child,
    log_from: u64,
}

impl Started {
    fn now(spawn: &Spawn) -> Result<Self, SpawnError> {
        let log_from = std::fs::metadata(&spawn.log).map_or(0, |metadata| metadata.len());
        let child = start(spawn)?;
        debug!(process.pid = child.id(), process.directory = %spawn.directory.display(), "process started");
        Ok(Self { child, log_from })
    }

    fn exited(&mut self) -> Result<Option<ExitStatus>, FileError> {
        self.child.try_wait().map_err(FileError::of("wait for a child in", Path::new("/proc")))
    }

    fn error(self, status: ExitStatus, spawn: &Spawn) -> StartError {
        StartError::Ended {
            program: spawn.program.clone(),
            directory: spawn.directory.clone(),
            status,
            log: last_lines(&spawn.log, self.log_from),
        }
    }

    async fn kill(mut self, spawn: &Spawn) -> String {
        // It is our child and was not reaped, so its pid is its own. If it cannot be killed it
        // has just ended.
        let _ = self.child.kill().await;
        last_lines(&spawn.log, self.log_from)
    }
}

/// The last lines of what was written after `from`. A log that cannot be read says nothing.
fn last_lines(path: &Path, from: u64) -> String {
    const LINES: usize = 20;
    const BYTES: u64 = 16 * 1024;
    let read = || {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(len.saturating_sub(BYTES))))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    let bytes = read().unwrap_or_default();
    // No database takes NUL characters.
    let text = String::from_utf8_lossy(&bytes).replace('\0', "\\0");
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_of_this_start_are_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let old = "an earlier start\n";
        let lines: Vec<String> = (0..30).map(|number| format!("line {number}")).collect();
        std::fs::write(&path, format!("{old}{}\n", lines.join("\n"))).unwrap();
        assert_eq!(last_lines(&path, old.len() as u64), lines[10..].join("\n"));
        assert_eq!(last_lines(&directory.path().join("none"), 0), "");
    }
}
