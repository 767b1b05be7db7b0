//! What happens beside the main work, such as output, logs and checks, never ends it.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::node::NodeRotation;
use ringfence_api::project::PutProject;
use ringfence_api::{ProblemCode, ProjectName};
use ringfence_tests::head::TOKEN;
use ringfence_tests::sandbox::program;
use ringfence_tests::{Head, Sandbox, eventually};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::commands::cluster;
use crate::nodes::{declared, ready};

/// A device that refuses what is written, as a full disk does.
fn full_device() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe whose reader has gone.
fn closed_pipe() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

fn run(directory: &Path, stdout: Stdio, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("ringfenced"));
    command.current_dir(directory).args(arguments).env("RINGFENCE_TOKEN", TOKEN);
    command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

/// A small file system for a test, unmounted at its end.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        std::fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs"]).arg(at).status();
        assert!(
            mounted.unwrap().success(),
            "a test of a full disk needs a file system of its own, which root can mount"
        );
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_daemon_works_on_when_there_is_space_again() {
    let sandbox = Sandbox::new();
    let disk = SmallDisk::mount(&sandbox.path().join("disk"));
    let directory = disk.0.join("cluster");
    let mut head = Head::start(&directory).await;
    let client = head.operator();
    let (project, put) = (ProjectName::parse("fraud").unwrap(), PutProject::default());
    client.put_project(&project, &put).await.unwrap();
    let ballast = disk.0.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4_096]).is_ok() {}
    let tries = std::cell::Cell::new(0);
    let described = |text: &str| {
        tries.set(tries.get() + 1);
        PutProject { description: format!("{text} {} {}", tries.get(), "x".repeat(400)) }
    };
    let refused = eventually("a write is refused", Duration::from_secs(30), async || {
        match client.put_project(&project, &described("full ")).await {
            Err(error) if error.code() == Some(ProblemCode::Unavailable) => Ok(error.to_string()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(refused.contains("the disk of the database is full"), "{refused}");
    // What a refused write had taken is free again, and a small write may fit.
    eventually("health tells", Duration::from_secs(30), async || {
        let mut file = File::options().append(true).open(&ballast).unwrap();
        while std::io::Write::write_all(&mut file, &[0]).is_ok() {}
        let put = client.put_project(&project, &described("full ")).await;
        match client.health().await {
            Err(error) if error.to_string().contains("the disk of the database is full") => Ok(()),
            other => Err(format!("{} tries, the last: {put:?}; {other:?}", tries.get())),
        }
    })
    .await;
    std::fs::remove_file(&ballast).unwrap();
    drop(file);
    client.put_project(&project, &described("space ")).await.unwrap();
    client.health().await.unwrap();
    head.stop().await;
}

/// Commands that are over when they have printed.
const COMMANDS: &[&[&str]] = &[
    &["inspect", "nodes", "--cluster", "."],
    &["inspect", "certificates", "--cluster", ".", "--json"],
    &["audit", "export", "--cluster", "."],
    &["audit", "keys", "--cluster", "."],
    &["login", "--cluster", "."],
    &["operator-key"],
    &["api-document"],
    &["credentials", "fraud__alice", "--cluster", "."],
];

/// Commands that do more than print: their exit code tells how that went.
const WORKING: &[&[&str]] = &[
    &["policy", "explain", "all.json"],
    &["rotate", "token-keys", "--cluster", "."],
    &["rotate", "node", "workers-0", "--cluster", "."],
];

/// A policy with findings, for `policy explain`.
fn write_policy(directory: &Path) {
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    std::fs::write(directory.join("all.json"), all).unwrap();
}

#[tokio::test]
async fn a_command_ends_quietly_when_nobody_reads_its_output() {
    let sandbox = Sandbox::new();
    let _head = cluster(&sandbox).await;
    for arguments in COMMANDS {
        let output = run(sandbox.path(), closed_pipe(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(141), ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_command_does_its_work_although_nobody_reads_its_output() {
    let sandbox = Sandbox::new();
    let head = cluster(&sandbox).await;
    write_policy(sandbox.path());
    for arguments in WORKING {
        let output = run(sandbox.path(), closed_pipe(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{arguments:?}");
    }
    let rotation: NodeRotation = head.operator().read("/v1/nodes/workers-0/rotation").await.unwrap();
    assert!(rotation.done, "{rotation:?}");
    let output = run(sandbox.path(), closed_pipe(), &["policy", "explain", "--check", "all.json"]);
    assert_eq!((output.status.code(), &*output.stderr), (Some(1), &b""[..]));
}

#[tokio::test]
async fn a_command_whose_output_cannot_be_written_fails_and_says_why() {
    let sandbox = Sandbox::new();
    let _head = cluster(&sandbox).await;
    write_policy(sandbox.path());
    let expected = "ringfenced: cannot write to standard output: No space left on device (os error 28)\n";
    for arguments in COMMANDS.iter().chain(WORKING) {
        let output = run(sandbox.path(), full_device(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(1), expected), "{arguments:?}");
    }
}

#[tokio::test]
async fn the_daemon_works_on_when_its_log_cannot_be_written() {
    let sandbox = Sandbox::new();
    let head = Head::prepare(sandbox.path());
    let mut daemon = Command::new(program("ringfenced"))
        .args(["serve", "--directory"])
        .arg(sandbox.path().join("head"))
        .stdout(full_device())
        .stderr(full_device())
        .spawn()
        .unwrap();
    head.serving().await;
    let client = head.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    assert_eq!(daemon.try_wait().unwrap(), None, "the daemon has ended");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

#[tokio::test]
async fn a_daemon_without_file_descriptors_keeps_its_directory_and_recovers() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let pid = Pid::from_raw(i32::try_from(head.pid()).unwrap());
    let limit = getrlimit(Resource::Nofile);
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(3), ..limit }).unwrap();
    eventually("the check of the claim fails", Duration::from_secs(20), async || {
        let log = head.log_text();
        let named =
            log.contains("the claim on the directory could not be checked") && log.contains("Too many open files");
        if named { Ok(()) } else { Err(log) }
    })
    .await;
    prlimit(pid, Resource::Nofile, limit).unwrap();
    head.serving().await;
    head.operator().cluster().await.unwrap();
}
