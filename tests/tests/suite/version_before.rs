//! What the version before left behind is used as it is: its state plans empty, its database and files serve, and
//! whoever held an identity still has it.
//!
//! `tests/version_0_1_0` holds a stopped cluster, its state and its configuration, written by that version. Its master
//! key and token are the tests' own and open nothing else.

use std::path::Path;
use std::time::Duration;

use ringfence_place::process::{HEAD_CLAIM, Observed, observe, stop};
use ringfence_tests::hcl::{CLUSTER, PROJECT};
use ringfence_tests::sandbox::program;
use ringfence_tests::{Setup, eventually};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::api::https::Pem;
use crate::impostor;

/// What that version wrote.
fn written() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/version_0_1_0")
}

/// Copies a directory with the permissions that a cluster's files have.
fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// The cluster of that version in a directory of its own, stopped as it was left.
fn left_behind() -> Setup {
    let setup = Setup::new(&[]);
    let at = setup.sandbox.path();
    copy(&written().join("cluster"), &at.join("cluster"));
    let config = at.join("cluster/head/serve.toml");
    let directory = at.join("cluster");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("DIRECTORY/ringfenced", program("ringfenced").to_str().unwrap());
    std::fs::write(&config, text.replace("DIRECTORY", directory.to_str().unwrap())).unwrap();
    std::fs::copy(written().join("state.json"), at.join("terraform.tfstate")).unwrap();
    setup.terraform.write(&std::fs::read_to_string(written().join("main.tf")).unwrap());
    setup
}

#[tokio::test]
async fn the_state_and_the_cluster_of_the_version_before_plan_empty() {
    let setup = left_behind();
    let ids = |state: &str| {
        let state: serde_json::Value = serde_json::from_str(state).unwrap();
        let resources = state["resources"].as_array().unwrap().clone();
        let id = |resource: &serde_json::Value| resource["instances"][0]["attributes"]["id"].clone();
        resources.iter().map(id).collect::<Vec<_>>()
    };
    let before = setup.state_text();
    // Its head was stopped; nothing else is to change.
    let planned = setup.terraform.plan(&[]).await;
    assert_eq!(planned.code, 2, "{}{}", planned.stdout, planned.stderr);
    assert!(planned.stdout.contains("0 to add, 1 to change, 0 to destroy"), "{}", planned.stdout);
    setup.terraform.apply(&[]).await.expect("apply starts the head");
    let planned = setup.terraform.plan(&[]).await;
    assert_eq!(planned.code, 0, "{}{}", planned.stdout, planned.stderr);
    assert_eq!(ids(&setup.state_text()), ids(&before));
    let ca = std::fs::read_to_string(written().join("cluster/head/ca.pem")).unwrap();
    let client = setup.operator();
    assert_eq!(client.connection().ca_certificate, ca, "clients still trust the same root");
    let members = client.members(&"churn".parse().unwrap()).await.unwrap();
    assert_eq!(members.iter().map(|member| member.user.as_str()).collect::<Vec<_>>(), ["bob", "carol"]);
    setup.terraform.destroy(&[]).await.expect("destroy");
}

/// Of a head of that version only what matters is played: it runs, and its certificate does not have the API's name.
#[tokio::test]
async fn a_head_of_the_version_before_that_runs_is_restarted_by_an_apply() {
    let workers = "worker_groups       = { workers = { count = 1 } }";
    let with_service =
        CLUSTER.replace(workers, &format!("{workers}\n  services = {{ query = {{ user = \"query\" }} }}"));
    let setup = Setup::applied(&[&with_service, PROJECT]).await;
    let cluster = setup.sandbox.path().join("cluster");
    let address = setup.operator().connection().endpoint.trim_start_matches("https://").to_owned();
    let head = cluster.join("head");
    stop(&head, HEAD_CLAIM, Duration::from_secs(10)).await.unwrap();
    let mut earlier =
        Command::new(program("stand_in")).args(["serve", "--directory"]).arg(&head).kill_on_drop(true).spawn().unwrap();
    eventually("the earlier head runs", Duration::from_secs(20), async || match observe(&head, HEAD_CLAIM) {
        Ok(Observed::Running { .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let listener = TcpListener::bind(&address).await.unwrap();
    let read =
        |file: &str| std::fs::read_to_string(cluster.join("nodes/head/services/query/current").join(file)).unwrap();
    let pem = Pem { chain: read("tls.crt"), key: read("tls.key") };
    let serving = tokio::spawn(async move { impostor::serve(listener, &pem).await });

    let planned = setup.terraform.plan(&[]).await;
    assert_eq!(planned.code, 2, "{}{}", planned.stdout, planned.stderr);
    assert!(planned.stdout.contains("cannot be used as it is"), "{}", planned.stdout);
    assert!(planned.stdout.contains("0 to add, 1 to change, 0 to destroy"), "{}", planned.stdout);
    let ends = async {
        earlier.wait().await.unwrap();
        serving.abort();
    };
    let (applied, ()) = tokio::join!(setup.terraform.apply(&[]), ends);
    applied.expect("apply restarts the head");
    assert_eq!(setup.operator().cluster().await.unwrap().nodes.len(), 2);
    let planned = setup.terraform.plan(&[]).await;
    assert_eq!(planned.code, 0, "{}{}", planned.stdout, planned.stderr);
    setup.terraform.destroy(&[]).await.expect("destroy");
}
