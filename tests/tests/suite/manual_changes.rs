//! Manual changes to a local cluster, such as removed files and killed processes: plain `terraform apply` and `destroy`
//! repair them.

use std::time::Duration;

use ringfence_place::process::HEAD_CLAIM;
use ringfence_tests::hcl::{CLUSTER, PROJECT};
use ringfence_tests::{Setup, eventually};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(30);

async fn no_changes(setup: &Setup) {
    let plan = setup.terraform.plan(&[]).await;
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
}

fn kill_head(setup: &Setup) {
    let head =
        setup.sandbox.processes().into_iter().find(|(directory, _)| directory.ends_with("cluster/head")).unwrap();
    kill_process(Pid::from_raw(i32::try_from(head.1.pid).unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_lost_cluster_file_is_written_again() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    let file = setup.sandbox.path().join("cluster/cluster.json");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    no_changes(&setup).await;
    setup.write(&[&CLUSTER.replace("count = 1", "count = 2"), PROJECT]);
    setup.terraform.apply(&[]).await.expect("a change");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    std::fs::remove_file(&file).unwrap();
    setup.terraform.destroy(&[]).await.expect("destroy");
    assert!(setup.sandbox.processes().is_empty() && !setup.sandbox.path().join("cluster").exists());
}

#[tokio::test]
async fn replacing_a_cluster_replaces_what_is_in_it() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    let first = setup.terraform.attributes("ringfence_project.fraud").await["cluster_id"].clone();
    let replaced = setup.terraform.apply(&["-replace=ringfence_cluster.main"]).await.expect("-replace");
    assert!(replaced.stdout.contains("3 added, 0 changed, 3 destroyed"), "{}", replaced.stdout);
    no_changes(&setup).await;
    assert_ne!(setup.terraform.attributes("ringfence_project.fraud").await["cluster_id"], first);
    // Another name and another directory replace it too.
    setup.write(&[&CLUSTER.replace("\"accept\"", "\"renamed\""), PROJECT]);
    setup.terraform.apply(&[]).await.expect("another name");
    no_changes(&setup).await;
    setup.write(&[&CLUSTER.replace("\"accept\"", "\"renamed\"").replace("/cluster\"", "/elsewhere\""), PROJECT]);
    setup.terraform.apply(&[]).await.expect("another directory");
    no_changes(&setup).await;
    assert!(!setup.sandbox.path().join("cluster").exists());
    setup.terraform.destroy(&[]).await.expect("destroy");
    assert!(setup.sandbox.processes().is_empty());
}

#[tokio::test]
async fn a_removed_directory_ends_its_processes_and_the_cluster_is_created_again() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    let before = setup.sandbox.processes();
    assert_eq!(before.len(), 3);
    std::fs::remove_dir_all(setup.sandbox.path().join("cluster")).unwrap();
    eventually("every process has ended", PATIENCE, async || {
        let alive = before.iter().filter(|(_, identity)| identity.is_alive().unwrap_or(true)).count();
        if alive == 0 { Ok(()) } else { Err(format!("{alive} are alive")) }
    })
    .await;
    assert!(!setup.sandbox.path().join("cluster").exists(), "nobody makes it again");
    setup.terraform.apply(&[]).await.expect("apply");
    no_changes(&setup).await;
    assert_eq!(setup.sandbox.processes().len(), 3);
}

#[tokio::test]
async fn a_removed_node_directory_is_created_again_with_one_agent() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let worker = setup.sandbox.path().join("cluster/nodes/workers-0");
    let before = setup.sandbox.processes();
    std::fs::remove_dir_all(&worker).unwrap();
    eventually("the first agent has ended and another runs", PATIENCE, async || {
        let first = before.iter().find(|(directory, _)| *directory == worker).unwrap();
        let now = setup.sandbox.processes();
        let other = now.iter().any(|(directory, identity)| *directory == worker && *identity != first.1);
        if other && !first.1.is_alive().unwrap_or(true) { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    crate::nodes::ready(&setup.operator(), 2).await;
    assert_eq!(setup.sandbox.processes().len(), 3);
}

#[tokio::test]
async fn lost_files_of_running_processes_are_written_again() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let cluster = setup.sandbox.path().join("cluster");
    let lost = ["head/serve.pid", "head/endpoint", "head/ca.pem", "nodes/workers-0/agent.pid"];
    for file in lost {
        std::fs::remove_file(cluster.join(file)).unwrap();
    }
    eventually("they are back", PATIENCE, async || {
        let missing: Vec<_> = lost.iter().filter(|file| !cluster.join(file).exists()).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
    })
    .await;
    no_changes(&setup).await;
    setup.terraform.destroy(&[]).await.expect("destroy");
    assert!(setup.sandbox.processes().is_empty());
}

#[tokio::test]
async fn stopping_a_cluster_whose_head_is_dead_ends_its_agents() {
    let setup = Setup::applied(&[CLUSTER]).await;
    kill_head(&setup);
    let head = setup.sandbox.path().join("cluster/head");
    eventually("the head is dead", PATIENCE, async || {
        let observed = ringfence_place::process::observe(&head, HEAD_CLAIM);
        if matches!(observed, Ok(ringfence_place::process::Observed::Dead)) {
            Ok(())
        } else {
            Err(format!("{observed:?}"))
        }
    })
    .await;
    setup.write(&[&CLUSTER.replace("deletion_protection", "running = false\n deletion_protection")]);
    setup.terraform.apply(&[]).await.expect("stopping");
    assert!(setup.sandbox.processes().is_empty());
    no_changes(&setup).await;
}

#[tokio::test]
async fn a_symbolic_link_to_the_directory_is_the_same_cluster() {
    let setup = Setup::new(&[&CLUSTER.replace("/cluster\"", "/link\"")]);
    std::fs::create_dir(setup.sandbox.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", setup.sandbox.path().join("link")).unwrap();
    setup.terraform.apply(&[]).await.expect("apply");
    no_changes(&setup).await;
    setup.terraform.destroy(&[]).await.expect("destroy");
    assert!(setup.sandbox.processes().is_empty());
    assert!(!setup.sandbox.path().join("real").exists());
}
