//! Projects, members and the cluster's declaration: what a put does once, and does not do again.

use std::collections::BTreeSet;
use std::time::Duration;

use ringfence_api::ProblemCode;
use ringfence_api::cluster::{AuthoritySettings, Cluster};
use ringfence_pki::CertificateFacts;
use serde_json::{Value, json};

use super::https::Pem;
use super::world::{SOON, World};
use crate::nodes::{declared, ready};

const PROJECT: &str = "/v1/projects/fraud";
const MEMBER: &str = "/v1/projects/fraud/members/alice";

#[tokio::test]
async fn what_is_put_is_what_is_read_and_listed() {
    let world = World::new().await;
    let put = world.operator.call("PUT", PROJECT, &json!({ "description": "Fälle, 調査" })).await.served();
    assert_eq!((&put["name"], &put["description"]), (&json!("fraud"), &json!("Fälle, 調査")));
    assert_eq!(world.operator.get(PROJECT).await.served(), put);
    assert_eq!(world.operator.get("/v1/projects").await.served(), json!([put]));
    let member = world.operator.call("PUT", MEMBER, &json!({ "role": "data_owner" })).await.served();
    assert_eq!((&member["project_user"], &member["role"]), (&json!("fraud__alice"), &json!("data_owner")));
    assert_eq!(world.operator.get(MEMBER).await.served(), member);
    assert_eq!(world.operator.get("/v1/projects/fraud/members").await.served(), json!([member]));
    world.operator.call("DELETE", MEMBER, &Value::Null).await.served();
    world.operator.get(MEMBER).await.refused(ProblemCode::NotFound);
    assert_eq!(world.operator.get("/v1/projects/fraud/members").await.served(), json!([]));
    world.operator.call("DELETE", PROJECT, &Value::Null).await.served();
    world.operator.get(PROJECT).await.refused(ProblemCode::NotFound);
    assert_eq!(world.operator.get("/v1/projects").await.served(), json!([]));
}

#[tokio::test]
async fn credentials_are_the_members_certificate_and_its_key() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let credentials = world.credentials("fraud", "alice").await;
    let facts = CertificateFacts::read(&Pem::from(&credentials).leaf()).unwrap();
    assert_eq!(facts.common_name, "fraud__alice");
    assert_eq!(facts.serial.to_string(), credentials.serial);
    assert_eq!(facts.not_after, credentials.not_after);
    let key = ringfence_pki::PrivateKey::from_pem(&credentials.private_key).unwrap();
    assert_eq!(facts.public_key, key.public());
    // Reading twice makes nothing new.
    assert_eq!(world.credentials("fraud", "alice").await.private_key, credentials.private_key);
}

#[tokio::test]
async fn the_same_put_twice_gives_the_same_answer_and_no_second_audit_row() {
    let world = World::new().await;
    for (path, body) in [(PROJECT, json!({ "description": "x" })), (MEMBER, json!({ "role": "data_scientist" }))] {
        let first = world.operator.call("PUT", path, &body).await.served();
        let before = world.audit().await;
        let second = world.operator.call("PUT", path, &body).await.served();
        assert_eq!(first, second);
        assert_eq!(world.audit().await, before);
    }
    let serial = world.credentials("fraud", "alice").await.serial;
    world.operator.call("PUT", MEMBER, &json!({ "role": "data_scientist" })).await.served();
    assert_eq!(world.credentials("fraud", "alice").await.serial, serial);
}

/// The cluster without what passes by itself.
fn still(mut cluster: Cluster) -> Cluster {
    cluster.nodes.iter_mut().for_each(|node| node.reported_at = None);
    cluster
}

#[tokio::test]
async fn the_same_declaration_twice_gives_the_same_cluster_and_no_second_audit_row() {
    let world = World::with_nodes().await;
    let (first, before) = (still(ready(&world.client, 2).await), world.audit().await);
    for _ in 0..3 {
        let again = world.client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
        assert_eq!(still(again), first);
    }
    assert_eq!(world.audit().await, before);
    let sagas = world.operator.get("/v1/sagas").await.served();
    let subjects: BTreeSet<&str> =
        sagas.as_array().unwrap().iter().map(|saga| saga["subject"].as_str().unwrap()).collect();
    assert_eq!((sagas.as_array().unwrap().len(), subjects), (2, ["head", "workers-0"].into()));
    assert!(sagas.as_array().unwrap().iter().all(|saga| saga["state"] == "done"), "{sagas}");
}

