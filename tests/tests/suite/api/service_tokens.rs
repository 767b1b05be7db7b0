//! Tokens of services in files that agents keep fresh, claims that are declared for an audience, and compromised keys.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use ringfence_api::cluster::{AuthoritySettings, PutCluster, Service, ServiceToken};
use ringfence_api::{Audience, Lifetime, ProblemCode};
use ringfence_tests::eventually;
use serde_json::{Value, json};

use super::jobs::introspected;
use super::tokens::{issued, jwks, verified, with_alice};
use super::world::{SOON, World};
use crate::nodes::{declared, ready};

/// A worker, and a service `query` with a token for `search` that lives so long.
fn with_token(lifetime: u32) -> PutCluster {
    let token_lifetime = Lifetime::from_secs(lifetime);
    let mut put = declared(1, AuthoritySettings { token_lifetime, ..AuthoritySettings::default() });
    let audience = Audience::parse("search").unwrap();
    query(&mut put).token = Some(ServiceToken { audience });
    put
}

fn query(put: &mut PutCluster) -> &mut Service {
    put.services.values_mut().next().unwrap()
}

fn file(world: &World, node: &str) -> PathBuf {
    world.sandbox.path().join("nodes").join(node).join("services/query/token.jwt")
}

fn token(world: &World, node: &str) -> Result<String, String> {
    std::fs::read_to_string(file(world, node)).map_err(|error| error.to_string())
}

async fn active(world: &World, token: &str) -> bool {
    introspected(world, token).await["active"] == json!(true)
}

/// Waits until the node holds another token than this one.
async fn replaced(world: &World, node: &str, before: &str) -> String {
    eventually("another token lies there", SOON, async || {
        token(world, node).and_then(|now| if now == before { Err("the same".to_owned()) } else { Ok(now) })
    })
    .await
}

