//! An offline root: it signs in a directory of its own, and only what it signed is imported.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use ringfence_api::Client;
use ringfence_api::authority::{AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::inspect::route::LIST_TASKS;
use ringfence_pki::{pem_certificates, pem_crl};
use ringfence_tests::head::TOKEN;
use ringfence_tests::sandbox::program;
use ringfence_tests::{Head, Sandbox, eventually};

use crate::api::https::Https;
use crate::api::world::{project, user};
use crate::nodes::{declared, ready};

fn ca(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("ringfenced"));
    command.arg("ca").args(arguments).current_dir(directory).env("RINGFENCE_TOKEN", TOKEN).output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A port that was free a moment ago; the address must be known before the cluster is made.
fn endpoint() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("127.0.0.1:{port}")
}

/// A cluster with such a root, in this directory, and the root beside it.
async fn cluster(sandbox: &Sandbox) -> Head {
    cluster_with(sandbox, "head/imported.json").await
}

async fn cluster_with(sandbox: &Sandbox, file: &str) -> Head {
    let mut head = Head::prepare(sandbox.path());
    let address = endpoint();
    let config = sandbox.path().join("head/serve.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("127.0.0.1:0", &address);
    std::fs::write(&config, &text).unwrap();
    let id = text.lines().find_map(|line| line.strip_prefix("id = ")).unwrap().trim_matches('"').to_owned();
    let endpoint = format!("https://{address}");
    let init = ["init", "--directory", "offline", "--out", file, "--cluster-name", "test"];
    done(&ca(sandbox.path(), &[&init[..], &["--cluster-id", &id, "--endpoint", &endpoint]].concat()));
    let again = ca(sandbox.path(), &[&init[..], &["--cluster-id", &id, "--endpoint", &endpoint]].concat());
    assert!(refused(&again).contains("already holds a root"));
    head.restart(&[]).await;
    head
}

async fn active(client: &Client, domain: AuthorityDomain) -> String {
    let all = client.authorities().await.unwrap();
    all.into_iter().find(|one| one.domain == domain && one.state == AuthorityState::Active).unwrap().id
}

#[tokio::test]
async fn a_cluster_works_with_what_its_offline_root_signed() {
    let sandbox = Sandbox::new();
    let mut head = cluster(&sandbox).await;
    assert!(!sandbox.path().join("head/imported.json").exists(), "it held keys");
    let root = std::fs::read_to_string(sandbox.path().join("offline/root.crt")).unwrap();
    assert_eq!(head.connection().ca_certificate, root, "clients trust the offline root");
    let client = head.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    client.put_project(&project("fraud"), &ringfence_api::project::PutProject::default()).await.unwrap();
    let put = ringfence_api::project::PutMember { role: ringfence_api::project::MemberRole::DataOwner };
    client.put_member(&project("fraud"), &user("alice"), &put).await.unwrap();
    let credentials = client.member_credentials(&project("fraud"), &user("alice")).await.unwrap();
    // What a verifier sees is whole: chain, root, and the lists of both.
    let public = Https::public(&head.connection());
    let verified = async |chain: &str, issuer: &str| {
        let mut crls = String::new();
        for name in ["root-1", issuer] {
            crls.push_str(&pem_crl(&public.get(&format!("/v1/crls/{name}/0")).await.bytes));
        }
        let now = ringfence_api::Clock::now(&ringfence_api::SystemClock);
        ringfence_pki::verify_leaf(chain, &root, &crls, ringfence_pki::Usage::Client, now)
    };
    verified(&credentials.chain, "projects-1").await.unwrap();
    // A successor must be imported.
    client.rotate_authority(AuthorityDomain::Projects, RotateAuthority { compromised: true }).await.unwrap();
    done(&ca(sandbox.path(), &["intermediate", "--directory", "offline", "--out", "next.json", "projects"]));
    assert_eq!(active(&client, AuthorityDomain::Projects).await, "projects-1");
    let import = ["import", "next.json", "--cluster", "."];
    assert!(done(&ca(sandbox.path(), &import)).contains("projects-2 prepared"));
    eventually("the imported one signs, and the compromised one is gone", Duration::from_mins(1), async || {
        let all = client.authorities().await.unwrap();
        let gone = all.iter().any(|one| one.id == "projects-1" && one.state == AuthorityState::Gone);
        let signs = all.iter().any(|one| one.id == "projects-2" && one.state == AuthorityState::Active);
        if gone && signs { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    let next = client.member_credentials(&project("fraud"), &user("alice")).await.unwrap();
    verified(&next.chain, "projects-2").await.unwrap();
    // The root's list names the compromised one when the root has signed that.
    let compromised = pem_certificates(&credentials.chain).unwrap()[1].to_vec();
    let serial = ringfence_pki::CertificateFacts::read(&compromised).unwrap().serial.to_string();
    done(&ca(sandbox.path(), &["list", "--directory", "offline", "--out", "list.json", "--revoke", &serial]));
    done(&ca(sandbox.path(), &["import", "list.json", "--cluster", "."]));
    let list = public.get("/v1/crls/root-1/0").await.bytes;
    assert_eq!(crate::api::crl::number(&list), 2);
    assert!(crate::api::crl::lists(&list, &serial));
    let again = refused(&ca(sandbox.path(), &["import", "list.json", "--cluster", "."]));
    assert!(again.contains("must be newer than number 2"), "{again}");
    // And all of that is there after a restart.
    head.kill().await;
    head.restart(&[]).await;
    client.whoami().await.unwrap();
    assert_eq!(active(&client, AuthorityDomain::Projects).await, "projects-2");
}

#[tokio::test]
async fn nothing_is_imported_that_the_root_has_not_signed_for_it() {
    let sandbox = Sandbox::new();
    let head = cluster(&sandbox).await;
    let client = head.operator();
    let before = client.authorities().await.unwrap();
    // Another root's, for the same cluster.
    let id = head.connection().cluster_id.to_string();
    let endpoint = head.connection().endpoint;
    let init =
        ["init", "--directory", "stranger", "--out", "stranger.json", "--cluster-name", "test", "--cluster-id", &id];
    done(&ca(sandbox.path(), &[&init[..], &["--endpoint", &endpoint]].concat()));
    done(&ca(sandbox.path(), &["intermediate", "--directory", "stranger", "--out", "theirs.json", "services"]));
    done(&ca(sandbox.path(), &["list", "--directory", "stranger", "--out", "list.json"]));
    done(&ca(sandbox.path(), &["intermediate", "--directory", "offline", "--out", "ours.json", "services"]));
    let text = std::fs::read_to_string(sandbox.path().join("ours.json")).unwrap();
    // For projects it would have to bear other constraints.
    std::fs::write(sandbox.path().join("misused.json"), text.replace("\"services\"", "\"projects\"")).unwrap();
    let theirs = std::fs::read_to_string(sandbox.path().join("theirs.json")).unwrap();
    let key = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["intermediates"][0]["private_key"].as_str().unwrap().replace('\n', "\\n")
    };
    std::fs::write(sandbox.path().join("other_key.json"), text.replace(&key(&text), &key(&theirs))).unwrap();
    for (file, expected) in [
        ("stranger.json", "a root is imported when a cluster is created"),
        ("theirs.json", "its issuer must be the authority's subject"),
        ("list.json", "must be signed by the root"),
        ("misused.json", "constraints must be its domain's"),
        ("other_key.json", "the private key is not the one"),
    ] {
        let said = refused(&ca(sandbox.path(), &["import", file, "--cluster", "."]));
        assert!(said.contains(expected) || said.contains("its signature must verify"), "{file}: {said}");
        assert!(!said.contains("PRIVATE KEY"), "{file}: {said}");
    }
    assert_eq!(client.authorities().await.unwrap(), before);
    done(&ca(sandbox.path(), &["import", "ours.json", "--cluster", "."]));
    let twice = refused(&ca(sandbox.path(), &["import", "ours.json", "--cluster", "."]));
    assert!(twice.contains("services-2 is already prepared"), "{twice}");
    let all = client.authorities().await.unwrap();
    assert_eq!(all.len(), before.len() + 1);
    let tasks: Vec<ringfence_api::inspect::Task> = client.list(&LIST_TASKS, "").await.unwrap();
    assert!(tasks.iter().all(|task| task.last_error.is_none()), "{tasks:?}");
}

#[tokio::test]
async fn the_former_names_still_import() {
    let sandbox = Sandbox::new();
    let head = cluster_with(&sandbox, "head/brought.json").await;
    assert!(!sandbox.path().join("head/brought.json").exists(), "it held keys");
    done(&ca(sandbox.path(), &["intermediate", "--directory", "offline", "--out", "next.json", "services"]));
    let output = ca(sandbox.path(), &["bring", "next.json", "--cluster", "."]);
    assert!(done(&output).contains("services-2 prepared"));
    let notice = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(notice.contains("`ca bring` is now called `ca import`"), "{notice}");
    // The route of before answers as the one of now does.
    let session = head.operator().login().await.unwrap().session;
    let operator = Https::public(&head.connection()).with_session(&session);
    let refused = operator.call("POST", "/v1/authorities/bring", &serde_json::json!({ "list": "no list" })).await;
    refused.refused(ringfence_api::ProblemCode::InvalidRequest);
}
