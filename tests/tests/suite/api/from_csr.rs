//! Certificates from CSRs of callers: their names come from the declaration, they are short-lived, they end with what
//! they are for, and they do not affect what agents and the daemon hold.

use ringfence_api::certificate::{Certificate, CertificateHolder, PostIdentityCertificate, RevocationReason};
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{Clock as _, Lifetime, NodeName, ProblemCode, ServiceName, SystemClock};
use ringfence_pki::{CertificateFacts, PrivateKey, pem_certificates};
use ringfence_tests::eventually;
use serde_json::json;

use super::crl::{LISTED, listed_within};
use super::https::Pem;
use super::routes::csr;
use super::world::{SOON, World, project, user};
use crate::nodes::{declared, ready};

/// A certificate and the key that never left the caller.
struct FromCsr {
    issued: IssuedCertificate,
    pem: Pem,
    facts: CertificateFacts,
}

impl FromCsr {
    fn new(issued: IssuedCertificate, key: &PrivateKey) -> Self {
        let facts = CertificateFacts::read(&pem_certificates(&issued.chain).unwrap()[0]).unwrap();
        assert_eq!(facts.public_key, key.public());
        assert_eq!(facts.serial.to_string(), issued.serial);
        let pem = Pem { chain: issued.chain.clone(), key: key.to_pem().to_string() };
        Self { issued, pem, facts }
    }

    /// How long it has to live, in seconds, give or take those that the test took.
    fn left(&self) -> i64 {
        self.issued.not_after.duration_since(SystemClock.now()).as_secs()
    }
}

fn node(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).unwrap()
}

/// A request whose name is somebody else's.
fn asking(key: &PrivateKey, lifetime: Option<u32>) -> PostIdentityCertificate {
    let request = key.request("churn__mallory").unwrap();
    PostIdentityCertificate { request, lifetime: lifetime.map(Lifetime::from_secs) }
}

async fn for_member(world: &World, of: &str, who: &str, lifetime: Option<u32>) -> FromCsr {
    let key = PrivateKey::generate().unwrap();
    let post = asking(&key, lifetime);
    FromCsr::new(world.client.issue_member_certificate(&project(of), &user(who), &post).await.unwrap(), &key)
}

async fn for_service(world: &World, on: &str, lifetime: Option<u32>) -> FromCsr {
    let key = PrivateKey::generate().unwrap();
    let post = asking(&key, lifetime);
    FromCsr::new(world.client.issue_service_certificate(&node(on), &service("query"), &post).await.unwrap(), &key)
}

async fn recorded(world: &World, serial: &str) -> Certificate {
    let all: Vec<Certificate> = world.client.read("/v1/certificates?limit=1000").await.unwrap();
    all.into_iter().find(|certificate| certificate.serial == serial).unwrap()
}

#[tokio::test]
async fn the_names_come_from_the_declaration_and_not_from_the_csr() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let alice = for_member(&world, "fraud", "alice", None).await;
    assert_eq!((alice.facts.common_name.as_str(), &alice.facts.locality), ("fraud__alice", &None));
    let who = world.holder(&alice.pem).get("/v1/whoami").await.served();
    assert_eq!((&who["kind"], &who["name"]), (&json!("project_user"), &json!("fraud__alice")));
    let query = for_service(&world, "workers-0", None).await;
    assert_eq!(query.facts.common_name, "workers-0.test.internal");
    assert_eq!(query.facts.locality.as_deref(), Some("query"));
    let held = CertificateFacts::read(&world.held_by("workers-0", "services/query").leaf()).unwrap();
    assert_eq!(query.facts.alternative_names, held.alternative_names);
    let who = world.holder(&query.pem).get("/v1/whoami").await.served();
    assert_eq!((&who["kind"], &who["node"]), (&json!("service"), &json!("workers-0")));
    let rows = world.audit().await;
    for (object, one) in [("fraud__alice", &alice), ("query@workers-0", &query)] {
        let found = rows.iter().find(|row| row.outcome == one.issued.serial).unwrap();
        assert_eq!((&*found.actor, &*found.action, &*found.object), ("operator", "hand_out_certificate", object));
        assert_eq!(recorded(&world, &one.issued.serial).await.holder, CertificateHolder::Caller);
    }
}

