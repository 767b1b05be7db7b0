//! Real processes: claimed, found again, stopped, and gone.
//!
//! The process under test is this test binary, started again to run the one ignored test
//! `child`, which claims and behaves as its environment says.

#![allow(clippy::unwrap_used, reason = "in a test a broken expectation is a failure")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ringfence_place::local::LocalNodes;
use ringfence_place::process::{
    AGENT_CLAIM, ClaimError, DirectoryError, Identity, Observed, Running, Spawn, Start, StartError, StopError, Stopped,
    claim, create_directory, create_passage, ensure_running, observe, remove_directory, spawn, stop,
};
use ringfence_place::{DriverError, Machine, NodeDriver, NodeLaunch, NodeObserved};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

const WAIT: Duration = Duration::from_secs(30);

/// The process under test. Not a test of its own.
#[tokio::test]
#[ignore = "started by the other tests"]
async fn child() {
    let (Some(directory), Some(behaviour)) = (std::env::var_os("CHILD_IN"), std::env::var_os("CHILD_DOES")) else {
        return;
    };
    let name = std::env::var_os("CHILD_AS").unwrap().into_string().unwrap();
    let directory = PathBuf::from(directory);
    let mut asked = signal(SignalKind::terminate()).unwrap();
    match behaviour.to_str().unwrap() {
        "fails" => {
            eprintln!("the certificate is from the future");
            std::process::exit(3);
        }
        "never-claims" => std::future::pending().await,
        "locks-only" => {
            let lock = fs::File::create(directory.join(format!("{name}.lock"))).unwrap();
            lock.lock().unwrap();
            std::future::pending::<()>().await;
        }
        behaviour => {
            let Ok(_claim) = claim(&directory, &name) else { std::process::exit(4) };
            asked.recv().await;
            if behaviour == "deaf" {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// A directory in which children run, none of which survives it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn head(&self) -> PathBuf {
        self.0.path().join("head")
    }

    fn child(&self, does: &str) -> Spawn {
        let directory = self.head();
        Spawn {
            program: std::env::current_exe().unwrap(),
            args: ["--exact", "child", "--ignored", "--nocapture"].map(Into::into).to_vec(),
            log: directory.join("serve.log"),
            env: vec![
                ("CHILD_IN".into(), directory.clone().into()),
                ("CHILD_AS".into(), "serve".into()),
                ("CHILD_DOES".into(), does.into()),
            ],
            directory,
        }
    }

    /// A driver whose agents behave in this way.
    fn nodes(&self, does: &str) -> LocalNodes {
        let mut nodes = LocalNodes::new(self.0.path().join("nodes"), self.agent());
        nodes.env = vec![("CHILD_DOES".into(), does.into())];
        nodes.start_wait = WAIT;
        nodes
    }

    /// A program that is called as agents are. It is written by another process, because a file
    /// that this one writes may stay open in a child being forked, and then cannot be executed.
    fn agent(&self) -> PathBuf {
        let path = self.0.path().join("agent-program");
        let mut writer = Command::new("/bin/sh")
            .args(["-c", r#"cat > "$0" && chmod 700 "$0""#])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let test = std::env::current_exe().unwrap();
        let script = format!(
            "#!/bin/sh\nset -eu\n[ \"$2\" = --directory ]\nexport CHILD_AS=\"$1\" CHILD_IN=\"$3\"\n\
             exec '{}' --exact child --ignored --nocapture\n",
            test.display()
        );
        writer.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let own = std::process::id();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let inside = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(self.0.path()));
            if inside && pid != own {
                kill(pid, Signal::KILL);
            }
        }
    }
}

fn kill(pid: u32, with: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = kill_process(pid, with);
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(WAIT, waiting).await.is_ok(), "never happened: {what}");
}

async fn running(spawn: &Spawn) -> Running {
    ensure_running(spawn, "serve", WAIT).await.unwrap()
}

fn is_alive(identity: &Identity) -> bool {
    identity.is_alive().unwrap()
}

/// A process that has nothing to do with us, and ends with the test.
struct Bystander(std::process::Child);

impl Bystander {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn identity(&self) -> Identity {
        Identity::of(self.0.id()).unwrap().unwrap()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn write_pid_file(directory: &Path, identity: &Identity) {
    fs::write(directory.join("serve.pid"), serde_json::to_vec(identity).unwrap()).unwrap();
}

#[tokio::test]
async fn a_process_is_found_again_and_not_started_twice() {
    let place = Place::new();
    let spawn = place.child("serves");
    assert_eq!(observe(&place.head(), "serve").unwrap(), Observed::Absent);
    let first = running(&spawn).await;
    assert_eq!(first.started, Start::Now);
    let again = running(&spawn).await;
    assert_eq!(again, Running { started: Start::Earlier, ..first.clone() });
    assert_eq!(observe(&place.head(), "serve").unwrap(), Observed::Running { identity: first.identity });
}

#[tokio::test]
async fn callers_at_the_same_time_end_with_one_process() {
    let place = Place::new();
    let spawn = place.child("serves");
    let all = tokio::join!(running(&spawn), running(&spawn), running(&spawn), running(&spawn));
    let identities = [all.0.identity, all.1.identity, all.2.identity, all.3.identity];
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
}

#[tokio::test]
async fn a_second_claim_is_refused_and_names_the_first() {
    let place = Place::new();
    let running = running(&place.child("serves")).await;
    match claim(&place.head(), "serve") {
        Err(ClaimError::Running { pid, .. }) => assert_eq!(pid, running.identity.pid),
        other => panic!("{other:?}"),
    }
    let other = claim(&place.head(), "another-name").unwrap();
    assert_eq!(other.identity().pid, std::process::id());
}

#[test]
fn a_claim_is_given_up_when_it_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let first = claim(directory.path(), "serve").unwrap();
    assert_eq!(observe(directory.path(), "serve").unwrap(), Observed::Running { identity: first.identity().clone() });
    drop(first);
    assert_eq!(observe(directory.path(), "serve").unwrap(), Observed::Absent);
    claim(directory.path(), "serve").unwrap();
}

#[test]
fn nobody_claims_in_a_directory_that_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let gone = directory.path().join("gone");
    assert!(matches!(claim(&gone, "serve"), Err(ClaimError::File(_))));
    assert!(!gone.exists());
}

#[tokio::test]
async fn looking_does_not_keep_anybody_from_claiming() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    claim(&path, "serve").unwrap();
    let look = std::thread::spawn({
        let path = path.clone();
        move || (0..2000).for_each(|_| drop(observe(&path, "serve").unwrap()))
    });
    while !look.is_finished() {
        claim(&path, "serve").unwrap();
    }
    look.join().unwrap();
}

