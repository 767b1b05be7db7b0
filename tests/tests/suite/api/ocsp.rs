//! OCSP, verified by openssl: a response for one certificate, signed by its issuer, that changes at the revocation.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringfence_api::certificate::PostIdentityCertificate;
use ringfence_pki::{PrivateKey, pem_certificate, pem_certificates};

use super::world::{World, project, user};

const TYPE: &str = "application/ocsp-response";

fn openssl(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A certificate with its issuer and the root beside it, as files.
async fn issued(world: &World, directory: &Path) -> String {
    let request = PrivateKey::generate().unwrap().request("x").unwrap();
    let post = PostIdentityCertificate { request, lifetime: None };
    let issued = world.client.issue_member_certificate(&project("fraud"), &user("alice"), &post).await.unwrap();
    let chain = pem_certificates(&issued.chain).unwrap();
    std::fs::write(directory.join("leaf.pem"), pem_certificate(&chain[0])).unwrap();
    std::fs::write(directory.join("issuer.pem"), pem_certificate(&chain[1])).unwrap();
    std::fs::write(directory.join("ca.pem"), world.head.connection().ca_certificate).unwrap();
    issued.serial
}

/// What openssl says of the daemon's answer about the certificate.
async fn judged(world: &World, directory: &Path, hash: &str, get: bool) -> String {
    let certificate = ["ocsp", hash, "-issuer", "issuer.pem", "-cert", "leaf.pem"];
    openssl(directory, &[&certificate[..], &["-reqout", "request.der"]].concat());
    let request = std::fs::read(directory.join("request.der")).unwrap();
    let answer = if get {
        let text = STANDARD.encode(&request).replace('/', "%2F").replace('+', "%2B");
        world.public.get(&format!("/v1/ocsp/{text}")).await
    } else {
        let post = world.public.request("POST", "/v1/ocsp").header("content-type", "application/ocsp-request");
        super::https::Answer::of("POST /v1/ocsp", post.body(request)).await
    };
    assert_eq!((answer.status, answer.content_type.as_str()), (200, TYPE));
    std::fs::write(directory.join("response.der"), &answer.bytes).unwrap();
    openssl(directory, &[&certificate[..], &["-respin", "response.der", "-CAfile", "ca.pem", "-no_nonce"]].concat())
}

#[tokio::test]
async fn openssl_accepts_the_response_and_shows_a_revocation_at_once() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let serial = issued(&world, directory).await;
    for (hash, get) in [("-sha1", false), ("-sha256", false), ("-sha1", true), ("-sha256", true)] {
        let said = judged(&world, directory, hash, get).await;
        assert!(said.contains("Response verify OK") && said.contains("leaf.pem: good"), "{hash}: {said}");
    }
    // An answer that was kept is not given any more once it is not true.
    world.client.revoke_certificate(&serial).await.unwrap();
    for get in [false, true] {
        let said = judged(&world, directory, "-sha1", get).await;
        assert!(said.contains("Response verify OK") && said.contains("leaf.pem: revoked"), "{said}");
        assert!(said.contains("Reason: cessationOfOperation"), "{said}");
    }
}

#[tokio::test]
async fn foreign_certificates_and_malformed_requests_get_no_signed_response() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let status = async |body: &[u8]| {
        let post = world.public.request("POST", "/v1/ocsp").body(body.to_vec());
        let answer = super::https::Answer::of("POST /v1/ocsp", post).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, TYPE));
        answer.bytes
    };
    let refusal = |code: u8| vec![0x30, 3, 0x0a, 1, code];
    for body in [&b""[..], b"hello", &[0x30, 0x80, 0, 0], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(status(body).await, refusal(1), "malformed: {body:02x?}");
    }
    // Another cluster's certificate.
    let other = World::new().await;
    other.people("fraud", &["alice"]).await;
    let directory = tempfile::tempdir().unwrap();
    issued(&other, directory.path()).await;
    let said = judged(&world, directory.path(), "-sha1", false).await;
    assert!(said.contains("unauthorized"), "{said}");
}
