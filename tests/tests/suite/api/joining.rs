//! Joining: a ticket belongs to the first key that uses it. The test acts as the agent; the real agent is blocked by
//! its own directory.

use std::path::{Path, PathBuf};

use ringfence_api::ProblemCode;
use ringfence_api::cluster::AuthoritySettings;
use ringfence_pki::{CertificateFacts, PrivateKey, pem_certificates};
use ringfence_tests::eventually;
use serde_json::{Value, json};

use super::https::{Https, KeptOpen, Pem};
use super::world::{SOON, World};
use crate::nodes::declared;

const JOIN: &str = "/v1/nodes/head/join";

/// A cluster whose head node has a ticket that nobody has shown yet.
///
/// The daemon ends between granting the ticket and starting the node. What the agent wants to be a file is made a
/// directory meanwhile, so that it can never make its key, and the ticket stays where it was put.
async fn with_a_ticket() -> (World, String) {
    let mut world = World::new().await;
    world.head.kill().await;
    world.head.restart(&[("RINGFENCED_CRASH_AT", "launch_node/grant_ticket/done")]).await;
    let _ = world.head.operator().put_cluster(&declared(0, AuthoritySettings::default())).await;
    world.head.ended().await;
    let node = world.sandbox.path().join("nodes/head");
    ringfence_place::process::create_directory(&node).unwrap();
    std::fs::create_dir_all(node.join("node/joining.key")).unwrap();
    world.head.restart(&[]).await;
    let ticket = eventually("the ticket lies in the node's directory", SOON, async || {
        std::fs::read_to_string(node.join("ticket")).map_err(|error| format!("{error}: {}", world.head.said()))
    })
    .await;
    world.public = Https::public(&world.head.connection());
    (world, ticket)
}

fn body(ticket: &str, key: &PrivateKey) -> Value {
    json!({ "ticket": ticket, "csr": key.request("anything").unwrap() })
}

fn pem(issued: &Value, key: &PrivateKey) -> Pem {
    Pem { chain: issued["chain"].as_str().unwrap().to_owned(), key: key.to_pem().to_string() }
}

#[tokio::test]
async fn the_first_key_that_uses_a_ticket_owns_it_and_may_repeat_the_join() {
    let (world, ticket) = with_a_ticket().await;
    let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let first = world.public.call("POST", JOIN, &body(&ticket, &ours)).await.served();
    world.public.call("POST", JOIN, &body(&ticket, &theirs)).await.refused(ProblemCode::TicketRefused);
    // The answer was lost, let us say. The same key asks again and gets another certificate.
    let second = world.public.call("POST", JOIN, &body(&ticket, &ours)).await.served();
    assert_ne!(first["serial"], second["serial"]);
    world.public.call("POST", JOIN, &body(&ticket, &theirs)).await.refused(ProblemCode::TicketRefused);
    for issued in [&first, &second] {
        let pem = pem(issued, &ours);
        let facts = CertificateFacts::read(&pem_certificates(&pem.chain).unwrap()[0]).unwrap();
        assert_eq!(facts.common_name, "head.test.internal", "the name is not the request's");
        assert_eq!(facts.public_key, ours.public());
        let agent = world.holder(&pem);
        assert_eq!(agent.get("/v1/whoami").await.served(), json!({ "kind": "node", "name": "head" }));
    }
}

#[tokio::test]
async fn a_wrong_ticket_and_one_of_another_node_are_refused() {
    let (world, ticket) = with_a_ticket().await;
    let key = PrivateKey::generate().unwrap();
    for wrong in ["", "made up", &ticket.to_uppercase(), &ticket[1..], &format!("{ticket} ")] {
        world.public.call("POST", JOIN, &body(wrong, &key)).await.refused(ProblemCode::TicketRefused);
    }
    for node in ["workers-0", "workers-1"] {
        let path = format!("/v1/nodes/{node}/join");
        world.public.call("POST", &path, &body(&ticket, &key)).await.refused(ProblemCode::TicketRefused);
    }
    // None of them has used the ticket up.
    world.public.call("POST", JOIN, &body(&ticket, &key)).await.served();
}

