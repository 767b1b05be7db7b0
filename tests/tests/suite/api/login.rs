//! The operator's login: what is refused, and how long a session is valid.

use ringfence_api::login::message;
use ringfence_api::{ClusterId, OperatorKey, ProblemCode};
use ringfence_pki::{fingerprint, pem_certificates};
use ringfence_tests::head::{OTHER_TOKEN, TOKEN, token};
use serde_json::{Value, json};

use super::https::{Answer, Https};
use super::world::World;

/// A login by hand.
struct Attempt {
    key: OperatorKey,
    cluster: ClusterId,
    ca: [u8; 32],
}

impl Attempt {
    /// One that is right in everything.
    fn right(world: &World) -> Self {
        let connection = world.head.connection();
        let ca = digest(&pem_certificates(&connection.ca_certificate).unwrap()[0]);
        Self { key: token(TOKEN).key(), cluster: connection.cluster_id, ca }
    }

    async fn answer(&self, world: &World, nonce: &str) -> Answer {
        let signature = self.key.sign(&message(&self.cluster, nonce, &self.ca));
        world.public.call("POST", "/v1/login", &json!({ "nonce": nonce, "signature": signature })).await
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    let text = fingerprint(bytes);
    std::array::from_fn(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
}

async fn nonce(world: &World) -> String {
    let given = world.public.call("POST", "/v1/login/nonces", &Value::Null).await.served();
    assert_eq!(given["cluster_id"], world.head.connection().cluster_id.to_string());
    given["nonce"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_right_signature_opens_a_session() {
    let world = World::new().await;
    let login = Attempt::right(&world).answer(&world, &nonce(&world).await).await.served();
    // The name of the scheme is of any case (RFC 9110, section 11.1).
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let authorization = format!("{scheme} {}", login["session"].as_str().unwrap());
        let caller = Https::public(&world.head.connection()).with_authorization(&authorization);
        assert_eq!(caller.get("/v1/whoami").await.served(), json!({ "kind": "operator" }), "{scheme}");
    }
}

#[tokio::test]
async fn a_nonce_is_never_given_twice() {
    let world = World::new().await;
    let mut nonces = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let nonce = nonce(&world).await;
        assert_eq!(nonce.split('.').next().unwrap().len(), 32, "128 bits that nobody can guess: {nonce}");
        assert!(nonces.insert(nonce));
    }
}

#[tokio::test]
async fn a_signature_of_another_key_cluster_or_ca_is_refused() {
    let world = World::new().await;
    let right = || Attempt::right(&world);
    let mut other_ca = right().ca;
    other_ca[31] ^= 1;
    let attempts = [
        ("another token", Attempt { key: token(OTHER_TOKEN).key(), ..right() }),
        ("another CA", Attempt { ca: other_ca, ..right() }),
        ("another cluster", Attempt { cluster: ClusterId::random(), ..right() }),
    ];
    for (what, attempt) in attempts {
        let problem = attempt.answer(&world, &nonce(&world).await).await.refused(ProblemCode::LoginRefused);
        assert!(problem.detail.contains("signature"), "{what}: {problem}");
    }
    for signature in ["", "AA==", "not base64!"] {
        let body = json!({ "nonce": nonce(&world).await, "signature": signature });
        world.public.call("POST", "/v1/login", &body).await.refused(ProblemCode::LoginRefused);
    }
}

#[tokio::test]
async fn a_nonce_opens_one_session_and_only_unchanged() {
    let mut world = World::new().await;
    let right = Attempt::right(&world);
    let used = nonce(&world).await;
    right.answer(&world, &used).await.served();
    right.answer(&world, &used).await.refused(ProblemCode::LoginRefused);
    // Whoever answers wrongly takes nothing from whoever answers rightly.
    let tried = nonce(&world).await;
    let wrong = Attempt { key: token(OTHER_TOKEN).key(), ..Attempt::right(&world) };
    wrong.answer(&world, &tried).await.refused(ProblemCode::LoginRefused);
    right.answer(&world, &tried).await.served();
    for made_up in ["made up".to_owned(), format!("0{}", nonce(&world).await), String::new()] {
        right.answer(&world, &made_up).await.refused(ProblemCode::LoginRefused);
    }
    // What was used stays used after a restart.
    world.head.kill().await;
    world.head.restart(&[]).await;
    right.answer(&world, &used).await.refused(ProblemCode::LoginRefused);
}

#[tokio::test]
async fn the_typed_client_reports_a_refused_login() {
    let world = World::new().await;
    let stranger = world.head.client(ringfence_api::Credentials::Operator(token(OTHER_TOKEN).key()));
    assert_eq!(stranger.cluster().await.unwrap_err().code(), Some(ProblemCode::LoginRefused));
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let mut world = World::new().await;
    let session = world.client.login().await.unwrap().session;
    world.head.kill().await;
    world.head.restart(&[]).await;
    let caller = Https::public(&world.head.connection()).with_session(&session);
    caller.get("/v1/whoami").await.served();
}

#[tokio::test]
async fn beyond_the_limit_the_oldest_sessions_are_closed_and_the_client_logs_in_again() {
    let world = World::new().await;
    // The session of the raw operator is the first of all.
    world.operator.get("/v1/whoami").await.served();
    world.client.cluster().await.unwrap();
    for _ in 0..16 {
        futures::future::join_all((0..64).map(async |_| world.client.login().await.unwrap())).await;
    }
    world.operator.get("/v1/whoami").await.refused(ProblemCode::SessionInvalid);
    world.client.cluster().await.expect("it has logged in again");
}
