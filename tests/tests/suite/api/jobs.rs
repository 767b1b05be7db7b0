//! Jobs of project users: a certificate that names the job, tokens that end with it, and nothing valid after its end.

use ringfence_api::certificate::{CertificateProfile, PostIdentityCertificate};
use ringfence_api::whoami::Caller;
use ringfence_api::{Credentials, ProblemCode};
use ringfence_pki::{CertificateFacts, PrivateKey, pem_certificates};
use serde_json::{Value, json};

use super::crl::{LISTED, listed_within};
use super::world::{World, project, user};

const JOB: &str = "/v1/projects/fraud/members/alice/jobs/nightly-1";
const INTROSPECT: &str = "/v1/tokens/introspect";
const TOKENS: &str = "/v1/projects/fraud/members/alice/tokens";

async fn with_alice() -> World {
    let world = World::new().await;
    world.people("fraud", &["alice", "bob"]).await;
    world
}

/// A certificate of the job for a key of its own: chain and key in PEM, and its serial number.
async fn certificate(world: &World) -> (String, String, String) {
    let key = PrivateKey::generate().unwrap();
    let post = PostIdentityCertificate { request: key.request("x").unwrap(), lifetime: None };
    let body = serde_json::to_value(post).unwrap();
    let issued = world.operator.call("POST", &format!("{JOB}/certificates"), &body).await.served();
    let text = |field: &str| issued[field].as_str().unwrap().to_owned();
    (text("chain"), key.to_pem().to_string(), text("serial"))
}

async fn token(world: &World, body: Value) -> String {
    world.operator.call("POST", TOKENS, &body).await.served()["token"].as_str().unwrap().to_owned()
}

pub(super) async fn introspected(world: &World, token: &str) -> Value {
    world.operator.call("POST", INTROSPECT, &json!({ "token": token })).await.served()
}

#[tokio::test]
async fn a_job_has_certificates_of_its_own_that_are_revoked_when_it_ends() {
    let world = with_alice().await;
    let started = world.operator.call("PUT", JOB, &Value::Null).await.served();
    assert_eq!((started["project_user"].as_str(), &started["ended_at"]), (Some("fraud__alice"), &Value::Null));
    assert_eq!(
        world.operator.call("PUT", JOB, &Value::Null).await.served(),
        started,
        "starting it again changes nothing"
    );
    let (chain, private_key, serial) = certificate(&world).await;
    let facts = CertificateFacts::read(&pem_certificates(&chain).unwrap()[0]).unwrap();
    assert_eq!((facts.common_name.as_str(), facts.organization.as_deref()), ("fraud__alice", Some("nightly-1")));
    let job = world.head.client(Credentials::Certificate { chain, private_key });
    let Caller::Job { name, job: id } = job.whoami().await.unwrap() else { panic!("it is a job") };
    assert_eq!((name.to_string().as_str(), id.as_str()), ("fraud__alice", "nightly-1"));
    let own = world.credentials("fraud", "alice").await;
    let ended = world.operator.call("DELETE", JOB, &Value::Null).await.served();
    assert!(ended["ended_at"].is_string());
    assert_eq!(job.whoami().await.unwrap_err().code(), Some(ProblemCode::CertificateRevoked));
    listed_within(&world, "projects-1", &serial, LISTED).await;
    // The user goes on, and the job does not come back.
    assert_eq!(world.credentials("fraud", "alice").await.serial, own.serial);
    assert_eq!(
        world.operator.call("DELETE", JOB, &Value::Null).await.served(),
        ended,
        "ending it again changes nothing"
    );
    world.operator.call("PUT", JOB, &Value::Null).await.refused(ProblemCode::Conflict);
    // Even if the lifetime is too long: that it has ended comes first.
    let post = json!({ "request": PrivateKey::generate().unwrap().request("x").unwrap(), "lifetime": "10000h" });
    world.operator.call("POST", &format!("{JOB}/certificates"), &post).await.refused(ProblemCode::Conflict);
}

#[tokio::test]
async fn a_job_of_a_data_owner_may_not_manage_members() {
    let world = with_alice().await;
    let member = "/v1/projects/fraud/members/alice";
    world.operator.call("PUT", member, &json!({ "role": "data_owner" })).await.served();
    world.operator.call("PUT", JOB, &Value::Null).await.served();
    let (chain, key, _) = certificate(&world).await;
    let job = world.holder(&super::https::Pem { chain, key });
    let problem =
        job.call("DELETE", "/v1/projects/fraud/members/bob", &Value::Null).await.refused(ProblemCode::Forbidden);
    assert!(problem.detail.contains("job nightly-1 of fraud__alice"), "{problem}");
    job.get("/v1/projects/fraud/members").await.refused(ProblemCode::Forbidden);
}