#[tokio::test]
async fn a_join_with_an_invalid_csr_does_not_use_the_ticket() {
    let (world, ticket) = with_a_ticket().await;
    for csr in ["", "garbage", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"] {
        let body = json!({ "ticket": ticket, "csr": csr });
        world.public.call("POST", JOIN, &body).await.refused(ProblemCode::InvalidCsr);
    }
    let key = PrivateKey::generate().unwrap();
    world.public.call("POST", JOIN, &body(&ticket, &key)).await.served();
}

#[tokio::test]
async fn concurrent_joins_with_one_ticket_have_one_winner() {
    let (world, ticket) = with_a_ticket().await;
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let (public, body) = (world.public.clone(), body(&ticket, &PrivateKey::generate().unwrap()));
            tokio::spawn(async move { public.call("POST", JOIN, &body).await })
        })
        .collect();
    let mut winners = 0;
    for racer in racers {
        let answer = racer.await.unwrap();
        if answer.status == 200 {
            winners += 1;
        } else {
            answer.refused(ProblemCode::TicketRefused);
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_certificate_is_revoked_only_once_its_successor_is_installed() {
    let (world, ticket) = with_a_ticket().await;
    let key = PrivateKey::generate().unwrap();
    let first = world.public.call("POST", JOIN, &body(&ticket, &key)).await.served();
    let mut open = KeptOpen::open(&world.head.connection(), &pem(&first, &key));
    let next = PrivateKey::generate().unwrap();
    let asked = json!({ "csr": next.request("anything").unwrap() });
    let path = "/v1/nodes/head/certificates";
    let second = world.holder(&pem(&first, &key)).call("POST", path, &asked).await.served();
    // Issued and not installed: both are good.
    open.get("/v1/whoami").served();
    let renewed = world.holder(&pem(&second, &next));
    renewed.get("/v1/whoami").await.served();
    let report = |serials: &[&Value]| {
        let held = serials
            .iter()
            .map(|issued| json!({ "service": null, "serial": issued["serial"], "not_after": issued["not_after"] }));
        json!({ "generation": 0, "certificates": held.collect::<Vec<_>>(), "fault": null })
    };
    // Reporting the old one, or one that is nobody's, revokes nothing.
    let made_up = json!({ "serial": "00", "not_after": second["not_after"] });
    for held in [&first, &made_up] {
        renewed.call("PUT", "/v1/nodes/head/report", &report(&[held])).await.served();
        open.get("/v1/whoami").served();
        renewed.get("/v1/whoami").await.served();
    }
    renewed.call("PUT", "/v1/nodes/head/report", &report(&[&second])).await.served();
    open.get("/v1/whoami").refused(ProblemCode::CertificateRevoked);
    renewed.get("/v1/whoami").await.served();
    let desired = renewed.get("/v1/nodes/head/desired").await.served();
    assert_eq!(desired["revoked"], json!([first["serial"]]));
}

#[tokio::test]
async fn a_ticket_is_stored_only_on_its_node() {
    let (world, ticket) = with_a_ticket().await;
    let key = PrivateKey::generate().unwrap();
    world.public.call("POST", JOIN, &body(&ticket, &key)).await.served();
    let own = world.sandbox.path().join("nodes/head/ticket");
    let found = holding(world.sandbox.path(), ticket.as_bytes());
    assert!(found.iter().all(|path| *path == own), "{found:?}");
}

/// The files below a directory that hold these bytes.
pub(crate) fn holding(directory: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(holding(&path, bytes)),
            Ok(kind) if kind.is_file() => {
                let content = std::fs::read(&path).unwrap_or_default();
                if content.windows(bytes.len()).any(|window| window == bytes) {
                    found.push(path);
                }
            }
            _ => {}
        }
    }
    found
}
