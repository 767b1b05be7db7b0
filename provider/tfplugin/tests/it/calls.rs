//! Calls as Terraform makes them, where their answers matter and Terraform itself would not show them.

use std::collections::BTreeMap;

use tfplugin_rs::proto::tfplugin6 as pb;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tonic::transport::Channel;

use crate::client::{started, until};

pub(crate) type Client = ProviderClient<Channel>;

/// What a value is in these tests: enough of msgpack to write configurations and read states.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum V {
    Nil,
    Unknown,
    Text(&'static str),
}

/// The attributes of a note, those not named being null.
pub(crate) fn note(set: &[(&str, V)]) -> Option<pb::DynamicValue> {
    const ALL: [&str; 13] = [
        "id",
        "name",
        "text",
        "size",
        "weight",
        "colour",
        "passphrase_wo",
        "tags",
        "sections",
        "marks",
        "rules",
        "care",
        "timeouts",
    ];
    let values: BTreeMap<&str, &V> = set.iter().map(|(name, value)| (*name, value)).collect();
    let mut bytes = vec![0x80 | u8::try_from(ALL.len()).unwrap()];
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.push(0xa0 | u8::try_from(text.len()).unwrap());
        bytes.extend_from_slice(text.as_bytes());
    };
    for name in ALL {
        text(&mut bytes, name);
        match values.get(name).unwrap_or(&&V::Nil) {
            V::Nil => bytes.push(0xc0),
            V::Unknown => bytes.extend_from_slice(&[0xd4, 0, 0]),
            V::Text(value) => text(&mut bytes, value),
        }
    }
    Some(pb::DynamicValue { msgpack: bytes, json: Vec::new() })
}

pub(crate) fn nil() -> Option<pb::DynamicValue> {
    Some(pb::DynamicValue { msgpack: vec![0xc0], json: Vec::new() })
}

/// Whether an encoded state holds `"name": "value"`.
pub(crate) fn holds(state: Option<&pb::DynamicValue>, name: &str, value: &str) -> bool {
    let mut pair = vec![0xa0 | u8::try_from(name.len()).unwrap()];
    pair.extend_from_slice(name.as_bytes());
    pair.push(0xa0 | u8::try_from(value.len()).unwrap());
    pair.extend_from_slice(value.as_bytes());
    state.is_some_and(|state| state.msgpack.windows(pair.len()).any(|window| window == pair))
}

fn is_nil(state: Option<&pb::DynamicValue>) -> bool {
    state.is_some_and(|state| state.msgpack == [0xc0])
}