#[tokio::test]
async fn a_removed_member_loses_jobs_and_tokens_too() {
    let world = with_alice().await;
    world.operator.call("PUT", JOB, &Value::Null).await.served();
    let (chain, private_key, serial) = certificate(&world).await;
    let of_job = token(&world, json!({ "audience": "query", "job": "nightly-1" })).await;
    let own = token(&world, json!({ "audience": "query" })).await;
    let job = world.head.client(Credentials::Certificate { chain, private_key });
    job.whoami().await.unwrap();
    world.client.delete_member(&project("fraud"), &user("alice")).await.unwrap();
    assert!(job.whoami().await.is_err());
    listed_within(&world, "projects-1", &serial, LISTED).await;
    // Also when there is a member of that name again.
    world.people("fraud", &["alice"]).await;
    for token in [of_job, own] {
        assert_eq!(introspected(&world, &token).await, json!({ "active": false }));
    }
    world.operator.get(JOB).await.refused(ProblemCode::NotFound);
    let rows: Vec<ringfence_api::certificate::Certificate> = world.client.read("/v1/certificates").await.unwrap();
    let row = rows.iter().find(|row| row.serial == serial).unwrap();
    assert_eq!((row.profile, row.job.as_deref()), (CertificateProfile::Job, Some("nightly-1")));
}

#[tokio::test]
async fn introspection_returns_the_claims_of_a_token_while_it_is_active() {
    let world = with_alice().await;
    world.operator.call("PUT", JOB, &Value::Null).await.served();
    let of_job = token(&world, json!({ "audience": "query", "job": "nightly-1" })).await;
    let said = introspected(&world, &of_job).await;
    for (claim, value) in [
        ("active", json!(true)),
        ("sub", json!("fraud__alice")),
        ("aud", json!("query")),
        ("project", json!("fraud")),
        ("user", json!("alice")),
        ("roles", json!(["data_scientist"])),
        ("job", json!("nightly-1")),
    ] {
        assert_eq!(said[claim], value, "{said}");
    }
    // The key has a successor, and the token is as good as before.
    world.client.rotate_token_keys().await.unwrap();
    assert_eq!(introspected(&world, &of_job).await, said);
    let other = token(&world, json!({ "audience": "query" })).await;
    world.operator.call("DELETE", JOB, &Value::Null).await.served();
    assert_eq!(introspected(&world, &of_job).await, json!({ "active": false }));
    world
        .operator
        .call("POST", TOKENS, &json!({ "audience": "query", "job": "nightly-1" }))
        .await
        .refused(ProblemCode::Conflict);
    // One that is ended by its id.
    let said = introspected(&world, &other).await;
    assert_eq!(said["active"], true);
    let path = format!("/v1/tokens/{}", said["jti"].as_str().unwrap());
    world.operator.call("DELETE", &path, &Value::Null).await.served();
    assert_eq!(introspected(&world, &other).await, json!({ "active": false }));
    for nonsense in ["", "x", "a.b.c", &other[..other.len() - 4], &format!("{}x", &other[1..])] {
        assert_eq!(introspected(&world, nonsense).await, json!({ "active": false }), "{nonsense}");
    }
    world.public.call("POST", INTROSPECT, &json!({ "token": other })).await.refused(ProblemCode::Unauthenticated);
}

#[tokio::test]
async fn a_one_time_token_is_active_for_exactly_one_of_many_concurrent_introspections() {
    let world = with_alice().await;
    let once = token(&world, json!({ "audience": "query", "one_time": true })).await;
    let asking = (0..20).map(|_| introspected(&world, &once));
    let answers = futures::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer["active"] == true).count(), 1);
    assert_eq!(introspected(&world, &once).await, json!({ "active": false }));
    let issued = world.operator.call("POST", TOKENS, &json!({ "audience": "query", "one_time": true })).await.served();
    let end: jiff::Timestamp = issued["expires_at"].as_str().unwrap().parse().unwrap();
    let life = end.duration_since(ringfence_api::Clock::now(&ringfence_api::SystemClock));
    assert!(life <= jiff::SignedDuration::from_secs(60), "{life}");
}
