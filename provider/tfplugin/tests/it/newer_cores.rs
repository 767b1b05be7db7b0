//! Calls that Terraform 1.11 does not make: identities, lists, actions, generated configurations, deferral, state
//! stores.

use tfplugin_rs::proto::tfplugin6 as pb;
use tfplugin_rs::proto::tfplugin6::invoke_action::event::Type;

use crate::calls::{Client, V, configure, holds, nil, note, summaries};
use crate::client::started;

/// A provider that keeps its notes in a directory of its own.
async fn with_notes(names: &[&str]) -> (crate::client::Running, Client, tempfile::TempDir) {
    let (running, mut client) = started().await;
    let directory = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::write(directory.path().join(name), "hello").unwrap();
    }
    configure(&mut client, directory.path().to_str().unwrap()).await;
    (running, client, directory)
}

fn json(value: &serde_json::Value) -> Option<pb::DynamicValue> {
    Some(pb::DynamicValue { msgpack: Vec::new(), json: value.to_string().into_bytes() })
}

fn identity(name: &str) -> pb::ResourceIdentityData {
    pb::ResourceIdentityData { identity_data: json(&serde_json::json!({ "name": name })) }
}

/// The name in an identity.
fn is_of(identity: Option<&pb::ResourceIdentityData>, name: &str) -> bool {
    holds(identity.and_then(|identity| identity.identity_data.as_ref()), "name", name)
}

fn deferring() -> Option<pb::ClientCapabilities> {
    Some(pb::ClientCapabilities { deferral_allowed: true, ..Default::default() })
}

fn reason(deferred: Option<pb::Deferred>) -> Option<pb::deferred::Reason> {
    deferred.map(|deferred| deferred.reason())
}

// ---- identities ---------------------------------------------------------------------------------