pub(crate) fn summaries(diagnostics: &[pb::Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
}

pub(crate) async fn configure(client: &mut Client, directory: &str) {
    let json = serde_json::json!({ "directory": directory, "token": null }).to_string().into_bytes();
    let config = Some(pb::DynamicValue { msgpack: Vec::new(), json });
    let request = pb::configure_provider::Request { config, ..Default::default() };
    let answer = client.configure_provider(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics, []);
}

/// Counts notes, as the simplest call that needs a configured provider.
pub(crate) async fn count(client: &mut Client) -> Vec<pb::Diagnostic> {
    let json = br#"{"prefix": null, "number": null}"#.to_vec();
    let config = Some(pb::DynamicValue { msgpack: Vec::new(), json });
    let request = pb::read_data_source::Request { type_name: "note_count".into(), config, ..Default::default() };
    client.read_data_source(request).await.unwrap().into_inner().diagnostics
}

async fn validate(client: &mut Client, config: Option<pb::DynamicValue>, write_only: bool) -> Vec<pb::Diagnostic> {
    let capabilities = pb::ClientCapabilities { write_only_attributes_allowed: write_only, ..Default::default() };
    let request = pb::validate_resource_config::Request {
        type_name: "note_note".into(),
        config,
        client_capabilities: Some(capabilities),
    };
    client.validate_resource_config(request).await.unwrap().into_inner().diagnostics
}

async fn create(client: &mut Client, text: &'static str) -> pb::apply_resource_change::Response {
    let known = [("name", V::Text("n")), ("text", V::Text(text))];
    let planned = [known.as_slice(), &[("id", V::Unknown), ("size", V::Unknown)]].concat();
    let request = pb::apply_resource_change::Request {
        type_name: "note_note".into(),
        prior_state: nil(),
        planned_state: note(&planned),
        config: note(&known),
        ..Default::default()
    };
    client.apply_resource_change(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn the_capabilities_that_core_reads_are_set() {
    let (_running, mut client) = started().await;
    let schema = client.get_provider_schema(pb::get_provider_schema::Request {}).await.unwrap().into_inner();
    let capabilities = schema.server_capabilities.unwrap();
    assert!(capabilities.plan_destroy && capabilities.get_provider_schema_optional && capabilities.move_resource_state);
    assert!(schema.provider.is_some());
}

#[tokio::test]
async fn validation_tolerates_unknowns_and_names_the_attribute() {
    let (_running, mut client) = started().await;
    let unknown = note(&[("name", V::Unknown), ("colour", V::Unknown), ("sections", V::Unknown), ("tags", V::Unknown)]);
    assert_eq!(validate(&mut client, unknown, true).await, []);
    let wrong = note(&[("name", V::Text("a/b")), ("colour", V::Text("blue"))]);
    let said = validate(&mut client, wrong, true).await;
    let mut names: Vec<_> = said
        .iter()
        .filter_map(|diagnostic| match &diagnostic.attribute.as_ref()?.steps[0].selector {
            Some(pb::attribute_path::step::Selector::AttributeName(name)) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["colour", "name"]);
}

#[tokio::test]
async fn a_write_only_value_needs_a_client_that_keeps_it_so() {
    let (_running, mut client) = started().await;
    let config = || note(&[("name", V::Text("n")), ("passphrase_wo", V::Text("p"))]);
    assert_eq!(validate(&mut client, config(), true).await, []);
    assert_eq!(validate(&mut client, config(), false).await.len(), 1);
}

#[tokio::test]
async fn an_unconfigured_provider_says_so() {
    let (_running, mut client) = started().await;
    let answer = create(&mut client, "hello").await;
    assert_eq!(summaries(&answer.diagnostics), ["The provider is not configured"]);
}

#[tokio::test]
async fn an_unknown_type_is_a_diagnostic() {
    let (_running, mut client) = started().await;
    let request = pb::plan_resource_change::Request { type_name: "note_song".into(), ..Default::default() };
    let answer = client.plan_resource_change(request).await.unwrap().into_inner();
    assert_eq!(summaries(&answer.diagnostics), ["There is no resource note_song"]);
}

#[tokio::test]
async fn a_malformed_value_is_a_diagnostic() {
    let (_running, mut client) = started().await;
    let garbage = pb::DynamicValue { msgpack: vec![0xdf, 0xff, 0xff, 0xff, 0xff], json: Vec::new() };
    assert_eq!(validate(&mut client, Some(garbage), true).await.len(), 1);
}

#[tokio::test]
async fn what_exists_is_kept_when_creating_fails() {
    let (_running, mut client) = started().await;
    let directory = tempfile::tempdir().unwrap();
    configure(&mut client, directory.path().to_str().unwrap()).await;
    let answer = create(&mut client, "fail after writing").await;
    assert_eq!(summaries(&answer.diagnostics), ["Failed after writing"]);
    assert!(holds(answer.new_state.as_ref(), "id", "n"));
}

#[tokio::test]
async fn a_panic_is_the_error_of_one_call() {
    let (_running, mut client) = started().await;
    configure(&mut client, "/nowhere").await;
    let answer = create(&mut client, "panic").await;
    assert_eq!(summaries(&answer.diagnostics), ["The provider failed unexpectedly"]);
    assert!(is_nil(answer.new_state.as_ref()), "nothing was made");
    let answer = create(&mut client, "hello").await;
    assert_eq!(summaries(&answer.diagnostics), ["Cannot write the note"], "the provider goes on");
}

#[tokio::test]
async fn stopping_ends_what_runs_and_keeps_what_exists() {
    let (_running, mut client) = started().await;
    let directory = tempfile::tempdir().unwrap();
    configure(&mut client, directory.path().to_str().unwrap()).await;
    let mut other = client.clone();
    let creating = tokio::spawn(async move { create(&mut other, "wait for stop").await });
    until("the creation waits", || directory.path().join("waiting").exists()).await;
    client.stop_provider(pb::stop_provider::Request {}).await.unwrap();
    let answer = creating.await.unwrap();
    assert_eq!(summaries(&answer.diagnostics), ["Stopped while waiting"]);
    assert!(holds(answer.new_state.as_ref(), "id", "n"));
}

#[tokio::test]
async fn a_stored_state_is_fitted_to_the_schema() {
    let (_running, mut client) = started().await;
    let json = br#"{"id": "n", "name": "n", "no_longer_there": {"deep": [1]}, "weight": 0.1}"#.to_vec();
    let request = pb::upgrade_resource_state::Request {
        type_name: "note_note".into(),
        version: 0,
        raw_state: Some(pb::RawState { json, ..Default::default() }),
    };
    let answer = client.upgrade_resource_state(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics, []);
    let state = answer.upgraded_state.unwrap();
    assert!(holds(Some(&state), "weight", "0.1"), "no digit is lost");
    assert!(!state.msgpack.windows(7).any(|window| window == b"no_long"));
}

#[tokio::test]
async fn a_move_that_is_not_known_is_refused() {
    let (_running, mut client) = started().await;
    let request = pb::move_resource_state::Request {
        source_provider_address: "example.com/other/song".into(),
        source_type_name: "song_song".into(),
        source_state: Some(pb::RawState { json: b"{}".to_vec(), ..Default::default() }),
        target_type_name: "note_note".into(),
        ..Default::default()
    };
    let answer = client.move_resource_state(request).await.unwrap().into_inner();
    assert_eq!(summaries(&answer.diagnostics), ["This move is not possible"]);
}

#[tokio::test]
async fn a_function_error_names_its_argument() {
    let (_running, mut client) = started().await;
    let value = |msgpack: &[u8]| pb::DynamicValue { msgpack: msgpack.to_vec(), json: Vec::new() };
    let mut call = async |arguments| {
        let request = pb::call_function::Request { name: "shout".into(), arguments };
        client.call_function(request).await.unwrap().into_inner()
    };
    let fine = call(vec![value(b"\xa2hi"), value(&[2])]).await;
    assert_eq!(fine.result.unwrap().msgpack, b"\xa4HIHI");
    let refused = call(vec![value(&[0xa0]), value(&[0xc0])]).await.error.unwrap();
    assert_eq!(refused.function_argument, Some(0));
    let refused = call(vec![value(b"\xa2hi"), value(&[0xff])]).await.error.unwrap();
    assert_eq!((refused.text.as_str(), refused.function_argument), ("cannot be negative", Some(1)));
}
