//! Changing the operator's token: both log in until the new one has, then the old one is retired with its sessions; and
//! what was acknowledged survives a kill.

use ringfence_api::operator::{OperatorKeys, PutOperatorKey};
use ringfence_api::{Client, Credentials, ProblemCode};
use ringfence_tests::head::{OTHER_TOKEN, TOKEN, token};
use serde_json::json;

use super::https::Https;
use super::world::World;

/// A token that is neither of the others.
const THIRD_TOKEN: &str = "0b7c41d9e2f85a6390c1d4b8276ef35a9d08c3b1f6472e5ad9801c4e7b32f6a5";

/// A client that has not logged in yet.
fn with(world: &World, text: &str) -> Client {
    world.head.client(Credentials::Operator(token(text).key()))
}

fn put(text: &str) -> PutOperatorKey {
    PutOperatorKey { public_key: token(text).key().public() }
}

fn keys(current: &str, pending: Option<&str>) -> OperatorKeys {
    OperatorKeys { current: put(current).public_key, pending: pending.map(|text| put(text).public_key) }
}

async fn is_refused(world: &World, text: &str, because: &str) {
    let refused = with(world, text).login().await.unwrap_err();
    assert_eq!(refused.code(), Some(ProblemCode::LoginRefused), "{refused}");
    assert!(refused.to_string().contains(because), "{refused}");
}

const RETIRED: &str = "this operator token was replaced by another one at";
const UNKNOWN: &str = "the signature is not by this cluster's operator token";

#[tokio::test]
async fn the_first_login_with_the_new_token_retires_the_old_one_and_its_sessions() {
    let world = World::new().await;
    is_refused(&world, OTHER_TOKEN, UNKNOWN).await;
    assert_eq!(world.client.put_operator_key(&put(OTHER_TOKEN)).await.unwrap(), keys(TOKEN, Some(OTHER_TOKEN)));
    // Until the new one has come, the old one is as good as ever.
    with(&world, TOKEN).login().await.unwrap();
    world.operator.get("/v1/whoami").await.served();
    let new = with(&world, OTHER_TOKEN);
    new.login().await.unwrap();
    let problem = world.operator.get("/v1/whoami").await.refused(ProblemCode::SessionInvalid);
    assert!(problem.detail.contains("was replaced by another"), "{problem}");
    is_refused(&world, TOKEN, RETIRED).await;
    let refused = world.client.cluster().await.unwrap_err();
    assert!(refused.to_string().contains(RETIRED), "{refused}");
    new.cluster().await.unwrap();
    let rows: Vec<ringfence_api::inspect::AuditEntry> = new.read("/v1/audit?limit=1000").await.unwrap();
    for action in ["put_operator_key", "retire_operator_key"] {
        let found: Vec<_> = rows.iter().filter(|row| row.action == action).collect();
        assert_eq!(found.len(), 1, "{action}");
        assert_eq!((found[0].actor.as_str(), found[0].object.as_str()), ("operator", "test"));
        assert!(found[0].outcome.contains(&put(OTHER_TOKEN).public_key.to_string()), "{:?}", found[0]);
    }
}

#[tokio::test]
async fn putting_a_key_that_logs_in_changes_nothing_and_another_replaces_the_pending_one() {
    let world = World::new().await;
    assert_eq!(world.client.put_operator_key(&put(TOKEN)).await.unwrap(), keys(TOKEN, None));
    for _ in 0..2 {
        assert_eq!(world.client.put_operator_key(&put(OTHER_TOKEN)).await.unwrap(), keys(TOKEN, Some(OTHER_TOKEN)));
        assert_eq!(world.client.put_operator_key(&put(TOKEN)).await.unwrap(), keys(TOKEN, Some(OTHER_TOKEN)));
    }
    assert_eq!(world.client.put_operator_key(&put(THIRD_TOKEN)).await.unwrap(), keys(TOKEN, Some(THIRD_TOKEN)));
    let noted = world.audit().await.into_iter().filter(|row| row.action == "put_operator_key").count();
    assert_eq!(noted, 2);
    is_refused(&world, OTHER_TOKEN, UNKNOWN).await;
    with(&world, THIRD_TOKEN).login().await.unwrap();
    is_refused(&world, TOKEN, RETIRED).await;
    is_refused(&world, OTHER_TOKEN, UNKNOWN).await;
}

#[tokio::test]
async fn a_retired_token_can_be_put_again() {
    let world = World::new().await;
    world.client.put_operator_key(&put(OTHER_TOKEN)).await.unwrap();
    let other = with(&world, OTHER_TOKEN);
    // The very call that logs in: the old one is retired by then.
    assert_eq!(other.put_operator_key(&put(OTHER_TOKEN)).await.unwrap(), keys(OTHER_TOKEN, None));
    assert_eq!(other.put_operator_key(&put(TOKEN)).await.unwrap(), keys(OTHER_TOKEN, Some(TOKEN)));
    with(&world, TOKEN).login().await.unwrap();
    is_refused(&world, OTHER_TOKEN, RETIRED).await;
    with(&world, TOKEN).put_operator_key(&put(OTHER_TOKEN)).await.unwrap();
    with(&world, OTHER_TOKEN).login().await.unwrap();
    is_refused(&world, TOKEN, RETIRED).await;
}

#[tokio::test]
async fn a_change_of_the_token_survives_a_kill_at_each_of_its_steps() {
    let mut world = World::new().await;
    let file = world.sandbox.path().join("head/operator_keys");
    let lines = |texts: &[&str]| {
        let keys: Vec<String> = texts.iter().map(|text| put(text).public_key.to_string()).collect();
        keys.join("\n") + "\n"
    };
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines(&[TOKEN]));
    world.client.put_operator_key(&put(OTHER_TOKEN)).await.unwrap();
    world.head.kill().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines(&[TOKEN, OTHER_TOKEN]));
    world.head.restart(&[]).await;
    with(&world, TOKEN).login().await.unwrap();
    with(&world, OTHER_TOKEN).login().await.unwrap();
    world.head.kill().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines(&[OTHER_TOKEN]));
    // Its configuration still names the first one; the database wins. What was lost is written again.
    let config = std::fs::read_to_string(world.sandbox.path().join("head/serve.toml")).unwrap();
    assert!(config.contains(&put(TOKEN).public_key.to_string()));
    std::fs::remove_file(&file).unwrap();
    world.head.restart(&[]).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines(&[OTHER_TOKEN]));
    is_refused(&world, TOKEN, RETIRED).await;
    with(&world, OTHER_TOKEN).cluster().await.unwrap();
}

#[tokio::test]
async fn an_invalid_key_is_refused() {
    let world = World::new().await;
    // The last three are the neutral point, a point of order 8, and another spelling of the neutral point.
    for text in [
        "",
        "AAAA",
        TOKEN,
        "not base64!",
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/IU=",
        "7v///////////////////////////////////////38=",
    ] {
        let body = json!({ "public_key": text });
        world.operator.call("PUT", "/v1/operator-key", &body).await.refused(ProblemCode::InvalidRequest);
    }
    assert_eq!(world.client.put_operator_key(&put(TOKEN)).await.unwrap(), keys(TOKEN, None));
    // Nobody but the operator may put one.
    let public = Https::public(&world.head.connection());
    let body = json!({ "public_key": put(OTHER_TOKEN).public_key });
    public.call("PUT", "/v1/operator-key", &body).await.refused(ProblemCode::Unauthenticated);
}
