//! `terraform apply` is interrupted at many moments, by Ctrl-C or by the death of one of its processes, and applied
//! again: it converges, with one head, no stray process, and nothing acknowledged lost.

use std::path::Path;
use std::time::{Duration, Instant};

use ringfence_place::process::{HEAD_CLAIM, Identity, Observed, observe};
use ringfence_tests::Setup;
use ringfence_tests::hcl::CLUSTER;
use ringfence_tests::sandbox::processes_below;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;

const REST: &str = r#"
resource "ringfence_project" "this" {
  for_each = toset(["p1", "p2", "p3"])
  cluster  = ringfence_cluster.main.connection
  name     = each.key
}
resource "ringfence_project_member" "this" {
  for_each = ringfence_project.this
  cluster  = ringfence_cluster.main.connection
  project  = each.value.name
  user     = "alice"
  role     = "data_owner"
}
"#;

/// What dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// The whole process group, as by Ctrl-C at a terminal.
    CtrlC,
    Terraform,
    Provider,
    Head,
}

/// When: something that can be seen in the cluster's directory or in Terraform's state.
const MOMENTS: &[&str] = &[
    "cluster.json",
    "head/serve.lock",
    "head/ringfence.db",
    "head/endpoint",
    "nodes/workers-0/agent.json",
    "nodes/workers-0/trust/ca.pem",
    "../terraform.tfstate",
];

#[tokio::test]
async fn an_interrupted_apply_converges_when_applied_again() {
    for victim in [Victim::CtrlC, Victim::Terraform, Victim::Provider, Victim::Head] {
        for moment in MOMENTS {
            let case = format!("{victim:?} at {moment}");
            let setup = Setup::new(&[CLUSTER, REST]);
            let cluster = setup.sandbox.path().join("cluster");
            let mut terraform = setup.terraform.start(&["apply", "-auto-approve", "-input=false"]);
            seen(&cluster.join(moment), &mut terraform).await;
            strike(victim, &terraform, &cluster);
            let _ = tokio::time::timeout(Duration::from_mins(1), terraform.wait()).await.expect(&case);
            // A killed terraform leaves its lock; a user is told to remove it.
            let _ = std::fs::remove_file(setup.sandbox.path().join(".terraform.tfstate.lock.info"));
            converges(&setup, &case).await;
        }
    }
}

#[tokio::test]
async fn a_cluster_that_was_never_complete_may_be_replaced_although_it_is_protected() {
    let protected = CLUSTER.replace("deletion_protection = false", "");
    let setup = Setup::new(&[&protected]);
    let mut terraform = setup.terraform.start(&["apply", "-auto-approve", "-input=false"]);
    seen(&setup.sandbox.path().join("cluster/cluster.json"), &mut terraform).await;
    strike(Victim::CtrlC, &terraform, &setup.sandbox.path().join("cluster"));
    let _ = tokio::time::timeout(Duration::from_mins(1), terraform.wait()).await.expect("it ends");
    setup.terraform.apply(&[]).await.expect("apply again");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    assert_eq!(setup.sandbox.processes().len(), 3);
    let error = setup.terraform.destroy(&[]).await.expect_error("it is complete now");
    assert!(error.contains("protected from deletion"), "{error}");
}

#[tokio::test]
async fn an_interrupted_destroy_is_finished_by_another() {
    for victim in [Victim::CtrlC, Victim::Terraform, Victim::Provider] {
        let case = format!("{victim:?}");
        let setup = Setup::applied(&[CLUSTER]).await;
        let head = setup.sandbox.path().join("cluster/head");
        let mut terraform = setup.terraform.start(&["destroy", "-auto-approve", "-input=false"]);
        until(&mut terraform, || !matches!(observe(&head, HEAD_CLAIM), Ok(Observed::Running { .. }))).await;
        strike(victim, &terraform, &setup.sandbox.path().join("cluster"));
        let _ = tokio::time::timeout(Duration::from_mins(1), terraform.wait()).await.expect(&case);
        let _ = std::fs::remove_file(setup.sandbox.path().join(".terraform.tfstate.lock.info"));
        setup.terraform.destroy(&[]).await.expect(&case);
        assert!(setup.sandbox.processes().is_empty(), "{case}");
        assert!(!setup.sandbox.path().join("cluster").exists(), "{case}");
    }
}

