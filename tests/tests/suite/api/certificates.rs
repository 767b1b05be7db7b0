//! Client certificates: revoked ones are refused from the commit of the revocation on, also on open connections;
//! expired, foreign, forged and unrecorded ones are refused too.

use std::collections::BTreeSet;

use ringfence_api::authority::AuthorityDomain;
use ringfence_api::cluster::{AuthoritySettings, KeyAlgorithm};
use ringfence_api::{Clock as _, Lifetime, ProblemCode, SystemClock};
use ringfence_pki::{
    Authority, CertificateFacts, Leaf, Plan, PrivateKey, Profile, Serial, Validity, pem_certificate, pem_certificates,
};
use ringfence_tests::eventually;

use super::https::{Https, KeptOpen, Pem};
use super::world::{SOON, World, project, user};
use crate::nodes::declared;

#[tokio::test]
async fn a_removed_member_is_refused_at_once_also_on_an_open_connection() {
    let world = World::new().await;
    world.people("fraud", &["alice", "bob"]).await;
    let pem = Pem::from(&world.credentials("fraud", "alice").await);
    let (alice, bob) = (world.holder(&pem), world.member("fraud", "bob").await);
    let mut open = KeptOpen::open(&world.head.connection(), &pem);
    open.get("/v1/whoami").served();
    alice.get("/v1/whoami").await.served();
    world.client.delete_member(&project("fraud"), &user("alice")).await.unwrap();
    let problem = open.get("/v1/whoami").refused(ProblemCode::CertificateRevoked);
    assert!(problem.detail.contains("fraud__alice"), "{problem}");
    alice.get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
    world.holder(&pem).get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
    bob.get("/v1/whoami").await.served();
    // Public routes ask nobody who they are.
    open.get("/v1/health").served();
}

#[tokio::test]
async fn a_member_who_is_added_again_gets_a_new_certificate_and_the_old_one_stays_revoked() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let before = world.credentials("fraud", "alice").await;
    world.client.delete_member(&project("fraud"), &user("alice")).await.unwrap();
    world.people("fraud", &["alice"]).await;
    let after = world.credentials("fraud", "alice").await;
    assert_ne!(after.serial, before.serial);
    assert_ne!(after.private_key, before.private_key);
    world.holder(&Pem::from(&before)).get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
    world.holder(&Pem::from(&after)).get("/v1/whoami").await.served();
}

#[tokio::test]
async fn deleting_a_project_revokes_the_certificates_of_its_members_and_no_others() {
    let world = World::new().await;
    world.people("fraud", &["alice", "bob"]).await;
    world.people("churn", &["alice"]).await;
    let members = [world.credentials("fraud", "alice").await, world.credentials("fraud", "bob").await];
    let connection = world.head.connection();
    let mut open = members.each_ref().map(|member| KeptOpen::open(&connection, &Pem::from(member)));
    for open in &mut open {
        drop(open.get("/v1/whoami").served());
    }
    let other = world.member("churn", "alice").await;
    world.client.delete_project(&project("fraud")).await.unwrap();
    for open in &mut open {
        open.get("/v1/whoami").refused(ProblemCode::CertificateRevoked);
    }
    other.get("/v1/whoami").await.served();
}

#[tokio::test]
async fn a_node_that_is_no_longer_declared_is_refused_at_once() {
    let world = World::with_nodes().await;
    let connection = world.head.connection();
    let mut node = KeptOpen::open(&connection, &world.held_by("workers-0", "node"));
    let mut service = KeptOpen::open(&connection, &world.held_by("workers-0", "services/query"));
    node.get("/v1/whoami").served();
    service.get("/v1/whoami").served();
    world.declare(&declared(0, AuthoritySettings::default())).await;
    node.get("/v1/nodes/workers-0/desired").refused(ProblemCode::CertificateRevoked);
    service.get("/v1/whoami").refused(ProblemCode::CertificateRevoked);
}

