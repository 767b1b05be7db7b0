//! The operator's login: what is refused, and how long a session is valid.

use ringfence_api::login::{fingerprint, message, message_before};
use ringfence_api::{ClusterId, OperatorKey, ProblemCode};
use ringfence_pki::pem_certificates;
use ringfence_tests::head::{OTHER_TOKEN, TOKEN, token};
use serde_json::{Value, json};

use super::https::{Answer, Https, Pem};
use super::world::World;

/// A login by hand.
struct Attempt {
    key: OperatorKey,
    cluster: ClusterId,
    ca: [u8; 32],
    server: [u8; 32],
}

impl Attempt {
    /// One that is right in everything.
    async fn right(world: &World) -> Self {
        let connection = world.head.connection();
        let ca = fingerprint(&pem_certificates(&connection.ca_certificate).unwrap()[0]);
        let server = fingerprint(&world.public.server_certificate().await);
        Self { key: token(TOKEN).key(), cluster: connection.cluster_id, ca, server }
    }

    async fn answer(&self, world: &World, nonce: &str) -> Answer {
        self.sign(world, nonce, &message(&self.cluster, nonce, &self.ca, &self.server)).await
    }

    async fn sign(&self, world: &World, nonce: &str, message: &[u8]) -> Answer {
        let body = json!({ "nonce": nonce, "signature": self.key.sign(message) });
        world.public.call("POST", "/v1/login", &body).await
    }
}

async fn nonce(world: &World) -> String {
    let given = world.public.call("POST", "/v1/login/nonces", &Value::Null).await.served();
    assert_eq!(given["cluster_id"], world.head.connection().cluster_id.to_string());
    given["nonce"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_right_signature_opens_a_session() {
    let world = World::new().await;
    let login = Attempt::right(&world).await.answer(&world, &nonce(&world).await).await.served();
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
async fn a_signature_of_another_key_cluster_ca_or_server_is_refused() {
    let world = World::new().await;
    let right = Attempt::right(&world).await;
    let right = || Attempt { key: token(TOKEN).key(), ..right };
    let mut other_ca = right().ca;
    other_ca[31] ^= 1;
    // A certificate of the cluster, and whose key a thief may have, is not the API's.
    world.people("fraud", &["alice"]).await;
    let alice = Pem::from(&world.credentials("fraud", "alice").await).leaf();
    let attempts = [
        ("another token", Attempt { key: token(OTHER_TOKEN).key(), ..right() }),
        ("another CA", Attempt { ca: other_ca, ..right() }),
        ("another cluster", Attempt { cluster: ClusterId::random(), ..right() }),
        ("another server", Attempt { server: fingerprint(&alice), ..right() }),
        ("no server", Attempt { server: [0; 32], ..right() }),
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
async fn a_client_of_the_version_before_is_told_that_it_is_too_old() {
    let world = World::new().await;
    let right = Attempt::right(&world).await;
    let given = nonce(&world).await;
    let text = message_before(&right.cluster, &given, &right.ca);
    let problem = right.sign(&world, &given, &text).await.refused(ProblemCode::LoginRefused);
    assert!(problem.detail.contains("this client is older than the cluster: update it"), "{problem}");
    // Whoever has no token learns nothing by it.
    let stranger = Attempt { key: token(OTHER_TOKEN).key(), ..right };
    let problem = stranger.sign(&world, &given, &text).await.refused(ProblemCode::LoginRefused);
    assert!(problem.detail.contains("the signature is not by"), "{problem}");
}

#[tokio::test]
async fn a_nonce_that_was_given_before_the_api_had_another_certificate_opens_a_session_after_that() {
    let mut world = World::new().await;
    let before = Attempt::right(&world).await;
    let given = nonce(&world).await;
    world.head.kill().await;
    world.head.restart(&[]).await;
    let after = Attempt::right(&world).await;
    assert_ne!(before.server, after.server, "each start makes a certificate");
    before.answer(&world, &given).await.served();
    after.answer(&world, &nonce(&world).await).await.served();
}

#[tokio::test]
async fn a_nonce_opens_one_session_and_only_unchanged() {
    let mut world = World::new().await;
    let right = Attempt::right(&world).await;
    let used = nonce(&world).await;
    right.answer(&world, &used).await.served();
    right.answer(&world, &used).await.refused(ProblemCode::LoginRefused);
    // Whoever answers wrongly takes nothing from whoever answers rightly.
    let tried = nonce(&world).await;
    let wrong = Attempt { key: token(OTHER_TOKEN).key(), ..Attempt::right(&world).await };
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
