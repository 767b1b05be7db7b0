//! A cluster whose head, or more of its directory, is gone: the plan says so, nobody makes another head in its place,
//! and what is left of it can be restored, replaced and removed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ringfence_place::process::{HEAD_CLAIM, stop};
use ringfence_tests::hcl::{CLUSTER, PROJECT, PROVIDER};
use ringfence_tests::{Sandbox, Setup, Terraform};

const GONE: &str = "The head of cluster accept is gone";

fn directory(setup: &Setup) -> PathBuf {
    setup.sandbox.path().join("cluster")
}

/// A cluster without its head's process, and without these of its files. Its agents go on.
async fn without(configuration: &[&str], parts: &[&str]) -> Setup {
    let setup = Setup::applied(configuration).await;
    let cluster = directory(&setup);
    stop(&cluster.join("head"), HEAD_CLAIM, Duration::from_secs(5)).await.unwrap();
    for part in parts {
        remove(&cluster.join(part));
    }
    setup
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.unwrap();
}

/// Everything of the cluster is gone.
async fn is_removed(setup: &Setup) {
    assert!(setup.sandbox.processes().is_empty() && !directory(setup).exists());
    assert!(setup.terraform.addresses().await.is_empty());
}

#[tokio::test]
async fn a_lost_head_is_told_and_no_other_is_made_in_its_place() {
    let setup = without(&[CLUSTER, PROJECT], &["head"]).await;
    let head = directory(&setup).join("head");
    let plan = setup.terraform.plan(&[]).await;
    let told = plan.words();
    assert!(plan.code == 2 && told.contains(GONE), "{told}{}", plan.stderr);
    assert!(told.contains(&format!("{} is not there", head.display())), "{told}");
    assert!(told.contains("ringfenced restore") && told.contains("-replace=ringfence_cluster.NAME"), "{told}");
    let error = setup.terraform.apply(&[]).await.expect_error("apply");
    assert!(error.contains(GONE) && error.contains("another root under the same identity"), "{error}");
    assert!(!head.exists());
    // Whoever names the directory is told the same.
    let other = Sandbox::new();
    let stranger = Terraform::new(other.path());
    let place = directory(&setup).display().to_string();
    stranger.write(&(PROVIDER.to_owned() + &CLUSTER.replace("${path.module}/cluster", &place)));
    let import = stranger.run(&["import", "-no-color", "ringfence_cluster.main", &place]).await;
    for error in [import.expect_error("import"), stranger.plan(&[]).await.expect_error("a plan")] {
        assert!(error.contains(GONE), "{error}");
    }
    setup.terraform.destroy(&[]).await.expect("destroy");
    is_removed(&setup).await;
}

#[tokio::test]
async fn a_head_that_is_restored_goes_on() {
    let setup = without(&[CLUSTER, PROJECT], &[]).await;
    let (head, backup) = (directory(&setup).join("head"), setup.sandbox.path().join("backup"));
    let root = std::fs::read_to_string(head.join("ca.pem")).unwrap();
    std::fs::rename(&head, &backup).unwrap();
    setup.terraform.apply(&[]).await.expect_error("apply");
    std::fs::rename(&backup, &head).unwrap();
    setup.terraform.apply(&[]).await.expect("apply after it was restored");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    assert_eq!(std::fs::read_to_string(head.join("ca.pem")).unwrap(), root);
    assert_eq!(setup.sandbox.processes().len(), 3);
}

#[tokio::test]
async fn a_head_without_its_database_is_lost_and_may_be_replaced_by_another_cluster() {
    let setup = without(&[CLUSTER, PROJECT], &["head/ringfence.db"]).await;
    let first = setup.terraform.attributes("ringfence_cluster.main").await["id"].clone();
    let error = setup.terraform.apply(&[]).await.expect_error("apply");
    assert!(error.contains("head/ringfence.db is not there"), "{error}");
    setup.terraform.apply(&["-replace=ringfence_cluster.main"]).await.expect("-replace");
    assert_ne!(setup.terraform.attributes("ringfence_cluster.main").await["id"], first);
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    assert_eq!(setup.sandbox.processes().len(), 3);
}

#[tokio::test]
async fn a_protected_cluster_whose_head_is_lost_is_unprotected_without_a_start() {
    let setup = without(&[&CLUSTER.replace("deletion_protection = false", "")], &["head"]).await;
    let error = setup.terraform.destroy(&[]).await.expect_error("destroy");
    assert!(error.contains("The cluster is protected from deletion"), "{error}");
    setup.write(&[&CLUSTER.replace("deletion_protection", "running = false\n deletion_protection")]);
    setup.terraform.apply(&[]).await.expect("unprotecting");
    assert!(setup.sandbox.processes().is_empty() && !directory(&setup).join("head").exists());
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    setup.terraform.destroy(&[]).await.expect("destroy");
    is_removed(&setup).await;
}

#[tokio::test]
async fn what_its_nodes_prove_to_be_the_clusters_is_removed_with_it() {
    let setup = without(&[CLUSTER], &["head", "cluster.json"]).await;
    let plan = setup.terraform.plan(&[]).await;
    assert!(plan.words().contains("has neither cluster.json nor head/serve.toml"), "{}{}", plan.stdout, plan.stderr);
    assert_eq!(setup.sandbox.processes().len(), 2);
    setup.terraform.destroy(&[]).await.expect("destroy");
    is_removed(&setup).await;
}

#[tokio::test]
async fn what_nothing_proves_to_be_the_clusters_is_left_alone() {
    let lost = ["head", "cluster.json", "nodes/head/agent.json", "nodes/workers-0/agent.json"];
    let setup = without(&[CLUSTER], &lost).await;
    let error = setup.terraform.destroy(&[]).await.expect_error("destroy");
    assert!(error.contains("Nothing else proves that it is the cluster's"), "{error}");
    assert_eq!(setup.sandbox.processes().len(), 2);
    assert_eq!(setup.terraform.addresses().await, ["ringfence_cluster.main"]);
    // As the error says: what is deleted ends by itself, and the resource is forgotten.
    setup.terraform.run(&["state", "rm", "ringfence_cluster.main"]).await.expect("state rm");
}

#[tokio::test]
async fn a_lost_configuration_of_the_head_is_written_again() {
    let setup = without(&[CLUSTER], &["head/serve.toml", "head/ca.pem", "head/endpoint"]).await;
    let plan = setup.terraform.plan(&[]).await;
    assert_eq!(plan.code, 2, "{}{}", plan.stdout, plan.stderr);
    setup.terraform.apply(&[]).await.expect("apply");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    assert_eq!(setup.sandbox.processes().len(), 3);
}