#[tokio::test]
async fn the_lifetime_is_an_hour_or_as_requested_and_at_most_as_declared() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let near = |one: &FromCsr, seconds: i64| (seconds - 30..=seconds).contains(&one.left());
    assert!(near(&for_member(&world, "fraud", "alice", None).await, 3_600));
    assert!(near(&for_member(&world, "fraud", "alice", Some(7 * 86_400)).await, 7 * 86_400));
    assert!(near(&for_service(&world, "head", Some(60)).await, 60));
    let key = PrivateKey::generate().unwrap();
    let post = asking(&key, Some(7 * 86_400 + 1));
    let refused = world.client.issue_member_certificate(&project("fraud"), &user("alice"), &post).await.unwrap_err();
    assert_eq!(refused.code(), Some(ProblemCode::InvalidRequest));
    assert!(refused.to_string().contains("project_user_certificate_lifetime"), "{refused}");
    let post = asking(&key, Some(86_401));
    let refused = world.client.issue_service_certificate(&node("head"), &service("query"), &post).await.unwrap_err();
    assert_eq!(refused.code(), Some(ProblemCode::InvalidRequest));
    assert!(refused.to_string().contains("service_certificate_lifetime"), "{refused}");
    // What is declared is shorter than an hour.
    let minutes = AuthoritySettings { service_certificate_lifetime: Lifetime::from_secs(600), ..Default::default() };
    world.declare(&declared(1, minutes)).await;
    assert!(near(&for_service(&world, "head", None).await, 600));
}

#[tokio::test]
async fn whatever_is_declared_meanwhile_each_certificate_that_is_returned_is_recorded() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let issue = || async {
        let mut serials = Vec::new();
        for _ in 0..12 {
            serials.push(for_member(&world, "fraud", "alice", Some(60)).await.issued.serial);
        }
        serials
    };
    let declare = async {
        for minutes in 10..30 {
            let lifetime = Lifetime::from_secs(minutes * 60);
            let settings = AuthoritySettings { service_certificate_lifetime: lifetime, ..Default::default() };
            world.declare(&declared(1, settings)).await;
        }
    };
    let (first, second, third, ()) = tokio::join!(issue(), issue(), issue(), declare);
    for serial in [first, second, third].concat() {
        recorded(&world, &serial).await;
    }
}

#[tokio::test]
async fn unknown_subjects_and_unsigned_csrs_get_no_certificate() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let good = json!({ "request": csr() });
    for path in [
        "/v1/projects/fraud/members/bob/certificates",
        "/v1/projects/churn/members/alice/certificates",
        "/v1/nodes/workers-1/services/query/certificates",
        "/v1/nodes/head/services/web/certificates",
    ] {
        world.operator.call("POST", path, &good).await.refused(ProblemCode::NotFound);
    }
    let (member, query) =
        ("/v1/projects/fraud/members/alice/certificates", "/v1/nodes/head/services/query/certificates");
    let other = PrivateKey::generate().unwrap().to_pem().to_string();
    for path in [member, query] {
        for request in ["", "garbage", &other, &world.head.connection().ca_certificate] {
            let body = json!({ "request": request });
            world.operator.call("POST", path, &body).await.refused(ProblemCode::InvalidCsr);
        }
        for lifetime in [json!("0s"), json!("-1h"), json!(60), json!("soon")] {
            let body = json!({ "request": csr(), "lifetime": lifetime });
            world.operator.call("POST", path, &body).await.refused(ProblemCode::InvalidRequest);
        }
    }
    world
        .operator
        .call("POST", "/v1/nodes/head/services/Query%20/certificates", &good)
        .await
        .refused(ProblemCode::InvalidRequest);
    // Declared on the head only.
    let mut put = declared(1, AuthoritySettings::default());
    put.services.values_mut().next().unwrap().node_groups = ["head".to_owned()].into();
    world.declare(&put).await;
    world.operator.call("POST", query, &good).await.served();
    let path = "/v1/nodes/workers-0/services/query/certificates";
    world.operator.call("POST", path, &good).await.refused(ProblemCode::NotFound);
    let all: Vec<Certificate> = world.client.read("/v1/certificates?limit=1000").await.unwrap();
    assert_eq!(all.iter().filter(|certificate| certificate.holder == CertificateHolder::Caller).count(), 1);
}

