//! `make bench`: how fast the provider starts, how much memory the programs take, how long the example takes.
//!
//! Release builds, whole processes, medians of several runs. Figures of one machine say little about another; they
//! are compared within a run and over time.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ringfence_tests::head::{TOKEN, connection_of};
use ringfence_tests::sandbox::processes_below;
use ringfence_tests::{Sandbox, Terraform};

/// What Terraform sets so that a provider knows that it is started by Terraform.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");
const STARTS: usize = 21;
const APPLIES: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let programs = std::env::current_exe()?.parent().context("a program lies in a directory")?.to_owned();
    ensure!(!programs.ends_with("debug"), "measure a release build: run `make bench`");
    println!("{:<58} {:>12} {:>12}", "measure (median)", "found", "aim");
    provider(&programs)?;
    cluster(&programs).await
}

/// Start to handshake line with mutual TLS as Terraform asks for it, and memory while serving.
fn provider(programs: &Path) -> Result<()> {
    let certificate = client_certificate()?;
    let mut starts = Vec::new();
    let mut resident = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut child = Command::new(programs.join("terraform-provider-ringfence"))
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_CLIENT_CERT", &certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        starts.push(began.elapsed());
        ensure!(line.starts_with("1|6|"), "no handshake line: {line}");
        resident.push(resident_kib(child.id())?);
        child.kill()?;
        child.wait()?;
    }
    report("provider: start to handshake line, ms", &millis(median(&mut starts)), "< 20");
    report("provider: resident after the handshake, MiB", &mebibytes(median(&mut resident)), "< 30");
    Ok(())
}

/// The example: how long apply, plan and destroy take, and what its processes weigh.
async fn cluster(programs: &Path) -> Result<()> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/local");
    let mut times: [Vec<Duration>; 3] = Default::default();
    let (mut heads, mut agents, mut serving) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..APPLIES {
        let sandbox = Sandbox::new();
        for file in ["main.tf", "variables.tf"] {
            std::fs::copy(example.join(file), sandbox.path().join(file))?;
        }
        let terraform = Terraform::new(sandbox.path()).with_token(Some(TOKEN)).with_programs(programs);
        times[0].push(terraform.apply(&[]).await.expect("apply").took);
        for (directory, identity) in processes_below(sandbox.path()) {
            let is_agent = directory.parent().is_some_and(|parent| parent.ends_with("nodes"));
            let kib = resident_kib(identity.pid)?;
            if is_agent { agents.push(kib) } else { heads.push(kib) }
        }
        let mut planning = terraform.start(&["plan", "-input=false"]);
        serving.extend(watch_provider(&mut planning)?);
        planning.wait().await?;
        times[1].push(terraform.plan(&[]).await.took);
        ensure!(connection_of(&sandbox.path().join(".cluster")).is_ok(), "the cluster is there");
        times[2].push(terraform.destroy(&[]).await.expect("destroy").took);
    }
    let [applies, plans, destroys] = &mut times;
    report("example: terraform apply, s", &seconds(median(applies)), "< 10");
    report("example: terraform plan without changes, s", &seconds(median(plans)), "");
    report("example: terraform destroy, s", &seconds(median(destroys)), "");
    if !serving.is_empty() {
        report(
            "provider: resident during a plan, at most, MiB",
            &mebibytes(*serving.iter().max().unwrap_or(&0)),
            "< 30",
        );
    }
    report("daemon: resident with 3 nodes, MiB", &mebibytes(median(&mut heads)), "< 40");
    report("agent: resident, MiB", &mebibytes(median(&mut agents)), "");
    Ok(())
}

/// The memory of terraform's children while it plans.
fn watch_provider(terraform: &mut tokio::process::Child) -> Result<Vec<u64>> {
    let mut seen = Vec::new();
    let Some(parent) = terraform.id() else { return Ok(seen) };
    while terraform.try_wait()?.is_none() {
        for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for pid in children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()) {
                // Between fork and exec a child is still terraform.
                let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
                if program.ends_with("terraform-provider-ringfence") {
                    seen.extend(resident_kib(pid));
                }
            }
        }
        std::thread::yield_now();
    }
    Ok(seen)
}

/// A certificate in PEM, for the provider to pin. Terraform makes one for each start; any will do here.
fn client_certificate() -> Result<String> {
    let now = ringfence_api::Clock::now(&ringfence_api::SystemClock);
    let serial = ringfence_pki::Serial::parse("00000000000000000000000000000001").context("a serial")?;
    let made = ringfence_pki::Authority::create_root("localhost", serial, now)?;
    Ok(ringfence_pki::pem_certificate(&made.certificate))
}

fn resident_kib(pid: u32) -> Result<u64> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

fn median<T: Ord + Copy + Default>(values: &mut [T]) -> T {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}

fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

fn mebibytes(kib: u64) -> String {
    let tenths = kib * 10 / 1_024;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn report(what: &str, found: &str, aim: &str) {
    println!("{what:<58} {found:>12} {aim:>12}");
}