#[tokio::test]
async fn a_service_that_is_no_longer_declared_on_a_node_is_refused_there_at_once_and_nowhere_else() {
    let world = World::with_nodes().await;
    let connection = world.head.connection();
    let open = |node: &str| KeptOpen::open(&connection, &world.held_by(node, "services/query"));
    let (mut head, mut worker) = (open("head"), open("workers-0"));
    head.get("/v1/whoami").served();
    worker.get("/v1/whoami").served();
    let mut put = declared(1, AuthoritySettings::default());
    put.services.values_mut().next().unwrap().node_groups = ["head".to_owned()].into();
    world.declare(&put).await;
    worker.get("/v1/whoami").refused(ProblemCode::CertificateRevoked);
    head.get("/v1/whoami").served();
}

#[tokio::test]
async fn an_expired_certificate_is_refused_by_name_and_its_successor_existed_before() {
    let world = World::new().await;
    let short = Lifetime::from_secs(15);
    let settings = AuthoritySettings { project_user_certificate_lifetime: short, ..AuthoritySettings::default() };
    world.declare(&declared(0, settings)).await;
    world.people("fraud", &["alice"]).await;
    let first = world.credentials("fraud", "alice").await;
    let pem = Pem::from(&first);
    let connection = world.head.connection();
    let mut open = KeptOpen::open(&connection, &pem);
    let alice = world.holder(&pem);
    let second = eventually("the certificate is renewed before it ends", SOON, async || {
        open.get("/v1/whoami").served();
        alice.get("/v1/whoami").await.served();
        let now = world.credentials("fraud", "alice").await;
        if now.serial == first.serial { Err(format!("still {}", now.serial)) } else { Ok(now) }
    })
    .await;
    eventually("the first certificate has ended", SOON, async || {
        if SystemClock.now() > first.not_after { Ok(()) } else { Err(format!("it ends at {}", first.not_after)) }
    })
    .await;
    // A connection that was open, one that the client would resume, and a new one.
    open.get("/v1/whoami").refused(ProblemCode::CertificateExpired);
    alice.get("/v1/whoami").await.refused(ProblemCode::CertificateExpired);
    world.holder(&pem).get("/v1/whoami").await.refused(ProblemCode::CertificateExpired);
    world.holder(&Pem::from(&second)).get("/v1/whoami").await.served();
}

#[tokio::test]
async fn a_certificate_is_recognised_with_either_version_of_tls() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let pem = Pem::from(&world.credentials("fraud", "alice").await);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut open = KeptOpen::with_versions(&world.head.connection(), &pem, &[version]).unwrap();
        assert_eq!(open.get("/v1/whoami").served()["name"], "fraud__alice");
    }
}

/// Whether it was the other end that ended a connection. It says why in an alert, which is lost when it does not
/// wait for what was on its way.
fn is_cut_off(failure: &str) -> bool {
    let failure = failure.to_lowercase();
    ["alert", "reset", "broken pipe", "closed", "eof"].iter().any(|word| failure.contains(word))
}

/// A certificate that must not get past the handshake, with either version of TLS and either client.
async fn refused_in_tls(world: &World, pem: &Pem) {
    let connection = world.head.connection();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let answered = KeptOpen::with_versions(&connection, pem, &[version]).and_then(|mut open| {
            // With TLS 1.3 the refusal comes after the client's side of the handshake is over.
            open.try_get("/v1/health")
        });
        let failure = answered.map(|answer| answer.text()).expect_err("the certificate was taken");
        assert!(is_cut_off(&failure.to_string()), "{version:?}: {failure}");
    }
    // And the daemon goes on serving others.
    world.public.get("/v1/health").await.served();
}

#[tokio::test]
async fn a_certificate_of_another_cluster_is_refused_in_tls() {
    let (world, other) = (World::new().await, World::new().await);
    other.people("fraud", &["alice"]).await;
    world.people("fraud", &["alice"]).await;
    let pem = Pem::from(&other.credentials("fraud", "alice").await);
    refused_in_tls(&world, &pem).await;
    let failure = Https::holder(&world.head.connection(), &pem).failure("/v1/whoami").await;
    assert!(is_cut_off(&failure), "{failure}");
    // Nor does anybody who trusts the one cluster talk to the other.
    let mut mixed = world.head.connection();
    mixed.endpoint = other.head.connection().endpoint;
    let failure = Https::public(&mixed).failure("/v1/health").await;
    assert!(failure.contains("InvalidCertificate"), "{failure}");
}

