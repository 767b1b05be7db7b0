//! Identities, lists and actions, which Terraform 1.11 does not call: the real provider and a real cluster, called as
//! newer versions of Terraform call them.

use std::collections::BTreeSet;

use ringfence_api::authority::route::LIST_CERTIFICATES;
use ringfence_api::certificate::{Certificate, CertificateHolder};
use ringfence_api::token::TokenKeyState;
use ringfence_tests::Setup;
use ringfence_tests::hcl::CLUSTER;
use ringfence_tests::head::connection_of;
use serde_json::{Value, json};
use tfplugin_rs::proto::tfplugin6 as pb;
use tfplugin_rs::proto::tfplugin6::invoke_action::event::Type;

use crate::plugin::{Plugin, holds, said, value};

const MEMBERS: &str = r#"
resource "ringfence_project" "this" {
  for_each = toset(["churn", "fraud"])
  cluster  = ringfence_cluster.main.connection
  name     = each.key
}
resource "ringfence_project_member" "this" {
  for_each = { "alice" = "data_owner", "bob" = "data_scientist" }
  cluster  = ringfence_cluster.main.connection
  project  = ringfence_project.this["fraud"].name
  user     = each.key
  role     = each.value
}
"#;

async fn cluster() -> (Setup, Plugin) {
    let setup = Setup::applied(&[CLUSTER, MEMBERS]).await;
    let plugin = Plugin::for_cluster(&connection_of(&setup.sandbox.path().join("cluster")).unwrap()).await;
    (setup, plugin)
}

async fn import(plugin: &mut Plugin, type_name: &str, identity: &Value) -> pb::import_resource_state::Response {
    let request = pb::import_resource_state::Request {
        type_name: type_name.to_owned(),
        identity: Some(pb::ResourceIdentityData { identity_data: value(identity) }),
        ..Default::default()
    };
    plugin.calls.import_resource_state(request).await.unwrap().into_inner()
}

async fn list(plugin: &mut Plugin, type_name: &str, config: &Value, limit: i64) -> Vec<pb::list_resource::Event> {
    let request = pb::list_resource::Request {
        type_name: type_name.to_owned(),
        config: value(config),
        include_resource_object: true,
        limit,
    };
    let mut stream = plugin.calls.list_resource(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(event) = stream.message().await.unwrap() {
        assert_eq!(said(&event.diagnostic), [""; 0]);
        events.push(event);
    }
    events
}

async fn invoke(plugin: &mut Plugin, action: &str, config: &Value) -> (Vec<String>, Vec<String>) {
    let action_type = action.to_owned();
    let request = pb::invoke_action::Request { action_type, config: value(config), ..Default::default() };
    let mut stream = plugin.calls.invoke_action(request).await.unwrap().into_inner();
    let (mut progress, mut errors) = (Vec::new(), None);
    while let Some(event) = stream.message().await.unwrap() {
        match event.r#type.unwrap() {
            Type::Progress(told) => progress.push(told.message),
            Type::Completed(done) => errors = Some(said(&done.diagnostics)),
        }
    }
    (progress, errors.expect("it completes"))
}

#[tokio::test]
async fn every_resource_has_an_identity_and_is_imported_by_it() {
    let (setup, mut plugin) = cluster().await;
    let schemas = plugin.calls.get_resource_identity_schemas(pb::get_resource_identity_schemas::Request {}).await;
    let with_identity: BTreeSet<String> = schemas.unwrap().into_inner().identity_schemas.into_keys().collect();
    let schema = plugin.calls.get_provider_schema(pb::get_provider_schema::Request {}).await.unwrap().into_inner();
    assert_eq!(with_identity, schema.resource_schemas.into_keys().collect());

    let id = connection_of(&setup.sandbox.path().join("cluster")).unwrap().cluster_id.to_string();
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    for (type_name, identity, name, text) in [
        ("ringfence_cluster", json!({ "directory": directory }), "id", id.as_str()),
        ("ringfence_project", json!({ "name": "fraud" }), "name", "fraud"),
        ("ringfence_project_member", json!({ "project": "fraud", "user": "bob", "cluster_id": id }), "user", "bob"),
        ("ringfence_project_members", json!({ "project": "fraud" }), "project", "fraud"),
    ] {
        let imported = import(&mut plugin, type_name, &identity).await;
        assert_eq!(said(&imported.diagnostics), [""; 0], "{type_name}");
        let imported = &imported.imported_resources[0];
        let request = pb::read_resource::Request {
            type_name: type_name.to_owned(),
            current_state: imported.state.clone(),
            private: imported.private.clone(),
            current_identity: imported.identity.clone(),
            ..Default::default()
        };
        let read = plugin.calls.read_resource(request).await.unwrap().into_inner();
        assert_eq!(said(&read.diagnostics), [""; 0], "{type_name}");
        assert!(holds(read.new_state.as_ref(), name, text), "{type_name}");
        let identity = read.new_identity.and_then(|identity| identity.identity_data);
        assert!(identity.is_some(), "{type_name}");
        if type_name != "ringfence_cluster" {
            assert!(holds(identity.as_ref(), "cluster_id", &id), "{type_name} tells whose it is");
        }
    }
    let other = json!({ "name": "fraud", "cluster_id": "00000000-0000-4000-8000-000000000000" });
    let refused = import(&mut plugin, "ringfence_project", &other).await;
    assert!(
        said(&refused.diagnostics)[0].starts_with("The identity is of another cluster"),
        "{:?}",
        refused.diagnostics
    );
}

