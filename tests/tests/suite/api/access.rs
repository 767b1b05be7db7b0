//! Who may call what: nobody, members, nodes and services against every route of the table.

use ringfence_api::ProblemCode;
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::project::{MemberRole, PutMember};
use ringfence_pki::{CertificateFacts, Usage, pem_certificates, pem_crl, verify_leaf};
use serde_json::{Value, json};

use super::https::{Https, Pem};
use super::routes::{For, ROUTES, csr};
use super::world::{World, project, user};
use crate::nodes::{declared, ready};

/// Every route that is for somebody else answers `code`, and nothing has changed afterwards.
async fn may_not(world: &World, caller: &Https, allowed: &[For], code: ProblemCode) {
    let (before, project_before) = (world.done_by_operator().await, world.operator.get("/v1/projects").await.served());
    for route in ROUTES.iter().filter(|route| !allowed.contains(&route.is_for)) {
        route.call(caller).await.refused(code);
    }
    assert_eq!(world.done_by_operator().await, before);
    assert_eq!(world.operator.get("/v1/projects").await.served(), project_before);
}

#[tokio::test]
async fn without_credentials_only_public_routes_answer() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    may_not(&world, &world.public, &[For::Everybody], ProblemCode::Unauthenticated).await;
}

#[tokio::test]
async fn an_invalid_session_is_refused_on_every_route_that_is_not_public() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let connection = world.head.connection();
    for value in ["Bearer made-up", "Bearer ", "Bearer", "Basic b3BlcmF0b3I6", "made-up"] {
        let caller = Https::public(&connection).with_authorization(value);
        may_not(&world, &caller, &[For::Everybody], ProblemCode::SessionInvalid).await;
    }
    // A good certificate does not save a bad session: whoever sends one means it.
    let alice = world.member("fraud", "alice").await.with_session("made-up");
    alice.get("/v1/whoami").await.refused(ProblemCode::SessionInvalid);
    // Nor does a public route care.
    Https::public(&connection).with_session("made-up").get("/v1/health").await.served();
}

#[tokio::test]
async fn a_member_may_call_whoami_and_nothing_else() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let alice = world.member("fraud", "alice").await;
    may_not(&world, &alice, &[For::Everybody, For::Recognised], ProblemCode::Forbidden).await;
    let expected = json!({
        "kind": "project_user", "name": "fraud__alice", "project": "fraud", "user": "alice", "role": "data_scientist",
    });
    assert_eq!(alice.get("/v1/whoami").await.served(), expected);
}

#[tokio::test]
async fn a_changed_role_shows_at_once_with_the_same_certificate() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let before = world.credentials("fraud", "alice").await;
    let alice = world.holder(&Pem::from(&before));
    for role in [MemberRole::DataOwner, MemberRole::DataScientist, MemberRole::DataOwner] {
        world.client.put_member(&project("fraud"), &user("alice"), &PutMember { role }).await.unwrap();
        assert_eq!(alice.get("/v1/whoami").await.served()["role"], role.as_str());
    }
    assert_eq!(world.credentials("fraud", "alice").await.serial, before.serial);
}

#[tokio::test]
async fn one_user_is_another_identity_in_every_project() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    world.people("churn", &["alice"]).await;
    for name in ["fraud", "churn"] {
        let who = world.member(name, "alice").await.get("/v1/whoami").await.served();
        assert_eq!((who["project"].as_str(), who["user"].as_str()), (Some(name), Some("alice")));
    }
    let (fraud, churn) = (world.credentials("fraud", "alice").await, world.credentials("churn", "alice").await);
    assert_ne!(fraud.serial, churn.serial);
    assert_ne!(fraud.private_key, churn.private_key);
}

#[tokio::test]
async fn a_node_may_call_its_own_routes_and_no_other() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    for node in ["head", "workers-0"] {
        let agent = world.holder(&world.held_by(node, "node"));
        assert_eq!(agent.get("/v1/whoami").await.served(), json!({ "kind": "node", "name": node }));
        let others = [For::Everybody, For::Recognised, For::Agent];
        may_not(&world, &agent, &others, ProblemCode::Forbidden).await;
    }
    // The table's paths name workers-0.
    let head = world.holder(&world.held_by("head", "node"));
    may_not(&world, &head, &[For::Everybody, For::Recognised], ProblemCode::Forbidden).await;
    // A node that does not exist, and a name that is none, are no way around.
    for node in ["workers-1", "workers-9999", "HEAD", "head%20", "head%2f", "%68ead-0"] {
        head.get(&format!("/v1/nodes/{node}/desired")).await.refused(ProblemCode::Forbidden);
    }
}

#[tokio::test]
async fn a_node_gets_certificates_only_for_itself_and_services_declared_on_it() {
    let world = World::new().await;
    let mut put = declared(1, AuthoritySettings::default());
    put.services.values_mut().next().unwrap().node_groups = ["head".to_owned()].into();
    world.declare(&put).await;
    ready(&world.client, 2).await;
    let head = world.holder(&world.held_by("head", "node"));
    let worker = world.holder(&world.held_by("workers-0", "node"));
    let ask = |service: Value| json!({ "service": service, "csr": csr() });
    for (agent, node, service) in [
        (&worker, "workers-0", "query"),
        (&worker, "workers-0", "no-such"),
        (&head, "head", "no-such"),
        (&head, "head", "head"),
    ] {
        let path = format!("/v1/nodes/{node}/certificates");
        agent.call("POST", &path, &ask(json!(service))).await.refused(ProblemCode::Forbidden);
    }
    let path = "/v1/nodes/head/certificates";
    let issued = head.call("POST", path, &ask(json!("query"))).await.served();
    let chain = issued["chain"].as_str().unwrap();
    let facts = CertificateFacts::read(&pem_certificates(chain).unwrap()[0]).unwrap();
    assert_eq!(facts.common_name, "head.test.internal");
    assert_eq!(facts.locality.as_deref(), Some("query"));
    assert_eq!(facts.serial.to_string(), issued["serial"].as_str().unwrap());
    let mut crls = String::new();
    for issuer in ["root-1", "services-1"] {
        crls.push_str(&pem_crl(&world.public.get(&format!("/v1/crls/{issuer}/0")).await.bytes));
    }
    let now = ringfence_api::Clock::now(&ringfence_api::SystemClock);
    verify_leaf(chain, &world.head.connection().ca_certificate, &crls, Usage::Server, now).unwrap();
    // The names are the declaration's, whatever the request says: this one said `head.test.internal`.
    let own = worker.call("POST", "/v1/nodes/workers-0/certificates", &ask(Value::Null)).await.served();
    let facts = CertificateFacts::read(&pem_certificates(own["chain"].as_str().unwrap()).unwrap()[0]).unwrap();
    assert_eq!(facts.common_name, "workers-0.test.internal");
    assert_eq!(facts.alternative_names, ["workers-0.test.internal"]);
}

#[tokio::test]
async fn a_service_may_call_whoami_and_nothing_else() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let service = world.holder(&world.held_by("workers-0", "services/query"));
    let expected = json!({ "kind": "service", "name": "query", "node": "workers-0", "user": "query" });
    assert_eq!(service.get("/v1/whoami").await.served(), expected);
    may_not(&world, &service, &[For::Everybody, For::Recognised], ProblemCode::Forbidden).await;
}

#[tokio::test]
async fn the_operator_is_not_a_node() {
    let world = World::with_nodes().await;
    for route in ROUTES.iter().filter(|route| route.is_for == For::Agent) {
        route.call(&world.operator).await.refused(ProblemCode::Forbidden);
    }
}
