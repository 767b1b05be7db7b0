//! What a CA promises, judged by a verifier (webpki) that did not write the certificates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;

use aws_lc_rs::rand::SystemRandom;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::certificate::RevocationReason;
use ringfence_api::cluster::KeyAlgorithm;
use ringfence_pki::{
    Authority, CertificateFacts, CrlShard, Entries, Extent, Leaf, Plan, PrivateKey, Profile, Request, Revoked, Serial,
    Usage, Validity, pem_certificate, pem_crl, verify_leaf,
};

const ROOT_CRL: &str = "https://127.0.0.1:8443/v1/crls/root-1/0";
const SERVICES_CRL: &str = "https://127.0.0.1:8443/v1/crls/services-1/0";
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn plan(domain: AuthorityDomain, name: &str) -> Plan {
    plan_with(domain, name, KeyAlgorithm::default())
}

fn plan_with(domain: AuthorityDomain, name: &str, algorithm: KeyAlgorithm) -> Plan {
    let years = if domain == AuthorityDomain::Root { 10 } else { 5 };
    let serial = Serial::random(&SystemRandom::new());
    Plan { domain, name: name.to_owned(), serial, algorithm, lifetime: DAY * 365 * years }
}

struct World {
    root: Authority,
    services: Authority,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let root = Authority::create_root(&plan(AuthorityDomain::Root, "test root"), now).unwrap();
        let root = Authority::load(&root.certificate, &root.private_key).unwrap();
        let services =
            root.create_intermediate(&plan(AuthorityDomain::Services, "test services"), ROOT_CRL, now).unwrap();
        let services = Authority::load(&services.certificate, &services.private_key).unwrap();
        Self { root, services, now }
    }

    fn leaf(&self, profile: Profile, lifetime: SignedDuration) -> Leaf {
        Leaf {
            profile,
            common_name: "workers-0.demo.internal".to_owned(),
            system_user: Some("query".to_owned()),
            job: None,
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
        let root = CrlShard { domain: AuthorityDomain::Root, url: ROOT_CRL.to_owned(), delta_url: None };
        let services = CrlShard { domain: AuthorityDomain::Services, url: SERVICES_CRL.to_owned(), delta_url: None };
        let root = self
            .root
            .sign_crl(&root, number, Extent::Complete, Entries::default(), Validity::starting(self.now, DAY))
            .unwrap();
        let services = self
            .services
            .sign_crl(
                &services,
                number,
                Extent::Complete,
                revoked.iter().copied().collect(),
                Validity::starting(self.now, DAY),
            )
            .unwrap();
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
    let dns_names = BTreeSet::from([ringfence_api::API_NAME.to_owned()]);
    let server = world.issue(&Leaf { dns_names, ..world.leaf(Profile::ApiServer, DAY) });
    assert!(verify_leaf(&server, &world.bundle(), "", Usage::Server, world.now).is_ok());
    assert!(verify_leaf(&server, &world.bundle(), "", Usage::Client, world.now).is_err());
}

#[test]
fn a_revoked_certificate_is_refused_and_its_neighbour_is_not() {
    let world = World::new();
    let revoked = world.leaf(Profile::Service, DAY);
    let neighbour = world.issue(&world.leaf(Profile::Service, DAY));
    let entry = Revoked { serial: revoked.serial, revoked_at: world.now, reason: RevocationReason::PrivilegeWithdrawn };
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
fn the_apis_name_is_in_the_apis_certificate_and_in_no_other() {
    let world = World::new();
    let key = PrivateKey::generate().unwrap();
    let names = |name: &str| BTreeSet::from([name.to_owned(), "head.demo.internal".to_owned()]);
    for profile in [Profile::Node, Profile::Service, Profile::ApiServer] {
        for name in [ringfence_api::API_NAME, "API.ringfence.internal", "workers-0.demo.internal"] {
            let leaf = Leaf { dns_names: names(name), ..world.leaf(profile, DAY) };
            let issued = world.services.issue(&leaf, &key.public());
            let is_api = name.eq_ignore_ascii_case(ringfence_api::API_NAME);
            assert_eq!(issued.is_ok(), is_api == (profile == Profile::ApiServer), "{profile:?} {name}: {issued:?}");
        }
    }
}

#[test]
fn openssl_accepts_the_whole_chain_with_its_crls_and_refuses_a_revoked_leaf() {
    let world = World::new();
    let (good, revoked) = (world.leaf(Profile::Service, DAY), world.leaf(Profile::Service, DAY));
    let entry = Revoked { serial: revoked.serial, revoked_at: world.now, reason: RevocationReason::PrivilegeWithdrawn };
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

#[test]
fn every_kind_of_key_makes_chains_and_lists_that_verify() {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    for algorithm in KeyAlgorithm::ALL {
        let root = Authority::create_root(&plan_with(AuthorityDomain::Root, "root", algorithm), now).unwrap();
        let root = Authority::load(&root.certificate, &root.private_key).unwrap();
        let made = root
            .create_intermediate(&plan_with(AuthorityDomain::Services, "services", algorithm), ROOT_CRL, now)
            .unwrap();
        let services = Authority::load(&made.certificate, &made.private_key).unwrap();
        let world = World { root, services, now };
        let leaf = world.leaf(Profile::Service, DAY);
        let key = PrivateKey::generate_for(algorithm).unwrap();
        let request = Request::parse(&key.request("x").unwrap()).unwrap();
        let issued = world.services.issue(&leaf, request.public_key()).unwrap();
        let chain =
            format!("{}{}", pem_certificate(&issued.certificate), pem_certificate(world.services.certificate()));
        for usage in [Usage::Client, Usage::Server] {
            let verified = verify_leaf(&chain, &world.bundle(), &world.crls(1, &[]), usage, now);
            assert_eq!(verified, Ok(()), "{algorithm:?}");
        }
        let revoked = Revoked { serial: issued.serial, revoked_at: now, reason: RevocationReason::KeyCompromise };
        let refused = verify_leaf(&chain, &world.bundle(), &world.crls(2, &[revoked]), Usage::Server, now);
        assert!(refused.is_err(), "{algorithm:?}");
    }
}

#[test]
fn whoever_trusts_only_the_root_before_trusts_what_its_successor_signs_by_the_cross_certificate() {
    let world = World::new();
    let load = |made: ringfence_pki::NewAuthority| Authority::load(&made.certificate, &made.private_key).unwrap();
    let second = load(Authority::create_root(&plan(AuthorityDomain::Root, "test root 2"), world.now).unwrap());
    let cross = world.root.cross_sign(&second, Serial::random(&SystemRandom::new()), ROOT_CRL, world.now).unwrap();
    let services = load(
        second.create_intermediate(&plan(AuthorityDomain::Services, "test services 2"), ROOT_CRL, world.now).unwrap(),
    );
    let request = Request::parse(&PrivateKey::generate().unwrap().request("x").unwrap()).unwrap();
    let issued = services.issue(&world.leaf(Profile::Service, DAY), request.public_key()).unwrap();
    let short = format!("{}{}", pem_certificate(&issued.certificate), pem_certificate(services.certificate()));
    let long = format!("{short}{}", pem_certificate(&cross.certificate));
    let verify = |chain: &str, root: &Authority| {
        verify_leaf(chain, &pem_certificate(root.certificate()), "", Usage::Server, world.now)
    };
    assert_eq!(verify(&long, &world.root), Ok(()));
    assert_eq!(verify(&long, &second), Ok(()));
    assert_eq!(verify(&short, &second), Ok(()));
    assert!(verify(&short, &world.root).is_err());
}

#[test]
fn an_authority_for_project_users_makes_nobody_a_server() {
    let world = World::new();
    let made =
        world.root.create_intermediate(&plan(AuthorityDomain::Projects, "test projects"), ROOT_CRL, world.now).unwrap();
    let projects = Authority::load(&made.certificate, &made.private_key).unwrap();
    let request = Request::parse(&PrivateKey::generate().unwrap().request("x").unwrap()).unwrap();
    let chain = |leaf: &Leaf| {
        let issued = projects.issue(leaf, request.public_key()).unwrap();
        format!("{}{}", pem_certificate(&issued.certificate), pem_certificate(projects.certificate()))
    };
    let user = Leaf {
        common_name: "fraud__alice".to_owned(),
        system_user: None,
        dns_names: BTreeSet::new(),
        ip_addresses: BTreeSet::new(),
        ..world.leaf(Profile::ProjectUser, DAY)
    };
    assert_eq!(verify_leaf(&chain(&user), &world.bundle(), "", Usage::Client, world.now), Ok(()));
    // A thief of its key who writes a server's certificate is refused, for its usage and for its names.
    let server = chain(&world.leaf(Profile::Service, DAY));
    for usage in [Usage::Server, Usage::Client] {
        assert!(verify_leaf(&server, &world.bundle(), "", usage, world.now).is_err());
    }
}

#[test]
fn a_delta_lists_what_came_after_its_base_and_says_so() {
    use x509_parser::prelude::{CertificateRevocationList, FromDer as _, ParsedExtension};
    let world = World::new();
    let shard = CrlShard { domain: AuthorityDomain::Services, url: SERVICES_CRL.to_owned(), delta_url: None };
    let serial = Serial::random(&SystemRandom::new());
    let revoked = Revoked { serial, revoked_at: world.now, reason: RevocationReason::Superseded };
    let delta = world
        .services
        .sign_crl(&shard, 9, Extent::Since(7), [revoked].into_iter().collect(), Validity::starting(world.now, DAY))
        .unwrap();
    let (rest, read) = CertificateRevocationList::from_der(&delta.der).unwrap();
    assert!(rest.is_empty());
    assert_eq!(read.crl_number().map(ToString::to_string), Some("9".to_owned()));
    assert_eq!(read.iter_revoked_certificates().count(), 1);
    let indicator = read.extensions().iter().find(|one| one.oid.to_id_string() == "2.5.29.27").unwrap();
    assert!(indicator.critical && indicator.value == [2, 1, 7]);
    assert!(
        read.extensions()
            .iter()
            .any(|one| matches!(one.parsed_extension(), ParsedExtension::IssuingDistributionPoint(_)))
    );
}