#[tokio::test]
async fn concurrent_puts_of_the_same_member_create_one() {
    let world = World::new().await;
    world.people("fraud", &[]).await;
    let puts: Vec<_> = (0..16)
        .map(|_| {
            let operator = world.operator.clone();
            tokio::spawn(async move { operator.call("PUT", MEMBER, &json!({ "role": "data_owner" })).await.served() })
        })
        .collect();
    let mut answers = BTreeSet::new();
    for put in puts {
        answers.insert(put.await.unwrap().to_string());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    let rows = world.done_by_operator().await.into_iter().filter(|(action, _)| action == "put_member");
    assert_eq!(rows.count(), 1);
    let issued = world.operator.get("/v1/certificates?limit=1000").await.served();
    let hers = issued.as_array().unwrap().iter().filter(|certificate| certificate["common_name"] == "fraud__alice");
    assert_eq!(hers.count(), 1);
}

#[tokio::test]
async fn names_that_differ_only_in_case_are_one_project() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let before = world.audit().await;
    for name in ["Fraud", "FRAUD", "frauD"] {
        let answer = world.operator.call("PUT", &format!("/v1/projects/{name}"), &json!({})).await;
        answer.refused(ProblemCode::Conflict);
    }
    assert_eq!(world.audit().await, before);
    // Once it is gone the other spelling is free, and nobody is a member of it.
    world.operator.call("DELETE", PROJECT, &Value::Null).await.served();
    world.operator.call("PUT", "/v1/projects/FRAUD", &json!({})).await.served();
    assert_eq!(world.operator.get("/v1/projects/FRAUD/members").await.served(), json!([]));
}

#[tokio::test]
async fn a_description_has_at_most_five_hundred_characters_of_any_script() {
    let world = World::new().await;
    let put = async |text: String| world.operator.call("PUT", PROJECT, &json!({ "description": text })).await;
    put("語".repeat(500)).await.served();
    put("語".repeat(501)).await.refused(ProblemCode::InvalidRequest);
    put(String::new()).await.served();
}

#[tokio::test]
async fn a_long_poll_waits_for_a_change_and_returns_with_it() {
    let world = World::new().await;
    let before = world.client.cluster().await.unwrap();
    let path = format!("/v1/cluster?after={}", before.revision);
    let operator = world.operator.clone();
    let mut poll = tokio::spawn(async move { operator.get(&path).await.served() });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut poll).await;
    assert!(early.is_err(), "nothing had changed: {early:?}");
    let put = world.client.put_cluster(&declared(0, AuthoritySettings::default())).await.unwrap();
    let answer = tokio::time::timeout(SOON, poll).await.expect("the poll returns").unwrap();
    assert!(answer["revision"].as_i64().unwrap() > before.revision);
    assert_eq!(answer["declared"], serde_json::to_value(&put.declared).unwrap());
    // Whoever is behind is answered at once.
    let typed = tokio::time::timeout(SOON, world.client.cluster_after(before.revision)).await.unwrap().unwrap();
    assert!(typed.revision > before.revision);
}

#[tokio::test]
async fn an_agents_long_poll_returns_when_its_declaration_changes() {
    let world = World::with_nodes().await;
    let agent = world.holder(&world.held_by("workers-0", "node"));
    let before = agent.get("/v1/nodes/workers-0/desired").await.served();
    let path = format!("/v1/nodes/workers-0/desired?after={}", before["generation"]);
    let mut poll = tokio::spawn(async move { agent.get(&path).await.served() });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut poll).await;
    assert!(early.is_err(), "nothing had changed: {early:?}");
    let mut put = declared(1, AuthoritySettings::default());
    put.services.clear();
    world.declare(&put).await;
    let answer = tokio::time::timeout(SOON, poll).await.expect("the poll returns").unwrap();
    assert!(answer["generation"].as_i64() > before["generation"].as_i64());
    assert_eq!(answer["services"], json!([]));
}

#[tokio::test]
async fn lists_for_the_operator_are_newest_first_and_as_long_as_asked() {
    let world = World::new().await;
    world.people("fraud", &["alice", "bob", "carol"]).await;
    for path in ["/v1/certificates", "/v1/audit"] {
        let all = world.operator.get(path).await.served();
        let two = world.operator.get(&format!("{path}?limit=2")).await.served();
        assert_eq!(two.as_array().unwrap()[..], all.as_array().unwrap()[..2], "{path}");
    }
    let newest = &world.operator.get("/v1/audit?limit=1").await.served()[0];
    assert_eq!((&newest["action"], &newest["object"]), (&json!("put_member"), &json!("fraud__carol")));
    let tasks = world.operator.get("/v1/tasks").await.served();
    assert!(tasks.as_array().unwrap().iter().all(|task| task["last_error"].is_null()), "{tasks}");
}
