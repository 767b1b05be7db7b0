//! `make bench`: how fast the provider starts, how long the example takes, how it grows with thousands of resources,
//! how much memory the programs take, how fast the daemon issues and revokes, and what the documents for AWS cost.
//!
//! Release builds, whole processes, medians of several runs. Figures of one machine say little about another; they
//! are compared within a run and over time. `ONLY="start scale"` measures these alone.

mod agents;
mod cpu;
mod documents;
mod example;
mod issue;
mod load;
mod memory;
mod revoke;
mod scale;
mod start;
mod state_server;
mod table;

use anyhow::{Context as _, Result, ensure};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    // Every client here speaks TLS by the same library.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let programs = std::env::current_exe()?.parent().context("a program lies in a directory")?.to_owned();
    ensure!(!programs.ends_with("debug"), "measure a release build: run `make bench`");
    let only: Vec<String> = std::env::args().skip(1).collect();
    let known = ["start", "example", "scale", "issue", "revoke", "agents", "documents"];
    if let Some(other) = only.iter().find(|name| !known.contains(&name.as_str())) {
        anyhow::bail!("there is no measure {other}; there are {}", known.join(", "));
    }
    table::head();
    for name in known.into_iter().filter(|name| only.is_empty() || only.iter().any(|only| only == name)) {
        match name {
            "start" => start::measure(&programs).await?,
            "example" => example::measure(&programs).await?,
            "issue" => issue::measure().await?,
            "revoke" => revoke::measure().await?,
            "agents" => agents::measure(&programs).await?,
            "documents" => documents::measure(&programs).await?,
            _ => scale::measure(&programs).await?,
        }
    }
    Ok(())
}