#[tokio::test]
async fn a_killed_process_is_dead_and_is_replaced() {
    let place = Place::new();
    let spawn = place.child("serves");
    let first = running(&spawn).await.identity;
    kill(first.pid, Signal::KILL);
    until("the killed process is dead", || observe(&place.head(), "serve").unwrap() == Observed::Dead).await;
    assert!(!is_alive(&first));
    let second = running(&spawn).await;
    assert_eq!(second.started, Start::Now);
    assert_ne!(second.identity, first);
}

#[tokio::test]
async fn a_process_that_nobody_has_reaped_is_dead() {
    let mut ended = Command::new("true").spawn().unwrap();
    until("the process is no longer alive", || Identity::of(ended.id()).unwrap().is_none()).await;
    assert!(Path::new(&format!("/proc/{}", ended.id())).exists(), "it waits to be reaped");
    ended.wait().unwrap();
}

#[tokio::test]
async fn a_copied_pid_file_is_not_believed() {
    let (place, bystander) = (Place::new(), Bystander::new());
    create_directory(&place.head()).unwrap();
    write_pid_file(&place.head(), &bystander.identity());
    assert_eq!(observe(&place.head(), "serve").unwrap(), Observed::Dead);
    assert_eq!(stop(&place.head(), "serve", WAIT).await.unwrap(), Stopped::Already);
    assert!(is_alive(&bystander.identity()));
}

