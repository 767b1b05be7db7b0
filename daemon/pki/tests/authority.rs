//! What a CA promises, judged by a verifier (webpki) that did not write the certificates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;

use aws_lc_rs::rand::SystemRandom;
use jiff::{SignedDuration, Timestamp};
use ringfence_pki::{
    Authority, CertificateFacts, CrlShard, Domain, Leaf, PrivateKey, Profile, Reason, Request, Revoked, Serial, Usage,
    Validity, pem_certificate, pem_crl, verify_leaf,
};

const ROOT_CRL: &str = "https://127.0.0.1:8443/v1/crls/root-1/0";
const SERVICES_CRL: &str = "https://127.0.0.1:8443/v1/crls/services-1/0";
const DAY: SignedDuration = SignedDuration::from_hours(24);

struct World {
    root: Authority,
    services: Authority,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let rng = SystemRandom::new();
        let root = Authority::create_root("test root", Serial::random(&rng), now).unwrap();
        let root = Authority::load(&root.certificate, &root.private_key).unwrap();
        let services =
            root.create_intermediate("test services", Domain::Services, Serial::random(&rng), ROOT_CRL, now).unwrap();
        let services = Authority::load(&services.certificate, &services.private_key).unwrap();
        Self { root, services, now }
    }

    fn leaf(&self, profile: Profile, lifetime: SignedDuration) -> Leaf {
        Leaf {
            profile,
            common_name: "workers-0.demo.internal".to_owned(),
            system_user: Some("query".to_owned()),
            dns_names: BTreeSet::from(["query.demo.internal".to_owned(), "workers-0.demo.internal".to_owned()]),
            ip_addresses: BTreeSet::from(["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()]),
            serial: Serial::random(&SystemRandom::new()),
            validity: Validity::starting(self.now, lifetime),
            crl_url: SERVICES_CRL.to_owned(),
        }
    }

    fn issue(&self, leaf: &Leaf) -> String {
        let request = Request::parse(&PrivateKey::generate().unwrap().request("ignored").unwrap()).unwrap();
        let issued = self.services.issue(leaf, request.public_key()).unwrap();
        format!("{}{}", pem_certificate(&issued.certificate), pem_certificate(self.services.certificate()))
    }

    fn bundle(&self) -> String {
        pem_certificate(self.root.certificate())
    }

    fn crls(&self, number: i64, revoked: &[Revoked]) -> String {
        let root = CrlShard { domain: Domain::Root, url: ROOT_CRL.to_owned() };
        let services = CrlShard { domain: Domain::Services, url: SERVICES_CRL.to_owned() };
        let root = self.root.sign_crl(&root, number, &[], Validity::starting(self.now, DAY)).unwrap();
        let services = self.services.sign_crl(&services, number, revoked, Validity::starting(self.now, DAY)).unwrap();
        format!("{}{}", pem_crl(&root.der), pem_crl(&services.der))
    }
}

#[test]
fn a_service_certificate_verifies_in_both_directions() {
    let world = World::new();
    let chain = world.issue(&world.leaf(Profile::Service, DAY));
    for usage in [Usage::Client, Usage::Server] {
        assert_eq!(verify_leaf(&chain, &world.bundle(), &world.crls(1, &[]), usage, world.now), Ok(()));
    }
}

#[test]
fn a_profile_is_good_only_for_its_usage() {
    let world = World::new();
    let node = world.issue(&world.leaf(Profile::Node, DAY));
    assert!(verify_leaf(&node, &world.bundle(), "", Usage::Client, world.now).is_ok());
    assert!(verify_leaf(&node, &world.bundle(), "", Usage::Server, world.now).is_err());
    let server = world.issue(&world.leaf(Profile::ApiServer, DAY));
    assert!(verify_leaf(&server, &world.bundle(), "", Usage::Server, world.now).is_ok());
    assert!(verify_leaf(&server, &world.bundle(), "", Usage::Client, world.now).is_err());
}

#[test]
fn a_revoked_certificate_is_refused_and_its_neighbour_is_not() {
    let world = World::new();
    let revoked = world.leaf(Profile::Service, DAY);
    let neighbour = world.issue(&world.leaf(Profile::Service, DAY));
    let entry = Revoked { serial: revoked.serial, revoked_at: world.now, reason: Reason::PrivilegeWithdrawn };
    let crls = world.crls(2, &[entry]);
    assert!(verify_leaf(&world.issue(&revoked), &world.bundle(), &crls, Usage::Client, world.now).is_err());
    assert_eq!(verify_leaf(&neighbour, &world.bundle(), &crls, Usage::Client, world.now), Ok(()));
}

#[test]
fn an_expired_crl_is_not_believed() {
    let world = World::new();
    let chain = world.issue(&world.leaf(Profile::Service, DAY * 3));
    let crls = world.crls(1, &[]);
    let later = world.now + DAY + SignedDuration::from_secs(1);
    assert!(verify_leaf(&chain, &world.bundle(), &crls, Usage::Client, later).is_err());
}

#[test]
fn a_certificate_of_another_root_is_refused() {
    let (world, other) = (World::new(), World::new());
    let chain = other.issue(&other.leaf(Profile::Service, DAY));
    assert!(verify_leaf(&chain, &world.bundle(), "", Usage::Client, world.now).is_err());
}

#[test]
fn a_leaf_never_outlives_its_issuer() {
    let world = World::new();
    let chain = world.issue(&world.leaf(Profile::Service, SignedDuration::from_hours(24 * 365 * 20)));
    let leaf = &ringfence_pki::pem_certificates(&chain).unwrap()[0];
    assert_eq!(CertificateFacts::read(leaf).unwrap().not_after, world.services.facts().not_after);
}

#[test]
fn names_come_from_the_declaration_and_not_from_the_request() {
    let world = World::new();
    let chain = world.issue(&world.leaf(Profile::Service, DAY));
    let facts = CertificateFacts::read(&ringfence_pki::pem_certificates(&chain).unwrap()[0]).unwrap();
    assert_eq!(facts.common_name, "workers-0.demo.internal");
    assert_eq!(facts.locality.as_deref(), Some("query"));
    assert_eq!(facts.alternative_names, ["query.demo.internal", "workers-0.demo.internal", "127.0.0.1", "::1"]);
}

#[test]
fn a_server_certificate_without_a_name_is_withheld() {
    let world = World::new();
    let leaf = Leaf { dns_names: BTreeSet::new(), ip_addresses: BTreeSet::new(), ..world.leaf(Profile::Service, DAY) };
    let key = PrivateKey::generate().unwrap();
    let error = world.services.issue(&leaf, &key.public()).unwrap_err();
    assert!(error.to_string().contains("must have an alternative name"), "{error}");
}

#[test]
fn openssl_accepts_the_whole_chain_with_its_crls_and_refuses_a_revoked_leaf() {
    let world = World::new();
    let (good, revoked) = (world.leaf(Profile::Service, DAY), world.leaf(Profile::Service, DAY));
    let entry = Revoked { serial: revoked.serial, revoked_at: world.now, reason: Reason::PrivilegeWithdrawn };
    let crls = world.crls(2, &[entry]);
    assert_eq!(openssl_verify(&world, &world.issue(&good), &crls), Ok(()));
    let refusal = openssl_verify(&world, &world.issue(&revoked), &crls).unwrap_err();
    assert!(refusal.contains("certificate revoked"), "{refusal}");
}

/// Verifies as nginx and PostgreSQL do: the whole chain, each certificate against a CRL.
fn openssl_verify(world: &World, chain: &str, crls: &str) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let output = std::process::Command::new("openssl")
        .args(["verify", "-crl_check_all", "-attime", &world.now.as_second().to_string(), "-CAfile"])
        .arg(file("ca.pem", &world.bundle()))
        .arg("-CRLfile")
        .arg(file("crl.pem", crls))
        .arg("-untrusted")
        .arg(file("chain.pem", chain))
        .arg(file("leaf.pem", chain))
        .output()
        .expect("openssl is on the PATH (Debian: apt-get install openssl)");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
