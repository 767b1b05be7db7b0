//! What somebody without a credential can do to a daemon: little, and the others are served meanwhile.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringfence_api::ProblemCode;
use ringfence_tests::eventually;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::api::https::{Answer, Https, KeptOpen};
use crate::api::world::{SOON, World};

/// How many strangers may be connected from one address.
const STRANGERS: usize = 128;
/// How many public requests are served at the same time.
const PUBLIC_REQUESTS: usize = 64;

/// The head of a login whose body is to come.
const LOGIN: &str = "POST /v1/login HTTP/1.1\r\nhost: ringfence\r\ncontent-type: application/json\r\n\
                     content-length: 4096\r\n";

/// Lets this process open as many files as it may.
fn many_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// Whether the daemon has not closed this connection, on which nothing was said.
fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test]
async fn idle_connections_of_a_stranger_keep_nobody_else_out() {
    many_files();
    let world = World::with_nodes().await;
    let connection = world.head.connection();
    let session = world.client.login().await.unwrap().session;
    let whoami = format!("GET /v1/whoami HTTP/1.1\r\nhost: ringfence\r\nauthorization: Bearer {session}\r\n\r\n");
    let mut operator = KeptOpen::public(&connection);
    operator.send(&whoami).unwrap();
    operator.answer("whoami, before").unwrap().served();

    let address = connection.endpoint.trim_start_matches("https://");
    let strangers: Vec<TcpStream> = (0..600).map(|_| TcpStream::connect(address).unwrap()).collect();
    eventually("all but the last strangers are disconnected", SOON, async || {
        let open = strangers.iter().filter(|stream| is_open(stream)).count();
        if open <= STRANGERS { Ok(()) } else { Err(format!("{open} are connected")) }
    })
    .await;

    operator.send(&whoami).unwrap();
    operator.answer("whoami, on the connection of before").unwrap().served();
    Https::public(&connection).get("/v1/health").await.served();
    let agent = world.holder(&world.held_by("workers-0", "node"));
    let report = json!({ "generation": 0, "certificates": [], "fault": null });
    agent.call("PUT", "/v1/nodes/workers-0/report", &report).await.served();
    assert!(strangers.iter().any(is_open), "strangers are not refused for being many");
}

#[tokio::test]
async fn a_body_that_never_ends_is_refused_in_time() {
    let world = World::new().await;
    let mut stranger = KeptOpen::public(&world.head.connection());
    let began = Instant::now();
    stranger.send(&format!("{LOGIN}\r\n{{")).unwrap();
    // A byte now and then gives no more time.
    while !stranger.is_answered(Duration::from_millis(250)) {
        assert!(began.elapsed() < SOON, "the daemon still reads");
        stranger.send(" ").unwrap();
        world.public.get("/v1/health").await.served();
    }
    let refused = stranger.answer("a body that never ends").unwrap().refused(ProblemCode::BodyTimeout);
    assert!(refused.detail.contains("10 seconds"), "{refused}");
}

#[tokio::test]
async fn bodies_that_come_slowly_keep_nobody_from_logging_in() {
    let world = World::new().await;
    let connection = world.head.connection();
    let mut slow = Vec::new();
    for _ in 0..=PUBLIC_REQUESTS {
        let mut stranger = KeptOpen::public(&connection);
        stranger.send(&format!("{LOGIN}expect: 100-continue\r\n\r\n")).unwrap();
        assert!(stranger.is_answered(SOON), "the daemon waits for the body");
        slow.push(stranger);
    }
    world.client.login().await.unwrap();
}

#[tokio::test]
async fn a_public_route_takes_a_short_body_only() {
    let world = World::new().await;
    let long = "x".repeat(9 * 1024);
    for path in ["/v1/login", "/v1/login/nonces", "/v1/nodes/head/join", "/v1/ocsp"] {
        let refused = world.public.call_text("POST", path, &long).await.refused(ProblemCode::BodyTooLarge);
        assert!(refused.detail.contains("8192"), "{path}: {refused}");
    }
    // Others take more: this one is read, and is no JSON.
    world.operator.call_text("PUT", "/v1/cluster", &long).await.refused(ProblemCode::InvalidRequest);
}

/// A value in DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u8::try_from(content.len()).unwrap();
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, content].concat()
}

/// A request about so many certificates of nobody (RFC 6960, section 4.1.1), each named by SHA-1.
fn ocsp_request(certificates: usize) -> Vec<u8> {
    let algorithm: [u8; 11] = [0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00];
    let hash = der(0x04, &[&[7; 20]]);
    let one = der(0x30, &[&der(0x30, &[&algorithm, &hash, &hash, &[0x02, 1, 1]])]);
    der(0x30, &[&der(0x30, &[&der(0x30, &[&one.repeat(certificates)])])])
}

#[tokio::test]
async fn an_ocsp_request_about_two_certificates_is_malformed() {
    let world = World::new().await;
    // The codes of RFC 6960, section 4.2.1: `unauthorized` and `malformedRequest`.
    for (certificates, code) in [(1, 6), (2, 1)] {
        let post = world.public.request("POST", "/v1/ocsp").body(ocsp_request(certificates));
        let answer = Answer::of("POST /v1/ocsp", post).await;
        assert_eq!((answer.status, answer.bytes), (200, vec![0x30, 3, 0x0a, 1, code]), "{certificates} certificates");
    }
}

#[tokio::test]
async fn refused_logins_fill_no_log() {
    let world = World::new().await;
    for _ in 0..50 {
        let body = json!({ "nonce": "made up", "signature": "AA==" });
        world.public.call("POST", "/v1/login", &body).await.refused(ProblemCode::LoginRefused);
    }
    let log = world.head.log_text();
    let lines = log.lines().filter(|line| line.contains("a login was refused")).count();
    assert!((1..=10).contains(&lines), "{lines} lines: {log}");
}