#[tokio::test]
async fn a_pid_with_another_start_time_is_neither_believed_nor_signalled() {
    let (place, bystander) = (Place::new(), Bystander::new());
    create_directory(&place.head()).unwrap();
    let holder = spawn(&place.child("locks-only")).unwrap();
    until("the lock is held", || observe(&place.head(), "serve").unwrap() == Observed::Starting).await;
    let reused = Identity { start_time: 1, ..bystander.identity() };
    write_pid_file(&place.head(), &reused);
    assert_eq!(observe(&place.head(), "serve").unwrap(), Observed::Starting);
    let refused = stop(&place.head(), "serve", Duration::ZERO).await;
    assert!(matches!(refused, Err(StopError::Unidentified { .. })), "{refused:?}");
    assert!(is_alive(&bystander.identity()));
    assert!(Identity::of(holder).unwrap().is_some());
    assert!(matches!(claim(&place.head(), "serve"), Err(ClaimError::Held { .. })));
}

#[tokio::test]
async fn stopping_is_repeatable_and_lets_the_process_say_goodbye() {
    let place = Place::new();
    let identity = running(&place.child("serves")).await.identity;
    assert_eq!(stop(&place.head(), "serve", WAIT).await.unwrap(), Stopped::Asked);
    assert_eq!(observe(&place.head(), "serve").unwrap(), Observed::Absent);
    assert_eq!(stop(&place.head(), "serve", WAIT).await.unwrap(), Stopped::Already);
    assert_eq!(stop(&place.head().join("never"), "serve", WAIT).await.unwrap(), Stopped::Already);
    until("the process has ended", || !is_alive(&identity)).await;
}

#[tokio::test]
async fn a_process_that_does_not_listen_is_killed() {
    let place = Place::new();
    let identity = running(&place.child("deaf")).await.identity;
    assert_eq!(stop(&place.head(), "serve", Duration::from_millis(200)).await.unwrap(), Stopped::Killed);
    assert!(!is_alive(&identity));
    assert_eq!(observe(&place.head(), "serve").unwrap(), Observed::Dead);
}

#[tokio::test]
async fn a_process_that_ends_early_is_an_error_with_its_last_words() {
    let place = Place::new();
    let error = ensure_running(&place.child("fails"), "serve", WAIT).await.unwrap_err();
    let StartError::Ended { status, log, .. } = &error else { panic!("{error:?}") };
    assert_eq!(status.code(), Some(3));
    assert!(log.contains("the certificate is from the future"), "{log}");
    assert!(error.to_string().contains("the certificate is from the future"), "{error}");
}

#[tokio::test]
async fn a_process_that_never_claims_is_killed_and_is_an_error() {
    let place = Place::new();
    let spawn = place.child("never-claims");
    let error = ensure_running(&spawn, "serve", Duration::from_millis(500)).await.unwrap_err();
    assert!(matches!(error, StartError::Late { .. }), "{error:?}");
    let survivors = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == place.head()));
    assert_eq!(survivors.count(), 0);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let place = Place::new();
    let mut spawn = place.child("serves");
    spawn.program = "/nowhere/ringfenced".into();
    let error = ensure_running(&spawn, "serve", WAIT).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/ringfenced"), "{error}");
}

#[tokio::test]
async fn a_process_gets_the_given_environment_its_own_group_and_a_private_log() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let spawn = place.child("serves");
    let pid = running(&spawn).await.identity.pid;
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let mut names: Vec<_> = environment
        .split(|byte| *byte == 0)
        .filter_map(|pair| Some(String::from_utf8_lossy(pair).split_once('=')?.0.to_owned()))
        .collect();
    names.sort();
    assert_eq!(names, ["CHILD_AS", "CHILD_DOES", "CHILD_IN"]);
    let group = rustix::process::getpgid(Pid::from_raw(i32::try_from(pid).unwrap())).unwrap();
    assert_eq!(group.as_raw_nonzero().get(), i32::try_from(pid).unwrap());
    assert_eq!(fs::metadata(&spawn.log).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_link(format!("/proc/{pid}/fd/0")).unwrap(), Path::new("/dev/null"));
    assert_eq!(fs::metadata(place.head()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_process_outlives_the_runtime_that_started_it() {
    let place = Place::new();
    let spawn = place.child("serves");
    let identity = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(running(&spawn)).identity
    })
    .join()
    .unwrap();
    assert_eq!(observe(&place.head(), "serve").unwrap(), Observed::Running { identity });
}

