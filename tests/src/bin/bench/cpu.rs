//! How much processor time a process has used, as the kernel counts it.

use anyhow::{Context as _, Result};

/// Seconds of processor time of all threads, in programs and in the kernel.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name is in parentheses and may hold anything; user and system time are the 12th and 13th field behind it.
    let fields: Vec<&str> = text.rsplit_once(')').context("no name")?.1.split_whitespace().collect();
    let ticks = fields[11].parse::<u32>()? + fields[12].parse::<u32>()?;
    // Linux counts in hundredths of a second.
    Ok(f64::from(ticks) / 100.0)
}
