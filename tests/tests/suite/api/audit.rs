//! The audit log: one row for every change, none for what changed nothing, and a chain that an auditor can follow
//! with nothing but what the API shows.

use ringfence_api::ProblemCode;
use ringfence_api::inspect::AuditEntry;
use ringfence_pki::fingerprint;
use serde_json::{Value, json};

use super::routes::csr;
use super::world::World;

/// The hash of a row: SHA-256 over the hash before and every field, each preceded by its length in eight bytes.
fn hash(previous: &str, row: &AuditEntry) -> String {
    let (sequence, at) = (row.sequence.to_string(), row.at.as_millisecond().to_string());
    let fields = [previous, &sequence, &at, &row.actor, &row.source, &row.action, &row.object, &row.outcome];
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend(u64::try_from(field.len()).unwrap().to_be_bytes());
        bytes.extend(field.as_bytes());
    }
    fingerprint(&bytes)
}

#[track_caller]
fn is_a_whole_chain(rows: &[AuditEntry]) {
    let mut previous = "ringfence audit v1".to_owned();
    for (expected, row) in (1..).zip(rows) {
        assert_eq!(row.sequence, expected);
        assert_eq!(row.hash, hash(&previous, row), "{row:?}");
        previous.clone_from(&row.hash);
    }
}

#[tokio::test]
async fn every_change_of_the_operator_leaves_one_row_and_a_refusal_or_repeat_none() {
    let world = World::new().await;
    let (project, member) = ("/v1/projects/fraud", "/v1/projects/fraud/members/alice");
    let call = async |method: &str, path: &str, body: Value| world.operator.call(method, path, &body).await;
    let none = Value::Null;
    call("PUT", project, json!({})).await.served();
    call("PUT", project, json!({})).await.served();
    call("PUT", project, json!({ "description": "x" })).await.served();
    call("PUT", "/v1/projects/Fraud", json!({})).await.refused(ProblemCode::Conflict);
    call("PUT", member, json!({ "role": "data_owner" })).await.served();
    call("PUT", member, json!({ "role": "data_owner" })).await.served();
    call("PUT", member, json!({ "role": "data_scientist" })).await.served();
    call("PUT", member, json!({ "role": "king" })).await.refused(ProblemCode::InvalidRequest);
    call("GET", member, none.clone()).await.served();
    call("GET", &format!("{member}/credentials"), none.clone()).await.served();
    call("DELETE", member, none.clone()).await.served();
    call("DELETE", member, none.clone()).await.refused(ProblemCode::NotFound);
    call("PUT", member, json!({ "role": "data_owner" })).await.served();
    call("PUT", "/v1/cluster", json!({})).await.served();
    call("PUT", "/v1/cluster", json!({ "worker_groups": { "workers": { "count": 1 } } })).await.served();
    call("PUT", "/v1/cluster", json!({ "worker_groups": { "workers": { "count": 0 } } })).await.served();
    call("DELETE", project, none.clone()).await.served();
    call("DELETE", project, none).await.refused(ProblemCode::NotFound);
    let expected = [
        ("login", "test"),
        ("put_project", "fraud"),
        ("put_project", "fraud"),
        ("put_member", "fraud__alice"),
        ("change_role", "fraud__alice"),
        ("read_credentials", "fraud__alice"),
        ("delete_member", "fraud__alice"),
        ("put_member", "fraud__alice"),
        // What is declared at first is the default; it brings the head.
        ("launch_node", "head"),
        ("put_cluster", "test"),
        ("launch_node", "workers-0"),
        ("put_cluster", "test"),
        ("remove_node", "workers-0"),
        ("delete_project", "fraud"),
        // By the client that reads the log.
        ("login", "test"),
    ];
    let expected = expected.map(|(action, object)| (action.to_owned(), object.to_owned()));
    assert_eq!(world.done_by_operator().await, expected);
    let rows = world.audit().await;
    is_a_whole_chain(&rows);
    for row in rows.iter().filter(|row| row.actor == "operator") {
        assert!(row.source.starts_with("127.0.0.1:"), "{row:?}");
        assert!(!row.outcome.is_empty(), "{row:?}");
    }
}

#[tokio::test]
async fn actions_of_nodes_and_the_daemon_are_recorded_under_their_names() {
    let world = World::with_nodes().await;
    let agent = world.holder(&world.held_by("workers-0", "node"));
    let path = "/v1/nodes/workers-0/certificates";
    let issued = agent.call("POST", path, &json!({ "service": "query", "csr": csr() })).await.served();
    let rows = world.audit().await;
    is_a_whole_chain(&rows);
    let find = |actor: &str, action: &str, object: &str| {
        let found = rows.iter().filter(|row| (&*row.actor, &*row.action, &*row.object) == (actor, action, object));
        found.cloned().collect::<Vec<_>>()
    };
    assert_eq!(find("daemon/bootstrap", "create_cluster", "test").len(), 1);
    assert_eq!(find("daemon/renew_api_certificate", "issue_certificate", "api_server").len(), 1);
    for node in ["head", "workers-0"] {
        assert_eq!(find(&format!("node/{node}"), "join_node", node).len(), 1);
    }
    let asked = find("node/workers-0", "issue_certificate", "query@workers-0");
    assert_eq!(asked.iter().filter(|row| issued["serial"] == row.outcome.as_str()).count(), 1);
}

#[tokio::test]
async fn every_issued_certificate_is_in_the_log() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice", "bob"]).await;
    let rows = world.audit().await;
    let issued: Vec<ringfence_api::certificate::Certificate> =
        world.client.read("/v1/certificates?limit=1000").await.unwrap();
    for certificate in issued {
        assert!(rows.iter().any(|row| row.outcome.contains(&certificate.serial)), "{certificate:?}");
    }
}
