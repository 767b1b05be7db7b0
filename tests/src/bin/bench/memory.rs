//! How much memory a process holds, as the kernel counts it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// The resident set of a process.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// The resident sets of this process's children that run a program of this name.
pub(crate) fn of_children(parent: u32, program: &str) -> Vec<u64> {
    let mut seen = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()) {
            // Between fork and exec a child is still its parent.
            let running = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            if running.ends_with(program) {
                seen.extend(resident_kib(pid));
            }
        }
    }
    seen
}