async fn gone(world: &World, node: &str) {
    eventually("the token is gone", SOON, async || {
        if file(world, node).exists() { Err("it lies there".to_owned()) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
async fn a_service_holds_a_fresh_token_that_verifies() {
    let world = World::new().await;
    world.declare(&with_token(15)).await;
    ready(&world.client, 2).await;
    let set = jwks(&world.public).await;
    let mut first = Vec::new();
    for node in ["head", "workers-0"] {
        let held = token(&world, node).unwrap();
        let claims = verified(&held, &set, "search").unwrap();
        assert_eq!(claims["sub"], json!(format!("query@{node}")));
        assert_eq!((&claims["service"], &claims["node"]), (&json!("query"), &json!(node)));
        for absent in ["project", "user", "roles", "job"] {
            assert!(claims.get(absent).is_none(), "{claims}");
        }
        let said = introspected(&world, &held).await;
        assert_eq!((&said["active"], &said["service"]), (&json!(true), &json!("query")), "{said}");
        let mode = std::fs::metadata(file(&world, node)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "as private as the key");
        first.push(held);
    }
    assert_ne!(first[0], first[1]);
    let next = replaced(&world, "workers-0", &first[1]).await;
    assert!(active(&world, &first[1]).await, "the one before is good until its end");
    verified(&next, &set, "search").unwrap();
    let audited = world.audit().await;
    let row = audited.iter().find(|row| row.object == "query@workers-0" && row.action == "issue_token").unwrap();
    assert_eq!(row.actor, "node/workers-0");
    assert!(!row.outcome.contains(&next), "{row:?}");
}

#[tokio::test]
async fn a_token_ends_with_its_declaration_and_with_its_node() {
    let world = World::new().await;
    let mut put = with_token(3_600);
    world.declare(&put).await;
    ready(&world.client, 2).await;
    let (head, worker) = (token(&world, "head").unwrap(), token(&world, "workers-0").unwrap());
    query(&mut put).token.as_mut().unwrap().audience = Audience::parse("other").unwrap();
    world.declare(&put).await;
    let other = replaced(&world, "workers-0", &worker).await;
    verified(&other, &jwks(&world.public).await, "other").unwrap();
    // Somebody meddles with the file.
    std::fs::write(file(&world, "head"), "damaged").unwrap();
    query(&mut put).node_groups = ["workers".to_owned()].into();
    world.declare(&put).await;
    assert!(!active(&world, &head).await, "the service is not declared on the head any more");
    gone(&world, "head").await;
    assert!(active(&world, &other).await && active(&world, &worker).await);
    query(&mut put).token = None;
    world.declare(&put).await;
    assert!(!active(&world, &other).await && !active(&world, &worker).await);
    gone(&world, "workers-0").await;
    let again = with_token(3_600);
    world.declare(&again).await;
    let last = replaced(&world, "workers-0", &other).await;
    assert!(active(&world, &last).await && !active(&world, &other).await, "what has ended does not come back");
    let none = PutCluster { worker_groups: [].into(), ..again };
    world.declare(&none).await;
    assert!(!active(&world, &last).await, "the node is on its way out");
}

#[tokio::test]
async fn a_rotation_of_a_node_replaces_its_tokens_and_ends_them() {
    let world = World::new().await;
    world.declare(&with_token(3_600)).await;
    ready(&world.client, 2).await;
    let (head, worker) = (token(&world, "head").unwrap(), token(&world, "workers-0").unwrap());
    world.operator.call("POST", "/v1/nodes/workers-0/rotate", &Value::Null).await.served();
    let new = replaced(&world, "workers-0", &worker).await;
    assert!(active(&world, &new).await && !active(&world, &worker).await);
    assert_eq!(token(&world, "head").unwrap(), head);
    assert!(active(&world, &head).await);
}

#[tokio::test]
async fn an_agent_gets_only_tokens_that_are_declared_for_its_node() {
    let world = World::with_nodes().await;
    let agent = world.holder(&world.held_by("workers-0", "node"));
    let ask = async |node: &str, service: &str| {
        agent.call("POST", &format!("/v1/nodes/{node}/services/{service}/tokens"), &Value::Null).await
    };
    let problem = ask("workers-0", "query").await.refused(ProblemCode::Forbidden);
    assert!(problem.detail.contains("is not declared with a token"), "{problem}");
    world.declare(&with_token(3_600)).await;
    ask("workers-0", "ledger").await.refused(ProblemCode::Forbidden);
    ask("head", "query").await.refused(ProblemCode::Forbidden);
    ask("workers-0", "query").await.served();
}

#[tokio::test]
async fn a_token_has_the_claims_that_are_declared_for_its_audience_only() {
    let world = with_alice().await;
    let ask = async |audience: &str| {
        let body = json!({ "audience": audience });
        let answer = world.operator.call("POST", "/v1/projects/fraud/members/alice/tokens", &body).await.served();
        let token = answer["token"].as_str().unwrap().to_owned();
        (verified(&token, &jwks(&world.public).await, audience).unwrap(), token)
    };
    let put: PutCluster = serde_json::from_value(json!({
        "token_audiences": {
            "search": {
                "subject": "project",
                "claims": { "backend_roles": "roles", "pn": "project", "login": "user", "run": "job" },
            },
        },
    }))
    .unwrap();
    world.declare(&put).await;
    let (claims, token) = ask("search").await;
    assert_eq!(claims["sub"], json!("fraud"));
    assert_eq!(claims["backend_roles"], json!(["data_scientist"]));
    assert_eq!((&claims["pn"], &claims["login"]), (&json!("fraud"), &json!("alice")));
    assert_eq!((&claims["project"], &claims["user"]), (&json!("fraud"), &json!("alice")));
    assert!(claims.get("run").is_none(), "{claims}");
    assert!(active(&world, &token).await, "introspection knows whose it is");
    let (claims, _) = ask("query").await;
    assert_eq!(claims["sub"], json!("fraud__alice"));
    assert!(claims.get("backend_roles").is_none(), "{claims}");
    let names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(names.iter().all(|name| ringfence_api::cluster::OWN_CLAIMS.contains(name)), "{names:?}");
    world.operator.call("DELETE", "/v1/projects/fraud/members/alice", &Value::Null).await.served();
    assert!(!active(&world, &token).await);
    for wrong in [
        json!({ "search": { "claims": { "sub": "user" } } }),
        json!({ "search": { "claims": { "a b": "user" } } }),
        json!({ "search": { "claims": { "x": "password" } } }),
        json!({ "search": { "subject": "nobody" } }),
        json!({ "se arch": {} }),
    ] {
        let put = json!({ "token_audiences": wrong });
        world.operator.call("PUT", "/v1/cluster", &put).await.refused(ProblemCode::InvalidRequest);
    }
}

#[tokio::test]
async fn compromised_keys_are_erased_and_every_token_ends() {
    let world = with_alice().await;
    world.declare(&with_token(3_600)).await;
    ready(&world.client, 2).await;
    let (of_alice, of_worker) = (issued(&world).await.token, token(&world, "workers-0").unwrap());
    let before = jwks(&world.public).await;
    world.client.rotate_compromised_token_keys().await.unwrap();
    let after = jwks(&world.public).await;
    for token in [&of_alice, &of_worker] {
        assert!(!active(&world, token).await);
    }
    assert!(verified(&of_alice, &after, "query").is_err(), "its key is not published any more");
    let kids = |set: &jsonwebtoken::jwk::JwkSet| {
        set.keys.iter().filter_map(|key| key.common.key_id.clone()).collect::<Vec<_>>()
    };
    assert!(kids(&before).iter().all(|kid| !kids(&after).contains(kid)));
    let new = replaced(&world, "workers-0", &of_worker).await;
    verified(&new, &after, "search").unwrap();
    assert!(active(&world, &issued(&world).await.token).await);
}
