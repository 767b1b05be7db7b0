//! A directory for one test, and the processes that live in it.
//!
//! Heads and agents are detached from whoever started them, as they must be; a test finds them by the pid files
//! in its directory and ends them when it is dropped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ringfence_place::process::{AGENT_CLAIM, HEAD_CLAIM, Identity, Observed, observe, stop};

/// A temporary directory whose processes end with it.
#[derive(Debug)]
pub struct Sandbox {
    directory: tempfile::TempDir,
}

impl Sandbox {
    /// A new, empty directory.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("ringfence-test-").tempdir().expect("a temporary directory");
        Self { directory }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The processes of this project that run from anywhere below, with the directory each claims.
    pub fn processes(&self) -> Vec<(PathBuf, Identity)> {
        processes_below(self.path())
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let path = self.path().to_owned();
        // A runtime of its own: the test's may be the reason why we are here.
        let ending = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(end_below(&path));
        });
        let _ = ending.join();
    }
}

/// Heads first, so that none starts an agent that was just ended.
async fn end_below(path: &Path) {
    for name in [HEAD_CLAIM, AGENT_CLAIM] {
        for directory in claimed_below(path, name) {
            let _ = stop(&directory, name, Duration::from_secs(1)).await;
        }
    }
}

/// The processes that run from anywhere below this directory.
pub fn processes_below(path: &Path) -> Vec<(PathBuf, Identity)> {
    let mut found = Vec::new();
    for name in [HEAD_CLAIM, AGENT_CLAIM] {
        for directory in claimed_below(path, name) {
            if let Ok(Observed::Running { identity }) = observe(&directory, name) {
                found.push((directory, identity));
            }
        }
    }
    found
}

fn claimed_below(path: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(path) else { return found };
    for entry in entries.flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory {
            found.extend(claimed_below(&entry.path(), name));
        } else if entry.file_name().to_string_lossy() == format!("{name}.lock") {
            found.push(path.to_owned());
        }
    }
    found
}

/// A program of this workspace, built beside the test.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let beside = test.ancestors().skip(1).map(|directory| directory.join(name)).find(|path| path.is_file());
    beside.unwrap_or_else(|| panic!("{name} is not built: run `make build` first"))
}

/// A program of a Python package that `tests/set-up.sh` has installed beside the built programs.
pub fn python_program(name: &str) -> PathBuf {
    installed(&format!("python/bin/{name}"))
}

/// What `tests/set-up.sh` has installed beside the built programs.
pub fn installed(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let found = test.ancestors().map(|directory| directory.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: run `make test`, or tests/set-up.sh before the tests"))
}