#[tokio::test]
async fn the_identity_schema_says_what_an_import_needs() {
    let (_running, mut client) = started().await;
    let request = pb::get_resource_identity_schemas::Request {};
    let answer = client.get_resource_identity_schemas(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics, []);
    let schema = &answer.identity_schemas["note_note"];
    let [name] = &schema.identity_attributes[..] else { panic!("one attribute") };
    assert!(name.name == "name" && name.required_for_import && !name.optional_for_import);
    assert_eq!(name.r#type, b"\"string\"");
}

#[tokio::test]
async fn an_object_has_its_identity_from_plan_to_read() {
    let (_running, mut client, _directory) = with_notes(&[]).await;
    let config = note(&[("name", V::Text("n")), ("text", V::Text("t"))]);
    let request = pb::plan_resource_change::Request {
        type_name: "note_note".into(),
        prior_state: nil(),
        proposed_new_state: config.clone(),
        config: config.clone(),
        ..Default::default()
    };
    let planned = client.plan_resource_change(request).await.unwrap().into_inner();
    assert!(is_of(planned.planned_identity.as_ref(), "n"), "it is known when its name is");

    let request = pb::apply_resource_change::Request {
        type_name: "note_note".into(),
        prior_state: nil(),
        planned_state: planned.planned_state,
        config,
        planned_identity: planned.planned_identity,
        ..Default::default()
    };
    let applied = client.apply_resource_change(request).await.unwrap().into_inner();
    assert_eq!(applied.diagnostics, []);
    assert!(is_of(applied.new_identity.as_ref(), "n"));

    let request = pb::read_resource::Request {
        type_name: "note_note".into(),
        current_state: applied.new_state.clone(),
        current_identity: applied.new_identity,
        ..Default::default()
    };
    let read = client.read_resource(request).await.unwrap().into_inner();
    assert!(read.diagnostics.is_empty() && is_of(read.new_identity.as_ref(), "n"));
}

#[tokio::test]
async fn an_identity_that_changes_is_an_error_and_the_old_one_stays() {
    let (_running, mut client, _directory) = with_notes(&["n"]).await;
    let request = pb::read_resource::Request {
        type_name: "note_note".into(),
        current_state: note(&[("id", V::Text("n")), ("name", V::Text("n"))]),
        current_identity: Some(identity("other")),
        ..Default::default()
    };
    let read = client.read_resource(request).await.unwrap().into_inner();
    assert_eq!(summaries(&read.diagnostics), ["The identity has changed"]);
    assert_eq!(read.new_identity, Some(identity("other")));
}

#[tokio::test]
async fn an_identity_is_enough_to_import() {
    let (_running, mut client, _directory) = with_notes(&["n"]).await;
    let request = pb::import_resource_state::Request {
        type_name: "note_note".into(),
        identity: Some(identity("n")),
        ..Default::default()
    };
    let answer = client.import_resource_state(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics, []);
    assert!(holds(answer.imported_resources[0].state.as_ref(), "id", "n"));
}

#[tokio::test]
async fn an_older_identity_is_fitted() {
    let (_running, mut client) = started().await;
    let request = pb::upgrade_resource_identity::Request {
        type_name: "note_note".into(),
        version: 0,
        raw_identity: Some(pb::RawState { json: br#"{"name": "n", "gone": 1}"#.to_vec(), ..Default::default() }),
    };
    let answer = client.upgrade_resource_identity(request).await.unwrap().into_inner();
    assert!(answer.diagnostics.is_empty() && is_of(answer.upgraded_identity.as_ref(), "n"));
}

// ---- lists --------------------------------------------------------------------------------------

async fn list(client: &mut Client, limit: i64, whole: bool) -> Vec<pb::list_resource::Event> {
    let request = pb::list_resource::Request {
        type_name: "note_note".into(),
        config: json(&serde_json::json!({ "prefix": null })),
        include_resource_object: whole,
        limit,
    };
    let mut stream = client.list_resource(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(event) = stream.message().await.unwrap() {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn a_list_names_what_there_is_and_shows_it_only_when_asked() {
    let (_running, mut client, _directory) = with_notes(&["a", "b"]).await;
    let events = list(&mut client, 0, false).await;
    let names: Vec<_> = events.iter().map(|event| event.display_name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(is_of(events[0].identity.as_ref(), "a"));
    assert!(events.iter().all(|event| event.resource_object.is_none() && event.diagnostic.is_empty()));
    let events = list(&mut client, 0, true).await;
    assert!(holds(events[1].resource_object.as_ref(), "name", "b"));
}

#[tokio::test]
async fn a_list_ends_at_its_limit() {
    let (_running, mut client, _directory) = with_notes(&["a", "b", "c", "unreadable"]).await;
    assert_eq!(list(&mut client, 2, false).await.len(), 2);
}

#[tokio::test]
async fn a_failure_comes_after_what_was_found() {
    let (_running, mut client, _directory) = with_notes(&["a", "unreadable"]).await;
    let events = list(&mut client, 0, false).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].display_name, "a");
    assert_eq!(summaries(&events[1].diagnostic), ["A note cannot be read"]);
}

#[tokio::test]
async fn a_list_that_nobody_reads_ends() {
    let names: Vec<String> = (0..500).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_running, mut client, _directory) = with_notes(&names).await;
    let request = pb::list_resource::Request {
        type_name: "note_note".into(),
        config: json(&serde_json::json!({ "prefix": null })),
        ..Default::default()
    };
    let mut stream = client.list_resource(request).await.unwrap().into_inner();
    stream.message().await.unwrap();
    drop(stream);
    assert_eq!(list(&mut client, 3, false).await.len(), 3, "the provider goes on");
}

#[tokio::test]
async fn a_list_is_validated() {
    let (_running, mut client) = started().await;
    let request = pb::validate_list_resource_config::Request {
        type_name: "note_note".into(),
        config: json(&serde_json::json!({ "prefix": "" })),
        ..Default::default()
    };
    let answer = client.validate_list_resource_config(request).await.unwrap().into_inner();
    assert_eq!(summaries(&answer.diagnostics), ["Invalid value"]);
}

// ---- actions ------------------------------------------------------------------------------------

async fn invoke(client: &mut Client, name: &str) -> (Vec<String>, Vec<pb::Diagnostic>) {
    let request = pb::invoke_action::Request {
        action_type: "note_rewrite".into(),
        config: json(&serde_json::json!({ "name": name })),
        ..Default::default()
    };
    let mut stream = client.invoke_action(request).await.unwrap().into_inner();
    let mut progress = Vec::new();
    let mut completed = None;
    while let Some(event) = stream.message().await.unwrap() {
        assert!(completed.is_none(), "nothing comes after the end");
        match event.r#type.unwrap() {
            Type::Progress(told) => progress.push(told.message),
            Type::Completed(done) => completed = Some(done.diagnostics),
        }
    }
    (progress, completed.expect("it completes"))
}

#[tokio::test]
async fn an_action_tells_how_far_it_is_and_how_it_ended() {
    let (_running, mut client, _directory) = with_notes(&["n"]).await;
    assert_eq!(invoke(&mut client, "n").await, (vec!["reading".to_owned(), "writing".to_owned()], Vec::new()));
    let (progress, said) = invoke(&mut client, "missing").await;
    assert_eq!(progress, ["reading"]);
    assert_eq!(summaries(&said), ["Cannot read the note"]);
}

#[tokio::test]
async fn an_action_is_validated_and_planned() {
    let (_running, mut client, _directory) = with_notes(&[]).await;
    let request = pb::validate_action_config::Request {
        type_name: "note_rewrite".into(),
        config: json(&serde_json::json!({ "name": "" })),
    };
    let answer = client.validate_action_config(request).await.unwrap().into_inner();
    assert_eq!(summaries(&answer.diagnostics), ["Invalid value"]);

    let mut unknown = vec![0x81, 0xa4];
    unknown.extend_from_slice(b"name");
    unknown.extend_from_slice(&[0xd4, 0, 0]);
    let config = Some(pb::DynamicValue { msgpack: unknown, json: Vec::new() });
    for (client_capabilities, expected) in
        [(None, None), (deferring(), Some(pb::deferred::Reason::ResourceConfigUnknown))]
    {
        let request = pb::plan_action::Request {
            action_type: "note_rewrite".into(),
            config: config.clone(),
            client_capabilities,
        };
        let answer = client.plan_action(request).await.unwrap().into_inner();
        assert_eq!((answer.diagnostics, reason(answer.deferred)), (Vec::new(), expected));
    }
}

// ---- generated configurations -------------------------------------------------------------------

#[tokio::test]
async fn a_generated_configuration_holds_what_a_user_would_write() {
    let (_running, mut client) = started().await;
    let state = [("id", V::Text("n")), ("name", V::Text("n")), ("text", V::Text("")), ("colour", V::Text("red"))];
    let request = pb::generate_resource_config::Request { type_name: "note_note".into(), state: note(&state) };
    let answer = client.generate_resource_config(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics, []);
    let config = answer.config.as_ref();
    assert!(holds(config, "name", "n") && holds(config, "colour", "red"));
    assert!(!holds(config, "id", "n") && !holds(config, "text", ""), "computed and default values are left out");
}

// ---- deferral -----------------------------------------------------------------------------------

async fn plan(
    client: &mut Client,
    name: V,
    client_capabilities: Option<pb::ClientCapabilities>,
) -> pb::plan_resource_change::Response {
    let config = note(&[("name", name)]);
    let request = pb::plan_resource_change::Request {
        type_name: "note_note".into(),
        prior_state: nil(),
        proposed_new_state: config.clone(),
        config,
        client_capabilities,
        ..Default::default()
    };
    client.plan_resource_change(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_plan_is_deferred_only_for_a_client_that_accepts_it() {
    let (_running, mut client, _directory) = with_notes(&[]).await;
    let answer = plan(&mut client, V::Unknown, deferring()).await;
    assert_eq!(reason(answer.deferred), Some(pb::deferred::Reason::ResourceConfigUnknown));
    assert!(answer.planned_state.is_some() && answer.diagnostics.is_empty());
    assert_eq!(reason(plan(&mut client, V::Unknown, None).await.deferred), None);
    assert_eq!(reason(plan(&mut client, V::Text("n"), deferring()).await.deferred), None);
}

// ---- state stores -------------------------------------------------------------------------------

async fn write_state(client: &mut Client, state: &[u8], total: usize) -> Vec<pb::Diagnostic> {
    let meta = pb::RequestChunkMeta { type_name: "note_store".into(), state_id: "default".into() };
    let mut start = 0;
    let chunks: Vec<_> = state
        .chunks(4)
        .enumerate()
        .map(|(index, bytes)| {
            let range = pb::StateRange { start, end: start + i64::try_from(bytes.len()).unwrap() - 1 };
            start = range.end + 1;
            pb::write_state_bytes::RequestChunk {
                meta: (index == 0).then(|| meta.clone()),
                bytes: bytes.to_vec(),
                total_length: i64::try_from(total).unwrap(),
                range: Some(range),
            }
        })
        .collect();
    client.write_state_bytes(tokio_stream::iter(chunks)).await.unwrap().into_inner().diagnostics
}

async fn read_state(client: &mut Client) -> (Vec<u8>, usize) {
    let request = pb::read_state_bytes::Request { type_name: "note_store".into(), state_id: "default".into() };
    let mut stream = client.read_state_bytes(request).await.unwrap().into_inner();
    let (mut state, mut pieces) = (Vec::new(), 0);
    while let Some(piece) = stream.message().await.unwrap() {
        assert_eq!(piece.diagnostics, []);
        state.extend(piece.bytes);
        pieces += 1;
    }
    (state, pieces)
}

#[tokio::test]
async fn a_state_store_keeps_states_in_the_pieces_that_were_agreed() {
    let (_running, mut client, _directory) = with_notes(&[]).await;
    let request = pb::configure_state_store::Request {
        type_name: "note_store".into(),
        config: json(&serde_json::json!({ "folder": ".states" })),
        capabilities: Some(pb::StateStoreClientCapabilities { chunk_size: 4 }),
    };
    let answer = client.configure_state_store(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics, []);
    assert_eq!(answer.capabilities.unwrap().chunk_size, 4);

    assert_eq!(read_state(&mut client).await, (Vec::new(), 1), "a state that does not exist is empty");
    assert_eq!(write_state(&mut client, b"0123456789", 10).await, []);
    assert_eq!(read_state(&mut client).await, (b"0123456789".to_vec(), 3));
    let said = write_state(&mut client, b"01234567", 10).await;
    assert_eq!(summaries(&said), ["The state did not arrive whole"]);
    assert_eq!(read_state(&mut client).await.0, b"0123456789", "nothing was written");

    let request = pb::get_states::Request { type_name: "note_store".into() };
    assert_eq!(client.get_states(request).await.unwrap().into_inner().state_id, ["default"]);

    let lock = || pb::lock_state::Request {
        type_name: "note_store".into(),
        state_id: "default".into(),
        operation: "plan".into(),
    };
    let locked = client.lock_state(lock()).await.unwrap().into_inner();
    assert_eq!((locked.lock_id.as_str(), locked.diagnostics), ("lock for plan", Vec::new()));
    let refused = client.lock_state(lock()).await.unwrap().into_inner();
    assert_eq!(summaries(&refused.diagnostics), ["The state default is locked"]);
    let request = pb::unlock_state::Request {
        type_name: "note_store".into(),
        state_id: "default".into(),
        lock_id: locked.lock_id,
    };
    assert_eq!(client.unlock_state(request).await.unwrap().into_inner().diagnostics, []);

    let request = pb::delete_state::Request { type_name: "note_store".into(), state_id: "default".into() };
    assert_eq!(client.delete_state(request).await.unwrap().into_inner().diagnostics, []);
    assert_eq!(read_state(&mut client).await.0, b"");
}

#[tokio::test]
async fn metadata_names_everything() {
    let (_running, mut client) = started().await;
    let all = client.get_metadata(pb::get_metadata::Request {}).await.unwrap().into_inner();
    assert!(all.server_capabilities.unwrap().generate_resource_config);
    assert_eq!(all.list_resources[0].type_name, "note_note");
    assert_eq!(all.actions[0].type_name, "note_rewrite");
    assert_eq!(all.state_stores[0].type_name, "note_store");
    assert_eq!(all.functions.len(), 2);
    let schema = client.get_provider_schema(pb::get_provider_schema::Request {}).await.unwrap().into_inner();
    assert!(schema.action_schemas["note_rewrite"].schema.is_some() && schema.provider_meta.is_some());
}
