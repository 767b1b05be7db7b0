//! Ends a process: asks, waits, kills, and returns when the kernel says it is gone.
//!
//! A signal goes only to a process whose identity matches its claim. The identity is checked
//! again after a descriptor of the process was taken and the signal is sent through that
//! descriptor, so it cannot hit another process that got the pid in between.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::Instant;
use tracing::warn;

use crate::file::FileError;
use crate::process::LOOK_AGAIN;
use crate::process::identity::Identity;
use crate::process::lock::PATIENCE;
use crate::process::observe::{Observed, observe};

/// After `SIGKILL` only the kernel is waited for.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// Ends whoever claims `name` in `directory`: `SIGTERM`, `SIGKILL` when `grace` is over. Returns
/// when the claim is free, and at once when nobody holds it.
pub async fn stop(directory: &Path, name: &str, grace: Duration) -> Result<Stopped, StopError> {
    let asked_until = Instant::now() + grace;
    let killed_until = asked_until + AFTER_KILL;
    let identified_until = asked_until.max(Instant::now() + PATIENCE);
    let mut asked: Option<Identity> = None;
    let mut killed: Option<Identity> = None;
    loop {
        let now = Instant::now();
        let late = now >= asked_until;
        match observe(directory, name)? {
            Observed::Absent | Observed::Dead => {
                return Ok(match (asked, killed) {
                    (_, Some(_)) => Stopped::Killed,
                    (Some(_), None) => Stopped::Asked,
                    (None, None) => Stopped::Already,
                });
            }
            Observed::Running { identity } if now >= killed_until => {
                return Err(StopError::Survived { pid: identity.pid, directory: directory.to_owned() });
            }
            Observed::Starting
                if now >= killed_until || (now >= identified_until && asked.is_none() && killed.is_none()) =>
            {
                return Err(StopError::Unidentified { directory: directory.to_owned() });
            }
            Observed::Running { identity } if late && killed.as_ref() != Some(&identity) => {
                warn!(process.pid = identity.pid, "process did not end when asked, and is killed");
                signal(&identity, Signal::KILL)?;
                killed = Some(identity);
            }
            Observed::Running { identity } if !late && asked.as_ref() != Some(&identity) => {
                signal(&identity, Signal::TERM)?;
                asked = Some(identity);
            }
            // Signalled; or about to say who it is, or about to vanish.
            Observed::Running { .. } | Observed::Starting => {}
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// How a process came to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Nobody ran.
    Already,
    /// It ended when it was asked to.
    Asked,
    /// It was killed.
    Killed,
}

/// Why a process may still run.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// It was killed and is still there: it hangs in the kernel.
    #[error("process {pid} in {directory} survives SIGKILL: see what it waits for, usually a dead disk or mount")]
    Survived {
        /// The process.
        pid: u32,
        /// Its directory.
        directory: PathBuf,
    },
    /// The claim is held by somebody who does not say who they are, so nobody was signalled.
    #[error("a process that does not say which it is holds {directory}: see who has its lock file open")]
    Unidentified {
        /// The claimed directory.
        directory: PathBuf,
    },
    /// The process belongs to somebody else.
    #[error("process {pid} may not be signalled: run as the user who started it")]
    Refused {
        /// The process.
        pid: u32,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The claim cannot be looked at.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Signals exactly this process; one that is gone needs no signal.
fn signal(identity: &Identity, signal: Signal) -> Result<(), StopError> {
    let refused = |errno: Errno| StopError::Refused { pid: identity.pid, source: errno.into() };
    let Some(pid) = i32::try_from(identity.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return Ok(()),
        Err(errno) => return Err(refused(errno)),
    };
    if !identity.is_alive()? {
        return Ok(());
    }
    match pidfd_send_signal(process, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(errno) => Err(refused(errno)),
    }
}
