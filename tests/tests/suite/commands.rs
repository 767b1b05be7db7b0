//! The operator's commands: tables for people, JSON for scripts, exit codes, and no secret on the command line.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::project::{MemberRole, PutMember, PutProject};
use ringfence_api::whoami::Caller;
use ringfence_api::{Credentials, ProjectName, UserName};
use ringfence_tests::head::{OTHER_TOKEN, TOKEN};
use ringfence_tests::sandbox::program;
use ringfence_tests::{Head, Sandbox};
use serde_json::Value;

use crate::nodes::{declared, ready};

fn ringfenced(directory: &Path, token: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("ringfenced"));
    command.current_dir(directory).args(arguments).env_remove("RINGFENCE_TOKEN");
    if let Some(token) = token {
        command.env("RINGFENCE_TOKEN", token);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let (stdout, stderr) = said(output);
    assert!(output.status.success(), "{stdout}{stderr}");
    stdout
}

/// A cluster of one worker, with a member.
pub(crate) async fn cluster(sandbox: &Sandbox) -> Head {
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    let (project, user) = (ProjectName::parse("fraud").unwrap(), UserName::parse("alice").unwrap());
    client.put_project(&project, &PutProject::default()).await.unwrap();
    client.put_member(&project, &user, &PutMember { role: MemberRole::DataOwner }).await.unwrap();
    head
}

#[tokio::test]
async fn inspect_shows_tables_and_the_same_as_json() {
    let sandbox = Sandbox::new();
    let _head = cluster(&sandbox).await;
    let cases = [
        ("nodes", &["NODE", "workers-0", "ready", "query", "cluster test"][..]),
        ("certificates", &["SERIAL", "fraud__alice", "project_user", "services-1"][..]),
        ("sagas", &["SAGA", "launch_node", "workers-0", "done"][..]),
        ("tasks", &["TASK", "publish_crls", "keep_nodes", "renew_project_users"][..]),
        ("audit", &["WHO", "operator", "put_member", "fraud__alice"][..]),
    ];
    for (what, expected) in cases {
        let table = succeeds(&ringfenced(sandbox.path(), Some(TOKEN), &["inspect", what, "--cluster", "."]));
        for text in expected {
            assert!(table.contains(text), "{what}: the table should hold {text}:\n{table}");
        }
        let json = succeeds(&ringfenced(sandbox.path(), Some(TOKEN), &["inspect", what, "--cluster", ".", "--json"]));
        let value: Value = serde_json::from_str(&json).unwrap();
        assert!(value.is_object() || value.as_array().is_some_and(|rows| !rows.is_empty()), "{what}: {json}");
    }
    let one = ["inspect", "certificates", "--cluster", ".", "--json", "--limit", "1"];
    let json: Value = serde_json::from_str(&succeeds(&ringfenced(sandbox.path(), Some(TOKEN), &one))).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn credentials_are_files_that_work_and_that_others_cannot_read() {
    let sandbox = Sandbox::new();
    let head = cluster(&sandbox).await;
    write_token(&sandbox, 0o600);
    let arguments = ["credentials", "fraud__alice", "--cluster", ".", "--token-file", "token"];
    let told = succeeds(&ringfenced(sandbox.path(), None, &arguments));
    assert!(!told.contains("PRIVATE KEY"), "{told}");
    let read = |file: &str| std::fs::read_to_string(sandbox.path().join(file)).unwrap();
    let mode = |file: &str| std::fs::metadata(sandbox.path().join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("fraud__alice.key"), mode("fraud__alice.crt")), (0o600, 0o644));
    let credentials =
        Credentials::Certificate { chain: read("fraud__alice.crt"), private_key: read("fraud__alice.key") };
    let caller = head.client(credentials).whoami().await.unwrap();
    assert!(matches!(caller, Caller::ProjectUser { name, .. } if name.to_string() == "fraud__alice"));
    assert_eq!(read("ca.pem"), head.connection().ca_certificate);
}

/// Writes the operator's token into the file `token`.
fn write_token(sandbox: &Sandbox, mode: u32) {
    let text = format!("{TOKEN}\n");
    ringfence_place::file::atomic_write(&sandbox.path().join("token"), text.as_bytes(), mode).unwrap();
}

#[test]
fn a_token_file_that_others_can_read_is_refused_and_a_pipe_is_not() {
    let sandbox = Sandbox::new();
    let arguments = ["operator-key", "--token-file", "token"];
    write_token(&sandbox, 0o644);
    let output = ringfenced(sandbox.path(), None, &arguments);
    let (_, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("token has mode 0644: it can be read by others: chmod 600 token"), "{stderr}");
    assert!(!stderr.contains(TOKEN), "{stderr}");
    let mut piped = Command::new("sh");
    piped.current_dir(sandbox.path()).args(["-c", "cat token | \"$0\" operator-key --token-file /dev/stdin"]);
    let key = succeeds(&piped.arg(program("ringfenced")).output().unwrap());
    write_token(&sandbox, 0o600);
    assert_eq!(succeeds(&ringfenced(sandbox.path(), None, &arguments)), key);
}