#[tokio::test]
async fn certificates_of_agents_are_not_affected() {
    let world = World::new().await;
    world.declare(&declared(1, crate::nodes::short_lives())).await;
    let cluster = ready(&world.client, 2).await;
    let before: Vec<String> =
        cluster.nodes.iter().flat_map(|node| &node.certificates).map(|held| held.serial.clone()).collect();
    let one = for_service(&world, "workers-0", Some(15)).await;
    let serial = &one.issued.serial;
    // Every certificate that the agents held has been replaced and revoked since; this one, in the middle, has not.
    eventually("what agents hold has rotated", SOON + SOON, async || {
        let all: Vec<Certificate> = world.client.read("/v1/certificates?limit=1000").await.unwrap();
        let old = |certificate: &&Certificate| before.contains(&certificate.serial);
        let waiting = all.iter().filter(old).filter(|certificate| certificate.revoked_at.is_none()).count();
        if waiting == 0 { Ok(()) } else { Err(format!("{waiting} are not")) }
    })
    .await;
    assert_eq!(recorded(&world, serial).await.revoked_at, None);
    let cluster = ready(&world.client, 2).await;
    assert!(cluster.nodes.iter().flat_map(|node| &node.certificates).all(|held| held.serial != *serial));
    // Nor does one that comes to an agent's report from elsewhere replace what the agent holds.
    let agent = world.holder(&world.held_by("workers-0", "node"));
    let one = for_service(&world, "workers-0", Some(15)).await;
    let held = json!({ "service": "query", "serial": one.issued.serial, "not_after": one.issued.not_after });
    let body = json!({ "generation": 0, "certificates": [held], "fault": null });
    agent.call("PUT", "/v1/nodes/workers-0/report", &body).await.served();
    world.holder(&world.held_by("workers-0", "services/query")).get("/v1/whoami").await.served();
}

#[tokio::test]
async fn it_is_revoked_with_its_member_job_or_service() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice", "bob"]).await;
    let (alice, bob) =
        (for_member(&world, "fraud", "alice", None).await, for_member(&world, "fraud", "bob", None).await);
    let (head, worker) = (for_service(&world, "head", None).await, for_service(&world, "workers-0", None).await);
    let reason = async |one: &FromCsr| recorded(&world, &one.issued.serial).await.revocation_reason;
    world.client.delete_member(&project("fraud"), &user("alice")).await.unwrap();
    world.holder(&alice.pem).get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
    assert_eq!(reason(&bob).await, None);
    world.client.delete_project(&project("fraud")).await.unwrap();
    for one in [&alice, &bob] {
        assert_eq!(reason(one).await, Some(RevocationReason::PrivilegeWithdrawn));
        listed_within(&world, "projects-1", &one.issued.serial, LISTED).await;
    }
    world.declare(&declared(0, AuthoritySettings::default())).await;
    assert_eq!(reason(&worker).await, Some(RevocationReason::CessationOfOperation));
    assert_eq!(reason(&head).await, None);
    let mut put = declared(0, AuthoritySettings::default());
    put.services.clear();
    world.declare(&put).await;
    assert_eq!(reason(&head).await, Some(RevocationReason::CessationOfOperation));
    for one in [&head, &worker] {
        listed_within(&world, "services-1", &one.issued.serial, LISTED).await;
    }
}

