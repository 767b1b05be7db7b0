//! Starts a process that outlives us.
//!
//! It gets its own process group, so that a Ctrl-C meant for Terraform does not reach it; no
//! input; a log file for what it says; and exactly the environment it is given, because what
//! happens to be set where somebody runs Terraform must not decide how a head behaves.
//! Secrets go in files: arguments can be read by everybody on the machine.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::file::FileError;

/// A process to start.
#[derive(Debug, Clone)]
pub struct Spawn {
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// Its arguments. Never a secret.
    pub args: Vec<OsString>,
    /// Its working directory, which is also where it claims its name.
    pub directory: PathBuf,
    /// Where its output is appended; made with mode 0600.
    pub log: PathBuf,
    /// Its whole environment. The caller passes on what is harmless and needed: `PATH`, `HOME`,
    /// `LANG`, `TMPDIR`.
    pub env: Vec<(OsString, OsString)>,
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program could not be executed.
    #[error("cannot execute {program} in {directory}: check that it exists and may be executed")]
    Execute {
        /// The program.
        program: PathBuf,
        /// The working directory.
        directory: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The log file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Starts the process and returns its pid. It is neither waited for nor killed when we end; if
/// it dies before us, the runtime reaps it.
pub fn spawn(spawn: &Spawn) -> Result<u32, SpawnError> {
    let child = start(spawn)?;
    Ok(child.id().expect("a child that was never waited for has a pid"))
}

pub(crate) fn start(spawn: &Spawn) -> Result<Child, SpawnError> {
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&spawn.log)
        .map_err(FileError::of("open", &spawn.log))?;
    let errors = log.try_clone().map_err(FileError::of("open", &spawn.log))?;
    Command::new(&spawn.program)
        .args(&spawn.args)
        .current_dir(&spawn.directory)
        .env_clear()
        .envs(spawn.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .kill_on_drop(false)
        .spawn()
        .map_err(|source| SpawnError::Execute {
            program: spawn.program.clone(),
            directory: spawn.directory.clone(),
            source,
        })
}
