//! `make bench`: how fast the provider starts, how long the example takes, how it grows with thousands of resources,
//! how much memory the programs take, how fast the daemon issues and revokes, how long small writes take beside a large
//! one, what the documents for AWS cost, and what honest callers notice of hostile ones.
//!
//! Release builds, whole processes, medians of several runs. Figures of one machine say little about another; they
//! are compared within a run and over time. `ONLY="start scale"` measures these alone. `BEFORE=DIR` measures the
//! programs of another build as well, in turn with these, and tells both.

mod agents;
mod cpu;
mod documents;
mod example;
mod figure;
mod hostile;
mod issue;
mod load;
mod memory;
mod revoke;
mod scale;
mod start;
mod state_server;
mod table;
mod writer;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::figure::{alone, paired};

/// Everything that is measured, in this order.
const ALL: &[&str] = &["start", "example", "scale", "issue", "revoke", "writer", "agents", "documents", "hostile"];
/// What is measured of two builds.
const OF_PAIRS: &[&str] = &["start", "example", "issue", "revoke", "writer", "hostile"];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    // Every client here speaks TLS by the same library.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut given = std::env::args().skip(1).peekable();
    if given.next_if_eq(hostile::ARGUMENT).is_some() {
        return hostile::be_clients(given).await;
    }
    let programs = std::env::current_exe()?.parent().context("a program lies in a directory")?.to_owned();
    ensure!(!programs.ends_with("debug"), "measure a release build: run `make bench`");
    let (before, only) = arguments(given)?;
    let known = if before.is_some() { OF_PAIRS } else { ALL };
    if let Some(other) = only.iter().find(|name| !known.contains(&name.as_str())) {
        let of = if before.is_some() { " of two builds" } else { "" };
        anyhow::bail!("there is no measure {other}{of}; there are {}", known.join(", "));
    }
    let is_chosen = |name: &&str| only.is_empty() || only.iter().any(|only| only == name);
    let chosen: Vec<&str> = known.iter().copied().filter(is_chosen).collect();
    // What hostile clients do has a table of its own.
    let has_figures = chosen != ["hostile"];
    if let Some(before) = before {
        if has_figures {
            table::head_of_pairs();
        }
        for name in chosen {
            compare(name, &before, &programs).await?;
        }
    } else {
        if has_figures {
            table::head();
        }
        for name in chosen {
            measure(name, &programs).await?;
        }
    }
    Ok(())
}

/// `[--before DIRECTORY] MEASURE...`
fn arguments(mut given: impl Iterator<Item = String>) -> Result<(Option<PathBuf>, Vec<String>)> {
    let mut only = Vec::new();
    let mut before = None;
    while let Some(argument) = given.next() {
        if argument != "--before" {
            only.push(argument);
            continue;
        }
        let directory = PathBuf::from(given.next().context("--before DIRECTORY")?);
        let directory = directory.canonicalize().with_context(|| directory.display().to_string())?;
        for program in ["ringfenced", "terraform-provider-ringfence"] {
            ensure!(directory.join(program).is_file(), "there is no {program} in {}", directory.display());
        }
        before = Some(directory);
    }
    Ok((before, only))
}

async fn measure(name: &str, programs: &Path) -> Result<()> {
    match name {
        "start" => alone::<start::Start>(programs, start::STARTS).await,
        "example" => alone::<example::Example>(programs, example::APPLIES).await,
        "issue" => issue::measure(programs).await,
        "revoke" => revoke::measure(programs).await,
        "writer" => alone::<writer::Writer>(programs, writer::RUNS).await,
        "agents" => agents::measure(programs).await,
        "documents" => documents::measure(programs).await,
        "hostile" => hostile::measure(&[("", programs)]).await,
        _ => scale::measure(programs).await,
    }
}

async fn compare(name: &str, before: &Path, after: &Path) -> Result<()> {
    match name {
        "start" => paired::<start::Start>(before, after).await,
        "example" => paired::<example::Example>(before, after).await,
        "issue" => paired::<issue::Issuing>(before, after).await,
        "revoke" => paired::<revoke::Revoking>(before, after).await,
        "hostile" => hostile::measure(&[("before", before), ("after", after)]).await,
        _ => paired::<writer::Writer>(before, after).await,
    }
}