#[tokio::test]
async fn projects_and_members_are_listed_completely_and_within_the_limit() {
    let (_setup, mut plugin) = cluster().await;
    let names = |events: &[pb::list_resource::Event]| -> Vec<String> {
        events.iter().map(|event| event.display_name.clone()).collect()
    };
    let projects = list(&mut plugin, "ringfence_project", &json!({}), 0).await;
    assert_eq!(names(&projects), ["churn", "fraud"]);
    let members = list(&mut plugin, "ringfence_project_member", &json!({}), 0).await;
    assert_eq!(names(&members), ["fraud__alice", "fraud__bob"]);
    assert!(holds(members[1].resource_object.as_ref(), "role", "data_scientist"));
    let identity = members[1].identity.as_ref().and_then(|identity| identity.identity_data.as_ref());
    assert!(holds(identity, "user", "bob"));
    assert_eq!(names(&list(&mut plugin, "ringfence_project_member", &json!({}), 1).await), ["fraud__alice"]);
    assert_eq!(list(&mut plugin, "ringfence_project_member", &json!({ "project": "churn" }), 0).await.len(), 0);
}

#[tokio::test]
async fn rotating_a_node_replaces_everything_it_holds_and_nothing_else() {
    let (setup, mut plugin) = cluster().await;
    let operator = setup.operator();
    let live = async || -> Vec<Certificate> {
        let all: Vec<Certificate> = operator.list(&LIST_CERTIFICATES, "").await.unwrap();
        let held = all.into_iter().filter(|one| one.holder == CertificateHolder::Agent && one.revoked_at.is_none());
        held.collect()
    };
    let serials = |all: &[Certificate], node: &str| -> BTreeSet<String> {
        let of_node = all.iter().filter(|one| one.node.as_deref() == Some(node));
        of_node.map(|one| one.serial.clone()).collect()
    };
    let before = live().await;
    let (progress, errors) =
        invoke(&mut plugin, "ringfence_rotate_node_certificates", &json!({ "node": "workers-0" })).await;
    assert_eq!(errors, [""; 0]);
    assert!(progress.iter().any(|told| told.contains("Replaced the certificate of the node")), "{progress:?}");
    let after = live().await;
    assert!(serials(&before, "workers-0").is_disjoint(&serials(&after, "workers-0")));
    assert_eq!(serials(&before, "head"), serials(&after, "head"));
    let (_, errors) = invoke(&mut plugin, "ringfence_rotate_node_certificates", &json!({ "node": "nowhere-7" })).await;
    assert!(errors[0].contains("nowhere-7"), "{errors:?}");
}

#[tokio::test]
async fn token_keys_and_crls_are_renewed_on_request() {
    let (setup, mut plugin) = cluster().await;
    let active = async || {
        let keys = setup.operator().token_keys().await.unwrap();
        keys.into_iter().find(|key| key.state == TokenKeyState::Active).expect("one key signs").kid
    };
    let before = active().await;
    let (progress, errors) = invoke(&mut plugin, "ringfence_rotate_token_keys", &json!({})).await;
    assert_eq!(errors, [""; 0]);
    assert!(progress.iter().any(|told| *told == format!("Key {before} is retired")), "{progress:?}");
    assert_ne!(active().await, before);

    let (progress, errors) = invoke(&mut plugin, "ringfence_publish_crls", &json!({})).await;
    assert_eq!(errors, [""; 0]);
    assert!(progress.iter().all(|told| told.starts_with("CRL number ")) && progress.len() >= 2, "{progress:?}");
}

#[tokio::test]
async fn a_provider_without_state_stores_reports_them_as_not_implemented() {
    let mut plugin = Plugin::start().await;
    let refused = plugin.calls.get_states(pb::get_states::Request::default()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
}
