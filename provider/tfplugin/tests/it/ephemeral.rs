//! Ephemeral resources as Terraform calls them, and under a real Terraform.

use std::io::Read;
use std::path::Path;

use tfplugin_rs::proto::plugin::Empty;
use tfplugin_rs::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tfplugin_rs::proto::tfplugin6 as pb;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tonic::transport::Channel;

use crate::calls::{configure, holds, summaries};
use crate::client::{Identity, Running, command, connect, start, started};
use crate::workspace::Workspace;

type Client = ProviderClient<Channel>;

const KEY: &str = "note_key";

/// A configured provider and the directory of its notes.
async fn configured() -> (Running, Client, tempfile::TempDir) {
    let (running, mut client) = started().await;
    let directory = tempfile::tempdir().unwrap();
    configure(&mut client, directory.path().to_str().unwrap()).await;
    (running, client, directory)
}

async fn open(client: &mut Client, name: &str, lease_ms: Option<u32>) -> pb::open_ephemeral_resource::Response {
    let json = serde_json::json!({ "name": name, "lease_ms": lease_ms, "key": null }).to_string().into_bytes();
    let config = Some(pb::DynamicValue { msgpack: Vec::new(), json });
    let request = pb::open_ephemeral_resource::Request { type_name: KEY.into(), config, ..Default::default() };
    client.open_ephemeral_resource(request).await.unwrap().into_inner()
}

async fn renew(client: &mut Client, private: Option<Vec<u8>>) -> pb::renew_ephemeral_resource::Response {
    let request = pb::renew_ephemeral_resource::Request { type_name: KEY.into(), private };
    client.renew_ephemeral_resource(request).await.unwrap().into_inner()
}

async fn close(client: &mut Client, private: Option<Vec<u8>>) -> Vec<pb::Diagnostic> {
    let request = pb::close_ephemeral_resource::Request { type_name: KEY.into(), private };
    client.close_ephemeral_resource(request).await.unwrap().into_inner().diagnostics
}

async fn validate(client: &mut Client, msgpack: &[u8]) -> Vec<pb::Diagnostic> {
    let config = Some(pb::DynamicValue { msgpack: msgpack.to_vec(), json: Vec::new() });
    let request = pb::validate_ephemeral_resource_config::Request { type_name: KEY.into(), config };
    client.validate_ephemeral_resource_config(request).await.unwrap().into_inner().diagnostics
}