#[tokio::test]
async fn login_prints_a_session_that_the_api_accepts() {
    let sandbox = Sandbox::new();
    let head = cluster(&sandbox).await;
    let session = succeeds(&ringfenced(sandbox.path(), Some(TOKEN), &["login", "--cluster", "."]));
    let connection = head.connection();
    // Only the first caller sets it; whoever came before has set the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca = reqwest::Certificate::from_pem(connection.ca_certificate.as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    let answer = client.get(format!("{}/v1/whoami", connection.endpoint)).bearer_auth(session.trim());
    let caller: Value = answer.send().await.unwrap().json().await.unwrap();
    assert_eq!(caller["kind"], "operator");
    let json = succeeds(&ringfenced(sandbox.path(), Some(TOKEN), &["login", "--cluster", ".", "--json"]));
    assert!(serde_json::from_str::<Value>(&json).unwrap()["expires_at"].is_string());
}

#[tokio::test]
async fn a_failure_is_reported_with_its_exit_code() {
    let sandbox = Sandbox::new();
    let _head = cluster(&sandbox).await;
    let nodes = ["inspect", "nodes", "--cluster", "."];
    let cases: [(Option<&str>, &[&str], i32, &str); 6] = [
        (None, &nodes, 1, "set RINGFENCE_TOKEN, or name a file with --token-file"),
        (Some("short"), &nodes, 1, "the token in RINGFENCE_TOKEN: its length is 5"),
        (Some(OTHER_TOKEN), &nodes, 1, "login_refused"),
        (Some(TOKEN), &["inspect", "nodes", "--cluster", "nowhere"], 1, "there is no head in nowhere"),
        (Some(TOKEN), &["inspect", "nodes"], 64, "--cluster"),
        (Some(TOKEN), &["serve", "--directory", "."], 64, "cannot read"),
    ];
    for (token, arguments, code, expected) in cases {
        let output = ringfenced(sandbox.path(), token, arguments);
        let (_, stderr) = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?} should say {expected:?}: {stderr}");
        assert!(!stderr.contains(TOKEN) && !stderr.contains(OTHER_TOKEN), "{stderr}");
    }
    assert!(succeeds(&ringfenced(sandbox.path(), None, &["--help"])).contains("inspect"));
}

#[tokio::test]
async fn an_exported_audit_log_verifies_without_the_cluster_and_a_changed_one_does_not() {
    let sandbox = Sandbox::new();
    let head = cluster(&sandbox).await;
    let export = ringfenced(sandbox.path(), Some(TOKEN), &["audit", "export", "--cluster", "."]);
    let lines = succeeds(&export);
    assert!(lines.lines().count() > 10 && lines.contains("\"put_member\""), "{lines}");
    let file = sandbox.path().join("audit.jsonl");
    std::fs::write(&file, &lines).unwrap();
    let verified = succeeds(&ringfenced(sandbox.path(), None, &["audit", "verify", "audit.jsonl"]));
    assert!(verified.starts_with("rows 1 to "), "{verified}");
    assert!(verified.contains("signatures were not verified"), "{verified}");
    let hash = verified.split("the last hash is ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    // It continues where it ended.
    let bob = UserName::parse("bob").unwrap();
    let put = PutMember { role: MemberRole::DataScientist };
    head.operator().put_member(&ProjectName::parse("fraud").unwrap(), &bob, &put).await.unwrap();
    let rows = lines.lines().filter(|line| !line.starts_with("{\"checkpoint\"")).count();
    let count = rows.to_string();
    let rest = ringfenced(sandbox.path(), Some(TOKEN), &["audit", "export", "--cluster", ".", "--after", &count]);
    std::fs::write(sandbox.path().join("rest.jsonl"), succeeds(&rest)).unwrap();
    let verified = ringfenced(sandbox.path(), None, &["audit", "verify", "rest.jsonl", "--previous", &hash]);
    assert!(succeeds(&verified).starts_with(&format!("rows {} to ", rows + 1)));
    // The end of an export is signed, and the keys verify that.
    let keys = succeeds(&ringfenced(sandbox.path(), Some(TOKEN), &["audit", "keys", "--cluster", "."]));
    std::fs::write(sandbox.path().join("keys.json"), keys).unwrap();
    let verified = ringfenced(sandbox.path(), None, &["audit", "verify", "audit.jsonl", "--keys", "keys.json"]);
    assert!(succeeds(&verified).trim().ends_with(&format!("signed up to row {rows}")), "{verified:?}");
    // Somebody tries to remove their traces.
    std::fs::write(&file, lines.replace("fraud__alice", "fraud__carol")).unwrap();
    let output = ringfenced(sandbox.path(), None, &["audit", "verify", "audit.jsonl"]);
    assert!(!output.status.success());
    assert!(said(&output).1.contains("is not what was written"), "{:?}", said(&output));
}

#[tokio::test]
async fn rotate_waits_until_the_end_even_if_the_root_that_it_trusts_is_erased() {
    let sandbox = Sandbox::new();
    let _head = cluster(&sandbox).await;
    let directory = sandbox.path().to_owned();
    let rotate = move || ringfenced(&directory, Some(TOKEN), &["rotate", "root", "--compromised", "--cluster", "."]);
    let said = succeeds(&tokio::task::spawn_blocking(rotate).await.unwrap());
    for line in [
        "root-1: rotation requested",
        "root-2 is active",
        "projects-2 is active",
        "services-1 is gone",
        "root-1 is gone",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
}