#[tokio::test]
async fn a_directory_in_use_is_not_removed_and_one_that_is_stopped_is() {
    let place = Place::new();
    let identity = running(&place.child("serves")).await.identity;
    match remove_directory(place.0.path().join("head").as_path()) {
        Err(DirectoryError::InUse { pid, .. }) => assert_eq!(pid, Some(identity.pid)),
        other => panic!("{other:?}"),
    }
    assert!(place.head().join("serve.log").exists(), "nothing was removed");
    stop(&place.head(), "serve", WAIT).await.unwrap();
    remove_directory(&place.head()).unwrap();
    assert!(!place.head().exists());
    remove_directory(&place.head()).unwrap();
}

#[test]
fn a_claim_anywhere_below_keeps_a_directory() {
    let root = tempfile::tempdir().unwrap();
    let cluster = root.path().join("cluster");
    let node = cluster.join("nodes").join("worker-1");
    create_directory(&cluster).unwrap();
    create_directory(&node).unwrap();
    let claimed = claim(&node, AGENT_CLAIM).unwrap();
    assert!(matches!(remove_directory(&cluster), Err(DirectoryError::InUse { .. })));
    drop(claimed);
    remove_directory(&cluster).unwrap();
    assert!(!cluster.exists());
}

#[test]
fn a_directory_of_somebody_else_is_neither_used_nor_removed() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letter"), "dear").unwrap();
    assert!(matches!(create_directory(&home), Err(DirectoryError::NotOurs { .. })));
    assert!(matches!(remove_directory(&home), Err(DirectoryError::NotOurs { .. })));
    let ours = root.path().join("ours");
    create_directory(&ours).unwrap();
    std::os::unix::fs::symlink(&home, ours.join("link")).unwrap();
    let link = root.path().join("link-to-ours");
    std::os::unix::fs::symlink(&ours, &link).unwrap();
    assert!(matches!(remove_directory(&link), Err(DirectoryError::NotOurs { .. })));
    remove_directory(&ours).unwrap();
    assert_eq!(fs::read(home.join("letter")).unwrap(), b"dear");
}

#[test]
fn a_directory_of_ours_is_closed_again() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (closed, passage) = (root.path().join("head"), root.path().join("node"));
    for _ in 0..2 {
        create_directory(&closed).unwrap();
        create_passage(&passage).unwrap();
        assert_eq!((mode(&closed), mode(&passage)), (0o700, 0o711));
        for path in [&closed, &passage] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
}

#[test]
fn an_interrupted_removal_can_go_on() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("node");
    // Unmarked and empty: made or removed up to a crash.
    fs::create_dir(&directory).unwrap();
    remove_directory(&directory).unwrap();
    assert!(!directory.exists());
}