/// What happened to keys, in order.
fn journal(directory: &Path) -> Vec<String> {
    let journal = std::fs::read_to_string(directory.join(".journal")).unwrap_or_default();
    journal.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_key_is_opened_renewed_and_closed() {
    let (_running, mut client, directory) = configured().await;
    let opened = open(&mut client, "k", Some(60_000)).await;
    assert_eq!(opened.diagnostics, []);
    assert!(holds(opened.result.as_ref(), "key", "key-of-k") && holds(opened.result.as_ref(), "name", "k"));
    let first = opened.renew_at.unwrap();
    let renewed = renew(&mut client, opened.private.clone()).await;
    assert_eq!(renewed.diagnostics, []);
    let second = renewed.renew_at.unwrap();
    assert!((second.seconds, second.nanos) > (first.seconds, first.nanos));
    assert_ne!(renewed.private, opened.private);
    assert_eq!(close(&mut client, renewed.private).await, []);
    assert_eq!(journal(directory.path()), ["opened k", "renewed k", "closed k"]);
}

#[tokio::test]
async fn what_lasts_is_never_renewed() {
    let (_running, mut client, _directory) = configured().await;
    assert_eq!(open(&mut client, "k", None).await.renew_at, None);
}

#[tokio::test]
async fn its_schema_is_listed() {
    let (_running, mut client) = started().await;
    let schema = client.get_provider_schema(pb::get_provider_schema::Request {}).await.unwrap().into_inner();
    let attributes = &schema.ephemeral_resource_schemas[KEY].block.as_ref().unwrap().attributes;
    assert!(attributes.iter().any(|attribute| attribute.name == "key" && attribute.sensitive && attribute.computed));
    let metadata = client.get_metadata(pb::get_metadata::Request {}).await.unwrap().into_inner();
    assert_eq!(metadata.ephemeral_resources[0].type_name, KEY);
}

#[tokio::test]
async fn validation_tolerates_unknowns_and_needs_no_configuration() {
    let (_running, mut client) = started().await;
    let unknown = b"\x83\xa4name\xd4\x00\x00\xa8lease_ms\xd4\x00\x00\xa3key\xc0";
    assert_eq!(validate(&mut client, unknown).await, []);
    let by_attribute = b"\x83\xa4name\xa0\xa8lease_ms\x00\xa3key\xc0";
    assert_eq!(validate(&mut client, by_attribute).await.len(), 2);
    let across = b"\x83\xa4name\xa6nobody\xa8lease_ms\xc0\xa3key\xc0";
    assert_eq!(summaries(&validate(&mut client, across).await), ["Nobody has a key"]);
}

#[tokio::test]
async fn every_failure_is_a_diagnostic() {
    let (_running, mut client) = started().await;
    assert_eq!(summaries(&open(&mut client, "k", None).await.diagnostics), ["The provider is not configured"]);
    let (_running, mut client, directory) = configured().await;
    let refused = open(&mut client, "locked out", None).await;
    assert_eq!(summaries(&refused.diagnostics), ["The lock is broken"]);
    assert!(refused.result.is_none() && refused.private.is_none() && refused.renew_at.is_none());
    let opened = open(&mut client, "expired", Some(1)).await;
    let expired = renew(&mut client, opened.private.clone()).await;
    assert_eq!(summaries(&expired.diagnostics), ["The key has expired"]);
    assert_eq!((expired.private, expired.renew_at), (opened.private, None));
    for foreign in [None, Some(b"{}".to_vec())] {
        assert_eq!(summaries(&close(&mut client, foreign).await), ["The private value cannot be read"]);
    }
    let request = pb::close_ephemeral_resource::Request { type_name: "note_lock".into(), private: None };
    let answer = client.close_ephemeral_resource(request).await.unwrap().into_inner();
    assert_eq!(summaries(&answer.diagnostics), ["There is no ephemeral resource note_lock"]);
    assert_eq!(journal(directory.path()), ["opened expired"]);
}

#[tokio::test]
async fn what_was_opened_is_closed_when_its_result_is_refused() {
    let (_running, mut client, directory) = configured().await;
    let opened = open(&mut client, "forgotten", None).await;
    assert_eq!(summaries(&opened.diagnostics), ["Provider left a value unknown"]);
    assert_eq!(journal(directory.path()), ["opened forgotten", "closed forgotten"]);
}

#[tokio::test]
async fn a_stop_does_not_keep_it_from_closing() {
    let (_running, mut client, directory) = configured().await;
    let opened = open(&mut client, "k", None).await;
    client.stop_provider(pb::stop_provider::Request {}).await.unwrap();
    assert_eq!(close(&mut client, opened.private).await, []);
    assert_eq!(journal(directory.path()), ["opened k", "closed k"]);
}

#[tokio::test]
async fn neither_log_nor_debug_output_shows_a_key() {
    let identity = Identity::new();
    let mut command = command();
    command.env("TF_LOG", "trace");
    let mut running = start(command, Some(&identity));
    let channel = connect(&running.handshake, Some(&identity)).await.unwrap();
    let mut client = ProviderClient::new(channel.clone());
    let directory = tempfile::tempdir().unwrap();
    configure(&mut client, directory.path().to_str().unwrap()).await;
    let opened = open(&mut client, "k", Some(60_000)).await;
    let private = opened.private.clone().unwrap();
    assert!(private.windows(8).any(|window| window == b"key-of-k"), "this test would see nothing");
    let renewed = renew(&mut client, Some(private.clone())).await;
    close(&mut client, Some(private.clone())).await;
    close(&mut client, Some([b"broken ".as_slice(), &private].concat())).await;
    let bytes = format!("{:?}", b"key-of-k");
    for shown in [format!("{opened:?}"), format!("{renewed:?}")] {
        assert!(!shown.contains("key-of-k") && !shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
    }
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    let mut log = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("configured") && !log.contains("key-of-k"), "{log}");
}

/// A note that is locked with a key, and one of a provider that signs in with it.
const LOCKED: &str = r#"
    ephemeral "note_key" "k" {
      name     = "k"
      lease_ms = LEASE
    }
    resource "note_note" "a" {
      name          = "a"
      text          = "TEXT"
      passphrase_wo = ephemeral.note_key.k.key
    }
    provider "note" {
      alias     = "signed"
      directory = "NOTES"
      token     = ephemeral.note_key.k.key
    }
    resource "note_note" "b" {
      provider   = note.signed
      name       = "b"
      depends_on = [note_note.a]
    }
"#;

fn locked(workspace: &Workspace, lease: &str, text: &str) -> String {
    let notes = workspace.notes().display().to_string();
    LOCKED.replace("LEASE", lease).replace("TEXT", text).replace("NOTES", &notes)
}

#[test]
fn an_ephemeral_value_is_used_then_closed_and_stored_nowhere() {
    let workspace = Workspace::new();
    workspace.configure(&locked(&workspace, "null", "hello"));
    workspace.ok(&["plan", "-out=plan"]);
    assert_eq!(journal(&workspace.notes()), ["opened k", "signed in with 8 characters", "closed k"], "while planning");
    std::fs::remove_file(workspace.notes().join(".journal")).unwrap();
    workspace.ok(&["apply", "plan"]);
    let mut happened = journal(&workspace.notes());
    assert_eq!(happened.pop().as_deref(), Some("closed k"), "after all use");
    assert_eq!(happened.remove(0), "opened k");
    happened.sort_unstable();
    assert_eq!(happened, ["locked with 8 characters", "signed in with 8 characters"]);
    let plan = workspace.ok(&["show", "-json", "plan"]);
    let state = std::fs::read_to_string(workspace.work().join("terraform.tfstate")).unwrap();
    assert!(state.contains("note_note"), "{state}");
    for kept in [plan, state] {
        assert!(!kept.contains("key-of-k"), "{kept}");
    }
    workspace.nothing_to_do();
}

#[test]
fn a_key_is_renewed_while_it_is_used() {
    let workspace = Workspace::new();
    workspace.configure(&locked(&workspace, "20", "wait for renewal"));
    workspace.ok(&["apply", "-auto-approve"]);
    let happened = journal(&workspace.notes());
    assert!(happened.contains(&"renewed k".to_owned()), "{happened:?}");
    assert_eq!(happened.last().map(String::as_str), Some("closed k"), "{happened:?}");
}

#[tokio::test]
async fn what_terraform_leaves_open_is_closed_when_it_goes_away() {
    let identity = Identity::new();
    let mut running = start(command(), Some(&identity));
    let channel = connect(&running.handshake, Some(&identity)).await.unwrap();
    let mut client = ProviderClient::new(channel.clone());
    let directory = tempfile::tempdir().unwrap();
    configure(&mut client, directory.path().to_str().unwrap()).await;
    let closed = open(&mut client, "closed", None).await;
    open(&mut client, "left", None).await;
    assert_eq!(close(&mut client, closed.private).await, []);
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    drop(client);
    assert!(running.child.wait().unwrap().success());
    assert_eq!(journal(directory.path()), ["opened closed", "opened left", "closed closed", "closed left"]);
}