/// Applied again, everything declared is there once, and nothing else.
async fn converges(setup: &Setup, case: &str) {
    let before = members(setup).await;
    setup.terraform.apply(&[]).await.expect(case);
    let plan = setup.terraform.plan(&[]).await;
    assert_eq!(plan.code, 0, "{case}: {}{}", plan.stdout, plan.stderr);
    let processes = setup.sandbox.processes();
    let heads = processes
        .iter()
        .filter(|(directory, _)| directory.ends_with("head") && !directory.to_string_lossy().contains("nodes"));
    assert_eq!(heads.count(), 1, "{case}: {processes:?}");
    assert_eq!(processes.len(), 3, "{case}: a head and two agents, no more: {processes:?}");
    let strays = strays(setup.sandbox.path(), &processes);
    assert!(strays.is_empty(), "{case}: processes that nobody claims: {strays:?}");
    let after = members(setup).await;
    for member in before {
        assert!(
            after.contains(&member),
            "{case}: an acknowledged member was lost or made anew: {member:?} in {after:?}"
        );
    }
    assert_eq!(after.len(), 3, "{case}");
    setup.terraform.destroy(&[]).await.expect(case);
    assert!(processes_below(setup.sandbox.path()).is_empty(), "{case}");
}

/// The members that exist, each with the serial of its certificate. None while no daemon answers.
async fn members(setup: &Setup) -> Vec<(String, String)> {
    let mut members = Vec::new();
    if !matches!(observe(&setup.sandbox.path().join("cluster/head"), HEAD_CLAIM), Ok(Observed::Running { .. })) {
        return members;
    }
    for project in ["p1", "p2", "p3"] {
        let project = ringfence_api::ProjectName::parse(project).unwrap();
        let user = ringfence_api::UserName::parse("alice").unwrap();
        if ringfence_tests::head::connection_of(&setup.sandbox.path().join("cluster")).is_err() {
            return members;
        }
        if let Ok(credentials) = setup.operator().member_credentials(&project, &user).await {
            members.push((project.to_string(), credentials.serial));
        }
    }
    members
}

/// Processes that mention the sandbox in their arguments and are none of those that claim a directory in it.
fn strays(sandbox: &Path, known: &[(std::path::PathBuf, Identity)]) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_string_lossy().parse::<u32>().ok() else { continue };
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mentions = String::from_utf8_lossy(&arguments).contains(&*sandbox.to_string_lossy());
        if mentions && !known.iter().any(|(_, identity)| identity.pid == pid) {
            found.push(pid);
        }
    }
    found
}

fn strike(victim: Victim, terraform: &Child, cluster: &Path) {
    let Some(pid) = terraform.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) else { return };
    match victim {
        Victim::CtrlC => drop(kill_process_group(pid, Signal::INT)),
        Victim::Terraform => drop(kill_process(pid, Signal::KILL)),
        Victim::Provider => {
            for child in children_of(pid) {
                let _ = kill_process(child, Signal::KILL);
            }
        }
        Victim::Head => {
            if let Ok(Observed::Running { identity }) = observe(&cluster.join("head"), HEAD_CLAIM) {
                let head = Pid::from_raw(i32::try_from(identity.pid).unwrap()).unwrap();
                let _ = kill_process(head, Signal::KILL);
            }
        }
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let texts = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let pids: Vec<i32> =
        texts.flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect();
    pids.into_iter().filter_map(Pid::from_raw).collect()
}

/// Waits until the path exists, or terraform has ended (it was faster than we).
async fn seen(path: &Path, terraform: &mut Child) {
    until(terraform, || path.exists()).await;
}

async fn until(terraform: &mut Child, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() && terraform.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "nothing happened");
        // Looking without a pause would take the processor from those we wait for.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