fn launch(name: &str) -> NodeLaunch {
    NodeLaunch {
        machine: Machine::Local,
        name: name.to_owned(),
        config_json: format!(r#"{{"node":"{name}"}}"#),
        ticket: Some("ticket-1".to_owned()),
    }
}

#[tokio::test]
async fn a_node_is_launched_found_listed_stopped_and_removed() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let nodes = place.nodes("serves");
    assert_eq!(nodes.list_nodes().await.unwrap(), [""; 0]);
    assert_eq!(nodes.observe_node("worker-1").await.unwrap(), NodeObserved::Absent);

    nodes.ensure_node(&launch("worker-2")).await.unwrap();
    nodes.ensure_node(&launch("worker-1")).await.unwrap();
    let NodeObserved::Running { handle } = nodes.observe_node("worker-1").await.unwrap() else { panic!() };
    nodes.ensure_node(&launch("worker-1")).await.unwrap();
    assert_eq!(nodes.observe_node("worker-1").await.unwrap(), NodeObserved::Running { handle });
    assert_eq!(nodes.list_nodes().await.unwrap(), ["worker-1", "worker-2"]);
    let directory = nodes.directory("worker-1").unwrap();
    assert_eq!(fs::read_to_string(directory.join("agent.json")).unwrap(), r#"{"node":"worker-1"}"#);
    assert_eq!(fs::read_to_string(directory.join("ticket")).unwrap(), "ticket-1");
    for secret in ["agent.json", "ticket"] {
        let mode = fs::metadata(directory.join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }

    for _ in 0..2 {
        nodes.stop_node("worker-1").await.unwrap();
        assert_eq!(nodes.observe_node("worker-1").await.unwrap(), NodeObserved::Stopped);
    }
    for name in ["worker-1", "worker-1", "worker-2"] {
        nodes.remove_node(name).await.unwrap();
        assert_eq!(nodes.observe_node(name).await.unwrap(), NodeObserved::Absent);
    }
    assert_eq!(nodes.list_nodes().await.unwrap(), [""; 0]);
    assert_eq!(fs::read_dir(&nodes.root).unwrap().count(), 0, "nothing is left behind");
}

/// What a crash may leave of a launch, each completed and each removed.
#[tokio::test]
async fn an_interrupted_launch_is_listed_completed_and_removed() {
    let place = Place::new();
    let nodes = place.nodes("serves");
    let directory = nodes.directory("worker-1").unwrap();
    let leftovers: [(&str, &dyn Fn()); 4] = [
        ("an empty directory", &|| fs::create_dir_all(&directory).unwrap()),
        ("a marked directory", &|| create_directory(&directory).unwrap()),
        ("half a configuration beside", &|| {
            create_directory(&directory).unwrap();
            fs::write(directory.join(".agent.json.1.0.new"), "{").unwrap();
        }),
        ("a process file of a dead process", &|| {
            create_directory(&directory).unwrap();
            fs::write(directory.join("agent.pid"), r#"{"pid":1,"start_time":1,"boot_id":"x"}"#).unwrap();
        }),
    ];
    for (what, leave) in leftovers {
        leave();
        assert_eq!(nodes.list_nodes().await.unwrap(), ["worker-1"], "{what}");
        assert_eq!(nodes.observe_node("worker-1").await.unwrap(), NodeObserved::Stopped, "{what}");
        nodes.remove_node("worker-1").await.unwrap();
        assert!(!directory.exists(), "{what}");

        leave();
        nodes.ensure_node(&launch("worker-1")).await.unwrap();
        let observed = nodes.observe_node("worker-1").await.unwrap();
        assert!(matches!(observed, NodeObserved::Running { .. }), "{what}: {observed:?}");
        nodes.remove_node("worker-1").await.unwrap();
        assert!(!directory.exists(), "{what}");
    }
}

#[tokio::test]
async fn a_used_ticket_is_not_put_back() {
    let place = Place::new();
    let nodes = place.nodes("serves");
    nodes.ensure_node(&launch("worker-1")).await.unwrap();
    let ticket = nodes.directory("worker-1").unwrap().join("ticket");
    fs::remove_file(&ticket).unwrap();
    nodes.ensure_node(&launch("worker-1")).await.unwrap();
    assert!(!ticket.exists());
}

#[tokio::test]
async fn a_name_that_is_a_path_is_refused_everywhere() {
    let place = Place::new();
    let nodes = place.nodes("serves");
    for name in ["..", "../head", "a/b", ""] {
        let answers = [
            nodes.ensure_node(&launch(name)).await,
            nodes.observe_node(name).await.map(drop),
            nodes.stop_node(name).await,
            nodes.remove_node(name).await,
        ];
        assert!(answers.iter().all(|answer| matches!(answer, Err(DriverError::Name { .. }))), "{answers:?}");
    }
}

#[tokio::test]
async fn a_node_that_fails_to_start_says_why_and_may_be_tried_again() {
    let place = Place::new();
    let error = place.nodes("fails").ensure_node(&launch("worker-1")).await.unwrap_err();
    assert!(error.is_transient());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("the certificate is from the future"), "{cause}");
    let nodes = place.nodes("serves");
    nodes.ensure_node(&launch("worker-1")).await.unwrap();
    nodes.remove_node("worker-1").await.unwrap();
}
