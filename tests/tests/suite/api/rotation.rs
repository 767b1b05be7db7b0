//! Rotation of a node on request: everything that its agent holds is replaced, the old certificates are revoked and
//! listed, and nothing else changes.

use std::collections::BTreeSet;

use ringfence_api::certificate::{Certificate, RevocationReason};
use ringfence_api::cluster::{AuthoritySettings, KeyAlgorithm, PutCluster, Service, ServiceFiles};
use ringfence_api::node::NodeRotation;
use ringfence_api::{NodeName, ProblemCode, ServiceName, SystemUser};
use ringfence_tests::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::crl::{LISTED, listed_within};
use super::world::{SOON, World};
use crate::nodes::{agent_pid, declared, ready, serials};

fn node(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

/// Two services on each node.
fn two_services(workers: u32) -> PutCluster {
    let mut put = declared(workers, AuthoritySettings::default());
    let web = Service {
        user: SystemUser::parse("web").unwrap(),
        dns_names: BTreeSet::new(),
        ip_addresses: BTreeSet::new(),
        node_groups: BTreeSet::new(),
        key_algorithm: KeyAlgorithm::default(),
        files: ServiceFiles::default(),
        token: None,
        check: None,
        reload: None,
    };
    put.services.insert(ServiceName::parse("web").unwrap(), web);
    put
}

/// Follows a rotation to its end by nothing but long polls.
async fn followed(world: &World, mut rotation: NodeRotation) -> NodeRotation {
    let name = rotation.node.clone();
    let following = async {
        while !rotation.done {
            rotation = world.client.rotation_after(&name, rotation.revision).await.unwrap();
        }
        rotation
    };
    tokio::time::timeout(SOON, following).await.expect("the rotation ends")
}

fn pid_of(world: &World, node: &str) -> Pid {
    Pid::from_raw(i32::try_from(agent_pid(&world.head, node).unwrap()).unwrap()).unwrap()
}

fn node_and_services(rotation: &NodeRotation) -> Vec<Option<&str>> {
    rotation.certificates.iter().map(|held| held.service.as_ref().map(ServiceName::as_str)).collect()
}

#[tokio::test]
async fn every_serial_of_the_node_changes_and_no_other() {
    let world = World::new().await;
    world.declare(&two_services(2)).await;
    let cluster = ready(&world.client, 3).await;
    let held = |of: &[ringfence_api::node::Node], name: &str| -> BTreeSet<String> {
        let found = of.iter().find(|node| node.name.as_str() == name).unwrap();
        found.certificates.iter().map(|held| held.serial.clone()).collect()
    };
    let rotation = world.client.rotate_node(&node("workers-0")).await.unwrap();
    assert!(!rotation.done && rotation.certificates.iter().all(|certificate| !certificate.replaced), "{rotation:#?}");
    assert_eq!(node_and_services(&rotation), [None, Some("query"), Some("web")]);
    let asked: BTreeSet<String> = rotation.certificates.iter().map(|held| held.serial.clone()).collect();
    assert_eq!(asked, held(&cluster.nodes, "workers-0"));
    let done = followed(&world, rotation.clone()).await;
    assert_eq!((done.requested_at, done.certificates.len()), (rotation.requested_at, 3));
    assert!(done.certificates.iter().all(|certificate| certificate.replaced));
    let after = ready(&world.client, 3).await;
    assert_eq!(held(&after.nodes, "workers-0").len(), 3);
    assert!(held(&after.nodes, "workers-0").is_disjoint(&asked));
    for name in ["head", "workers-1"] {
        assert_eq!(held(&after.nodes, name), held(&cluster.nodes, name), "{name}");
    }
    let all: Vec<Certificate> = world.client.read("/v1/certificates?limit=1000").await.unwrap();
    for certificate in &all {
        let expected = asked.contains(&certificate.serial).then_some(RevocationReason::Superseded);
        assert_eq!(certificate.revocation_reason, expected, "{certificate:?}");
    }
    for serial in &asked {
        listed_within(&world, "services-1", serial, LISTED).await;
    }
    // What the disk holds is what is good.
    for holder in ["node", "services/query", "services/web"] {
        world.holder(&world.held_by("workers-0", holder)).get("/v1/whoami").await.served();
    }
    let row = world.audit().await.into_iter().find(|row| row.action == "rotate_node").unwrap();
    assert_eq!((&*row.actor, &*row.object, &*row.outcome), ("operator", "workers-0", "3 certificates to replace"));
}

#[tokio::test]
async fn a_second_request_changes_nothing_until_the_rotation_is_complete() {
    let world = World::with_nodes().await;
    // An agent that stands still keeps the rotation under way.
    let agent = pid_of(&world, "workers-0");
    kill_process(agent, Signal::STOP).unwrap();
    let first = world.client.rotate_node(&node("workers-0")).await.unwrap();
    let again = world.client.rotate_node(&node("workers-0")).await.unwrap();
    assert_eq!((again.requested_at, &again.certificates), (first.requested_at, &first.certificates));
    let asked = world.audit().await.into_iter().filter(|row| row.action == "rotate_node").count();
    assert_eq!(asked, 1);
    kill_process(agent, Signal::CONT).unwrap();
    let done = followed(&world, again).await;
    let held = serials(&ready(&world.client, 2).await);
    let second = world.client.rotate_node(&node("workers-0")).await.unwrap();
    assert!(second.requested_at > done.requested_at);
    let serials: Vec<&String> = second.certificates.iter().map(|certificate| &certificate.serial).collect();
    assert_eq!(serials, [&held[&(node("workers-0"), false)], &held[&(node("workers-0"), true)]]);
    followed(&world, second).await;
}

#[tokio::test]
async fn a_requested_rotation_survives_a_kill_of_the_head_and_of_the_agent() {
    let mut world = World::with_nodes().await;
    let agent = pid_of(&world, "workers-0");
    kill_process(agent, Signal::STOP).unwrap();
    let rotation = world.client.rotate_node(&node("workers-0")).await.unwrap();
    world.head.kill().await;
    kill_process(agent, Signal::KILL).unwrap();
    world.head.restart(&[]).await;
    let found = world.client.rotation_after(&node("workers-0"), 0).await.unwrap();
    assert_eq!(found.requested_at, rotation.requested_at);
    let done = followed(&world, found).await;
    assert_eq!(done.certificates.len(), rotation.certificates.len());
}

#[tokio::test]
async fn certificates_from_csrs_are_not_rotated() {
    let world = World::with_nodes().await;
    let body = serde_json::json!({ "request": super::routes::csr() });
    let path = "/v1/nodes/workers-0/services/query/certificates";
    let handed = world.operator.call("POST", path, &body).await.served();
    let rotation = world.client.rotate_node(&node("workers-0")).await.unwrap();
    assert!(rotation.certificates.iter().all(|certificate| handed["serial"] != certificate.serial.as_str()));
    followed(&world, rotation).await;
    let all: Vec<Certificate> = world.client.read("/v1/certificates?limit=1000").await.unwrap();
    let kept = all.iter().find(|certificate| handed["serial"] == certificate.serial.as_str()).unwrap();
    assert_eq!(kept.revoked_at, None);
}

#[tokio::test]
async fn an_unknown_or_stopped_node_is_not_rotated() {
    let mut world = World::with_nodes().await;
    let rotate = async |world: &World, name: &str| {
        world.client.rotate_node(&node(name)).await.map_err(|error| (error.code(), error.to_string()))
    };
    assert_eq!(rotate(&world, "workers-1").await.unwrap_err().0, Some(ProblemCode::NotFound));
    for path in ["/v1/nodes/workers-0/rotation", "/v1/nodes/workers-1/rotation"] {
        world.operator.call("GET", path, &Value::Null).await.refused(ProblemCode::NotFound);
    }
    // From now on no agent can be started.
    let file = world.sandbox.path().join("head/serve.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let program = config.lines().find(|line| line.starts_with("program")).unwrap();
    std::fs::write(&file, config.replace(program, "program = \"/nonexistent/ringfenced\"")).unwrap();
    world.head.kill().await;
    kill_process(pid_of(&world, "workers-0"), Signal::KILL).unwrap();
    eventually("the agent has ended", SOON, async || match agent_pid(&world.head, "workers-0") {
        None => Ok(()),
        Some(pid) => Err(format!("{pid} runs")),
    })
    .await;
    world.head.restart(&[]).await;
    let (code, text) = rotate(&world, "workers-0").await.unwrap_err();
    assert_eq!(code, Some(ProblemCode::Conflict));
    assert!(text.contains("workers-0 is stopped"), "{text}");
    world.declare(&declared(2, AuthoritySettings::default())).await;
    let (code, text) = rotate(&world, "workers-1").await.unwrap_err();
    assert_eq!(code, Some(ProblemCode::Conflict));
    assert!(text.contains("workers-1 has not joined yet"), "{text}");
    assert!(world.audit().await.iter().all(|row| row.action != "rotate_node"));
}
