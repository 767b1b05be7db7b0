//! What is never shown: after everything has been driven, at the loudest logging, the operator's token, sessions,
//! tokens of project users and private keys lie in no log, no database, no command line and no environment.

use std::os::unix::fs::PermissionsExt as _;

use ringfence_api::project::{MemberRole, PutMember};
use ringfence_api::token::PostToken;
use ringfence_api::{Audience, Credentials, ProblemCode};
use ringfence_tests::head::{OTHER_TOKEN, TOKEN, token};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use super::https::{Https, Pem};
use super::joining::holding;
use super::routes::ROUTES;
use super::world::{World, project, user};
use crate::nodes::{declared, ready};
use ringfence_api::cluster::AuthoritySettings;

#[tokio::test]
async fn no_secret_is_in_logs_database_arguments_or_environment() {
    let mut world = World::new().await;
    world.head.kill().await;
    world.head.restart(&[("RINGFENCE_LOG", "trace")]).await;
    let session = world.client.login().await.unwrap().session;
    world.operator = Https::public(&world.head.connection()).with_session(&session);
    world.public = Https::public(&world.head.connection());
    world.declare(&declared(1, AuthoritySettings::default())).await;
    ready(&world.client, 2).await;
    world.people("fraud", &["alice", "bob"]).await;
    let credentials = [world.credentials("fraud", "alice").await, world.credentials("fraud", "bob").await];
    let alice = world.holder(&Pem::from(&credentials[0]));
    let agent = world.holder(&world.held_by("workers-0", "node"));
    let post = PostToken { audience: Audience::parse("query").unwrap(), lifetime: None, job: None, one_time: false };
    let issued = world.client.issue_token(&project("fraud"), &user("bob"), &post).await.unwrap().token;
    // One of these routes makes alice the only member.
    for caller in [&world.public, &alice, &agent, &world.operator] {
        for route in ROUTES.iter().filter(|route| route.method != "DELETE") {
            route.call(caller).await;
        }
    }
    let stranger = world.head.client(Credentials::Operator(token(OTHER_TOKEN).key()));
    assert_eq!(stranger.cluster().await.unwrap_err().code(), Some(ProblemCode::LoginRefused));
    let put = PutMember { role: MemberRole::DataOwner };
    world.client.put_member(&project("fraud"), &user("bob"), &put).await.unwrap();
    world.client.delete_member(&project("fraud"), &user("alice")).await.unwrap();
    alice.get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
    // Secrets where they do not belong, as a careless caller sends them.
    world.operator.get(&format!("/v1/projects/{TOKEN}")).await.refused(ProblemCode::InvalidRequest);
    let body = json!({ "description": "x", "private_key": credentials[0].private_key });
    world.operator.call("PUT", "/v1/projects/fraud", &body).await.refused(ProblemCode::UnknownField);

    let root = world.sandbox.path();
    let log = std::fs::read_to_string(root.join("head/serve.log")).unwrap();
    assert!(log.contains("the operator logged in"), "the log is not the one that was meant: {log}");
    assert!(log.contains("TRACE"), "the log is not at its loudest");
    let mut secrets: Vec<(&str, Vec<u8>)> = vec![
        ("the operator's token", TOKEN.into()),
        ("another's token", OTHER_TOKEN.into()),
        ("a session", session.into_bytes()),
        ("a token's claims", issued.split('.').nth(1).unwrap().into()),
        ("a token's signature", issued.split('.').nth(2).unwrap().into()),
    ];
    for credentials in &credentials {
        let lines: Vec<&str> = credentials.private_key.lines().filter(|line| !line.starts_with('-')).collect();
        secrets.push(("a member's key in PEM", lines[0].into()));
        let der = PrivateKeyDer::from_pem_slice(credentials.private_key.as_bytes()).unwrap();
        // The secret itself: 32 bytes behind the fixed beginning of PKCS #8 for P-256 (RFC 5915).
        let der = der.secret_der();
        let at = der.windows(2).skip(30).position(|bytes| bytes == [0x04, 0x20]).unwrap() + 32;
        secrets.push(("a member's key", der[at..at + 32].to_vec()));
    }
    for (what, secret) in &secrets {
        let found = holding(root, secret);
        assert!(found.is_empty(), "{what} lies in {found:?}");
    }
    let keys = holding(root, b"PRIVATE KEY");
    assert!(!keys.is_empty(), "the search finds nothing at all");
    for path in keys {
        let relative = path.strip_prefix(root).unwrap();
        let is_a_nodes = relative.starts_with("nodes") && relative.file_name().is_some_and(|name| name == "tls.key");
        assert!(is_a_nodes, "a private key lies in {}", path.display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert!(matches!(mode, 0o600 | 0o640), "{} is {mode:o}", path.display());
    }
    for file in ["ringfence.db", "ringfence.db-wal", "ringfence.db-shm", "master.key"] {
        let mode = std::fs::metadata(root.join("head").join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file} is {mode:o}");
    }
    let processes = world.sandbox.processes();
    assert_eq!(processes.len(), 3);
    let master = std::fs::read_to_string(root.join("head/master.key")).unwrap();
    secrets.push(("the master key", master.trim().into()));
    for (directory, identity) in processes {
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(format!("/proc/{}/{file}", identity.pid)).unwrap();
            for (what, secret) in secrets.iter().chain([&("a private key", b"PRIVATE KEY".to_vec())]) {
                let shown = text.windows(secret.len()).any(|bytes| bytes == secret);
                assert!(!shown, "{what} is in the {file} of {}", directory.display());
            }
        }
    }
}