/// A cluster's authorities made anew, with every name copied from the real ones.
fn copied_authority(of: &Pem, root: &str) -> Authority {
    let facts = |der: &[u8]| CertificateFacts::read(der).unwrap();
    let (chain, roots) = (pem_certificates(&of.chain).unwrap(), pem_certificates(root).unwrap());
    let (root, middle) = (facts(&roots[0]), facts(&chain[1]));
    let plan = |domain, of: &CertificateFacts| Plan {
        domain,
        name: of.common_name.clone(),
        serial: of.serial,
        algorithm: KeyAlgorithm::default(),
        lifetime: of.not_after.duration_since(of.not_before),
    };
    let made = Authority::create_root(&plan(AuthorityDomain::Root, &root), root.not_before).unwrap();
    let root = Authority::load(&made.certificate, &made.private_key).unwrap();
    let url = "https://127.0.0.1:1/v1/crls/root-1/0";
    let made = root.create_intermediate(&plan(AuthorityDomain::Projects, &middle), url, middle.not_before).unwrap();
    Authority::load(&made.certificate, &made.private_key).unwrap()
}

#[tokio::test]
async fn a_forged_certificate_with_every_name_copied_is_refused_in_tls() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let real = Pem::from(&world.credentials("fraud", "alice").await);
    let facts = CertificateFacts::read(&real.leaf()).unwrap();
    let authority = copied_authority(&real, &world.head.connection().ca_certificate);
    let leaf = Leaf {
        profile: Profile::ProjectUser,
        common_name: facts.common_name,
        system_user: None,
        job: None,
        dns_names: BTreeSet::new(),
        ip_addresses: BTreeSet::new(),
        serial: facts.serial,
        validity: Validity { not_before: facts.not_before, not_after: facts.not_after },
        crl_url: "https://127.0.0.1:1/v1/crls/projects-1/0".to_owned(),
    };
    let key = PrivateKey::generate().unwrap();
    let issued = authority.issue(&leaf, &key.public()).unwrap();
    let made = pem_certificate(&issued.certificate);
    let real_middle = pem_certificate(&pem_certificates(&real.chain).unwrap()[1]);
    for middle in [pem_certificate(authority.certificate()), real_middle, String::new()] {
        refused_in_tls(&world, &Pem { chain: format!("{made}{middle}"), key: key.to_pem().to_string() }).await;
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_in_tls() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let real = Pem::from(&world.credentials("fraud", "alice").await);
    let stolen = Pem { key: PrivateKey::generate().unwrap().to_pem().to_string(), ..real };
    refused_in_tls(&world, &stolen).await;
}

#[tokio::test]
async fn a_certificate_that_a_restored_database_does_not_know_is_unknown() {
    let mut world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let alice = Pem::from(&world.credentials("fraud", "alice").await);
    let (head, backup) = (world.sandbox.path().join("head"), world.sandbox.path().join("backup"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            if file.file_name().to_string_lossy().starts_with("ringfence.db") {
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    };
    world.head.kill().await;
    std::fs::create_dir(&backup).unwrap();
    copy(&head, &backup);
    world.head.restart(&[]).await;
    world.people("fraud", &["bob"]).await;
    let bob = Pem::from(&world.credentials("fraud", "bob").await);
    world.holder(&bob).get("/v1/whoami").await.served();
    world.head.kill().await;
    for file in std::fs::read_dir(&head).unwrap().map(Result::unwrap) {
        if file.file_name().to_string_lossy().starts_with("ringfence.db") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    copy(&backup, &head);
    world.head.restart(&[]).await;
    world.holder(&bob).get("/v1/whoami").await.refused(ProblemCode::CertificateUnknown);
    world.holder(&alice).get("/v1/whoami").await.served();
}

#[tokio::test]
async fn the_serials_of_a_cluster_are_all_different_and_long() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice", "bob", "carol"]).await;
    let all: Vec<ringfence_api::certificate::Certificate> =
        world.client.read("/v1/certificates?limit=1000").await.unwrap();
    let serials: BTreeSet<&str> = all.iter().map(|certificate| certificate.serial.as_str()).collect();
    assert_eq!(serials.len(), all.len());
    assert!(serials.iter().all(|serial| Serial::parse(serial).is_some()), "{serials:?}");
}