/// A serial number as browsers show it.
fn in_colons(serial: &str) -> String {
    let bytes: Vec<&str> = serial.as_bytes().chunks(2).map(|byte| std::str::from_utf8(byte).unwrap()).collect();
    bytes.join(":").to_uppercase()
}

#[tokio::test]
async fn it_is_revoked_by_its_serial_at_once_and_again_without_effect() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let (alice, other) =
        (for_member(&world, "fraud", "alice", None).await, for_member(&world, "fraud", "alice", None).await);
    let query = for_service(&world, "head", None).await;
    for (one, issuer) in [(&alice, "projects-1"), (&query, "services-1")] {
        let serial = &one.issued.serial;
        world.holder(&one.pem).get("/v1/whoami").await.served();
        world.client.revoke_certificate(&in_colons(serial)).await.unwrap();
        world.holder(&one.pem).get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
        listed_within(&world, issuer, serial, LISTED).await;
        let once = recorded(&world, serial).await;
        assert_eq!(once.revocation_reason, Some(RevocationReason::CessationOfOperation));
        world.client.revoke_certificate(serial).await.unwrap();
        // As openssl prints it.
        world.client.revoke_certificate(&serial.to_uppercase()).await.unwrap();
        assert_eq!(recorded(&world, serial).await, once);
        let rows = world.audit().await;
        let noted = rows.iter().filter(|row| (&*row.action, &row.object) == ("revoke_certificate", serial));
        assert_eq!(noted.count(), 1);
    }
    world.holder(&other.pem).get("/v1/whoami").await.served();
    world.holder(&Pem::from(&world.credentials("fraud", "alice").await)).get("/v1/whoami").await.served();
    // An expired one needs no revocation, and gets none.
    let brief = for_member(&world, "fraud", "alice", Some(1)).await;
    eventually("it has ended", SOON, async || {
        if SystemClock.now() > brief.issued.not_after { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    world.client.revoke_certificate(&brief.issued.serial).await.unwrap();
    assert_eq!(recorded(&world, &brief.issued.serial).await.revoked_at, None);
    for serial in ["00000000000000000000000000000000", "nonsense", "%27%20OR%201=1"] {
        let path = format!("/v1/certificates/{serial}");
        world.operator.call("DELETE", &path, &serde_json::Value::Null).await.refused(ProblemCode::NotFound);
    }
}

#[tokio::test]
async fn certificates_of_agents_and_the_daemon_are_not_revoked_by_serial() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let all: Vec<Certificate> = world.client.read("/v1/certificates?limit=1000").await.unwrap();
    assert!(all.len() >= 6, "{all:#?}");
    for certificate in &all {
        let refused = world.client.revoke_certificate(&certificate.serial).await.unwrap_err();
        assert_eq!(refused.code(), Some(ProblemCode::Conflict), "{certificate:?}");
        if certificate.holder == CertificateHolder::Agent {
            let node = certificate.node.as_deref().unwrap();
            assert!(refused.to_string().contains(&format!("rotate the node instead: POST /v1/nodes/{node}/rotate")));
        }
    }
    let after: Vec<Certificate> = world.client.read("/v1/certificates?limit=1000").await.unwrap();
    assert_eq!(after, all);
}

#[tokio::test]
async fn what_was_issued_from_a_csr_survives_a_kill() {
    let mut world = World::with_nodes().await;
    let query = for_service(&world, "head", None).await;
    world.head.kill().await;
    world.head.restart(&[]).await;
    world.holder(&query.pem).get("/v1/whoami").await.served();
    world.client.revoke_certificate(&query.issued.serial).await.unwrap();
    world.head.kill().await;
    world.head.restart(&[]).await;
    world.holder(&query.pem).get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
    let public = super::https::Https::public(&world.head.connection());
    world.public = public;
    listed_within(&world, "services-1", &query.issued.serial, SOON).await;
}
