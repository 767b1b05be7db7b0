//! CRLs: public, in DER, at the URL that certificates name; soon with every revocation, and never expired.

use std::time::Duration;

use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::{Clock as _, Lifetime, ProblemCode, SystemClock};
use ringfence_pki::{CertificateFacts, Serial, Usage, VerifyError, pem_certificates, pem_crl, verify_leaf};
use ringfence_tests::eventually;

use super::https::Pem;
use super::world::{SOON, World, project, user};
use crate::nodes::declared;

/// How soon a revocation must be in its CRL.
pub(crate) const LISTED: Duration = Duration::from_secs(1);

/// The address of the CRL distribution point: a URI (tag 6 of a general name) in the only extension that has one.
pub(crate) fn distribution_point(der: &[u8]) -> String {
    let at = der.windows(8).position(|bytes| bytes == b"https://").unwrap();
    assert_eq!(der[at - 2], 0x86, "a URI");
    String::from_utf8(der[at..at + usize::from(der[at - 1])].to_vec()).unwrap()
}

/// The CRLNumber: the integer in the octets after its object identifier, 2.5.29.20.
pub(crate) fn number(crl: &[u8]) -> u64 {
    let at = crl.windows(5).position(|bytes| bytes == [0x06, 0x03, 0x55, 0x1d, 0x14]).unwrap() + 5;
    let [0x04, _, 0x02, length] = crl[at..at + 4] else { panic!("no CRLNumber: {:02x?}", &crl[at..at + 4]) };
    let digits = &crl[at + 4..at + 4 + usize::from(length)];
    digits.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub(crate) fn lists(crl: &[u8], serial: &str) -> bool {
    let serial = Serial::parse(serial).unwrap();
    let significant: Vec<u8> = serial.as_bytes().iter().copied().skip_while(|byte| *byte == 0).collect();
    crl.windows(significant.len()).any(|bytes| bytes == significant)
}

pub(crate) async fn list(world: &World, issuer: &str) -> Vec<u8> {
    let answer = world.public.get(&format!("/v1/crls/{issuer}/0")).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/pkix-crl"));
    answer.bytes
}

/// Judges a chain as a peer would that fetches the lists now.
async fn judge(world: &World, chain: &str, issuer: &str) -> Result<(), VerifyError> {
    let crls = format!("{}{}", pem_crl(&list(world, "root-1").await), pem_crl(&list(world, issuer).await));
    let bundle = world.public.get("/v1/ca-bundle").await.text();
    verify_leaf(chain, &bundle, &crls, Usage::Client, SystemClock.now())
}

pub(crate) async fn listed_within(world: &World, issuer: &str, serial: &str, within: Duration) -> Vec<u8> {
    eventually("the revocation is listed", within, async || {
        let crl = list(world, issuer).await;
        if lists(&crl, serial) { Ok(crl) } else { Err(format!("{serial} is not in number {}", number(&crl))) }
    })
    .await
}

#[tokio::test]
async fn every_crl_is_public_at_the_url_in_the_certificates() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let endpoint = world.head.connection().endpoint;
    let held = [
        (Pem::from(&world.credentials("fraud", "alice").await), "projects-1"),
        (world.held_by("workers-0", "node"), "services-1"),
        (world.held_by("workers-0", "services/query"), "services-1"),
    ];
    for (pem, issuer) in held {
        let chain = pem_certificates(&pem.chain).unwrap();
        for (certificate, issuer) in [(&chain[0], issuer), (&chain[1], "root-1")] {
            let url = distribution_point(certificate);
            assert_eq!(url, format!("{endpoint}/v1/crls/{issuer}/0"));
            let answer = world.public.get(&url).await;
            assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/pkix-crl"));
            assert_eq!(answer.bytes, list(&world, issuer).await);
            if issuer == "root-1" {
                // The root's list names none, so that it covers the root certificate too (docs/decisions/0004).
                assert!(!answer.bytes.windows(8).any(|bytes| bytes == b"https://"));
            } else {
                // The list names the very same address, byte for byte (RFC 5280, section 5.2.5).
                assert_eq!(distribution_point(&answer.bytes), url);
            }
        }
        judge(&world, &pem.chain, issuer).await.unwrap();
    }
}

#[tokio::test]
async fn a_removed_member_is_listed_within_a_second_and_the_number_rises() {
    let world = World::new().await;
    world.people("fraud", &["alice", "bob", "carol"]).await;
    let bob = world.credentials("fraud", "bob").await;
    let (mut last, others) = (number(&list(&world, "projects-1").await), list(&world, "services-1").await);
    let mut gone = Vec::new();
    for name in ["alice", "carol"] {
        let member = world.credentials("fraud", name).await;
        judge(&world, &member.chain, "projects-1").await.unwrap();
        world.client.delete_member(&project("fraud"), &user(name)).await.unwrap();
        let crl = listed_within(&world, "projects-1", &member.serial, LISTED).await;
        assert!(number(&crl) > last, "{} after {last}", number(&crl));
        last = number(&crl);
        judge(&world, &member.chain, "projects-1").await.unwrap_err();
        gone.push(member.serial);
        // Whoever was listed stays listed, and the neighbour is good.
        assert!(gone.iter().all(|serial| lists(&crl, serial)));
        judge(&world, &bob.chain, "projects-1").await.unwrap();
    }
    assert_eq!(list(&world, "services-1").await, others, "another issuer's list is not touched");
}

#[tokio::test]
async fn a_deleted_project_lists_all_its_members() {
    let world = World::new().await;
    world.people("fraud", &["alice", "bob"]).await;
    let members = [world.credentials("fraud", "alice").await, world.credentials("fraud", "bob").await];
    world.client.delete_project(&project("fraud")).await.unwrap();
    for member in &members {
        listed_within(&world, "projects-1", &member.serial, LISTED).await;
    }
}

#[tokio::test]
async fn a_removed_node_is_listed_with_its_services() {
    let world = World::with_nodes().await;
    let held = [world.held_by("workers-0", "node"), world.held_by("workers-0", "services/query")];
    world.declare(&declared(0, AuthoritySettings::default())).await;
    for pem in held {
        let serial = CertificateFacts::read(&pem.leaf()).unwrap().serial.to_string();
        listed_within(&world, "services-1", &serial, LISTED).await;
        judge(&world, &pem.chain, "services-1").await.unwrap_err();
    }
}

#[tokio::test]
async fn a_crl_is_renewed_before_it_expires_without_any_revocation() {
    let world = World::new().await;
    let settings = AuthoritySettings { crl_lifetime: Lifetime::from_secs(15), ..AuthoritySettings::default() };
    world.declare(&declared(0, settings)).await;
    world.people("fraud", &["alice", "bob"]).await;
    let (alice, bob) = (world.credentials("fraud", "alice").await, world.credentials("fraud", "bob").await);
    world.client.delete_member(&project("fraud"), &user("alice")).await.unwrap();
    let first = number(&listed_within(&world, "projects-1", &alice.serial, LISTED).await);
    eventually("the list is signed anew twice", SOON + SOON, async || {
        // An expired list would not be believed, so at no look may it be one.
        judge(&world, &bob.chain, "projects-1").await.unwrap();
        let crl = list(&world, "projects-1").await;
        assert!(lists(&crl, &alice.serial));
        if number(&crl) >= first + 2 { Ok(()) } else { Err(format!("number {}", number(&crl))) }
    })
    .await;
}

#[tokio::test]
async fn crls_are_published_on_request_even_if_none_is_due() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let alice = world.credentials("fraud", "alice").await;
    world.client.delete_member(&project("fraud"), &user("alice")).await.unwrap();
    listed_within(&world, "projects-1", &alice.serial, LISTED).await;
    let first = world.client.publish_crls().await.unwrap();
    let second = world.client.publish_crls().await.unwrap();
    let named: Vec<(&str, u32)> = second.iter().map(|crl| (crl.issuer.as_str(), crl.shard)).collect();
    assert_eq!(named, [("root-1", 0), ("services-1", 0), ("projects-1", 0)]);
    for (before, after) in first.iter().zip(&second) {
        assert_eq!(after.number, before.number + 1);
        assert!(after.this_update >= before.this_update && after.next_update > SystemClock.now());
        // The answer comes after the commit: the list that is served is the one that was answered for.
        let served = list(&world, &after.issuer).await;
        assert_eq!(i64::try_from(number(&served)).unwrap(), after.number);
        assert_eq!(after.entries, usize::from(after.issuer == "projects-1"));
    }
    assert!(lists(&list(&world, "projects-1").await, &alice.serial));
    let rows = world.audit().await;
    let asked = rows.iter().filter(|row| (&*row.actor, &*row.action) == ("operator", "publish_crl"));
    assert_eq!(asked.count(), 6);
}

#[tokio::test]
async fn who_asks_for_a_crl_in_the_same_second_gets_the_same_and_numbers_only_rise() {
    let world = World::new().await;
    let names: Vec<String> = (0..10).map(|number| format!("user{number}")).collect();
    world.people("fraud", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // Removals wake the background task, which publishes against those who ask.
    let removing = async {
        for name in &names {
            world.client.delete_member(&project("fraud"), &user(name)).await.unwrap();
        }
    };
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let client = world.client.clone();
        asking.spawn(async move { client.publish_crls().await });
    }
    let ((), answers) = tokio::join!(removing, asking.join_all());
    let mut numbers: Vec<i64> = Vec::new();
    for answer in answers {
        numbers.extend(answer.unwrap().iter().filter(|crl| crl.issuer == "projects-1").map(|crl| crl.number));
    }
    assert_eq!(numbers.len(), 10, "everybody gets an answer: {numbers:?}");
    numbers.sort_unstable();
    let last = world.client.publish_crls().await.unwrap();
    let last = last.iter().find(|crl| crl.issuer == "projects-1").unwrap();
    assert_eq!(last.entries, names.len());
    assert!(last.number >= *numbers.last().unwrap(), "{numbers:?}");
}

#[tokio::test]
async fn after_many_revocations_at_once_the_crl_is_complete_and_its_delta_is_empty() {
    let world = World::new().await;
    let names: Vec<String> = (0..70).map(|index| format!("user{index}")).collect();
    world.people("fraud", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut serials = Vec::new();
    for name in &names {
        serials.push(world.credentials("fraud", name).await.serial);
    }
    world.client.delete_project(&project("fraud")).await.unwrap();
    listed_within(&world, "projects-1", serials.last().unwrap(), LISTED).await;
    let complete = list(&world, "projects-1").await;
    let delta = world.public.get("/v1/crls/projects-1/0/delta").await.bytes;
    assert_eq!(number(&delta), number(&complete), "who has an older list finds that this is not for it");
    for serial in &serials {
        assert!(lists(&complete, serial) && !lists(&delta, serial), "{serial}");
    }
    assert!(delta.len() * 4 < complete.len(), "{} and {} bytes", delta.len(), complete.len());
}

#[tokio::test]
async fn an_unknown_crl_is_not_found() {
    let world = World::new().await;
    for path in [
        "/v1/crls/projects-2/0",
        "/v1/crls/projects-1/1",
        "/v1/crls/projects-1/zero",
        "/v1/crls/projects-1/-1",
        "/v1/crls/projects-1/99999999999999999999",
        "/v1/crls/..%2f..%2fca.pem/0",
        "/v1/crls/%27%20OR%201=1/0",
    ] {
        world.public.get(path).await.refused(ProblemCode::NotFound);
    }
}

#[tokio::test]
async fn a_delta_lists_the_changes_since_an_earlier_crl() {
    let world = World::new().await;
    world.people("fraud", &["alice", "bob", "carol"]).await;
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let [alice, bob, carol] = [
        world.credentials("fraud", "alice").await,
        world.credentials("fraud", "bob").await,
        world.credentials("fraud", "carol").await,
    ];
    write("ca.pem", &world.head.connection().ca_certificate);
    write("root.crl", &pem_crl(&list(&world, "root-1").await));
    let base = list(&world, "projects-1").await;
    write("base.crl", &pem_crl(&base));
    // It says where deltas are, and there is none while nothing has changed.
    let place = format!("{}/v1/crls/projects-1/0/delta", world.head.connection().endpoint);
    assert!(base.windows(place.len()).any(|bytes| bytes == place.as_bytes()));
    world.public.get(&place).await.refused(ProblemCode::NotFound);
    for (user_name, credentials) in [("alice", &alice), ("bob", &bob)] {
        world.client.delete_member(&project("fraud"), &user(user_name)).await.unwrap();
        listed_within(&world, "projects-1", &credentials.serial, LISTED).await;
    }
    let delta = world.public.get(&place).await;
    assert_eq!((delta.status, delta.content_type.as_str()), (200, "application/pkix-crl"));
    let complete = list(&world, "projects-1").await;
    assert_eq!(number(&delta.bytes), number(&complete), "both are of one moment");
    assert!(lists(&delta.bytes, &alice.serial) && lists(&delta.bytes, &bob.serial));
    write("delta.crl", &pem_crl(&delta.bytes));
    // As openssl judges, with the old list alone and with the delta beside it.
    let judge = |chain: &str, more: &[&str]| {
        write("chain.pem", chain);
        let fixed =
            ["verify", "-x509_strict", "-crl_check", "-extended_crl", "-CAfile", "ca.pem", "-untrusted", "chain.pem"];
        let lists = ["-CRLfile", "root.crl", "-CRLfile", "base.crl"];
        let arguments = [&fixed[..], &lists[..], more, &["chain.pem"]].concat();
        let output =
            std::process::Command::new("openssl").args(arguments).current_dir(directory.path()).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let with_delta = ["-use_deltas", "-CRLfile", "delta.crl"];
    assert!(judge(&alice.chain, &[]).contains("OK"), "{}", judge(&alice.chain, &[]));
    for gone in [&alice, &bob] {
        let said = judge(&gone.chain, &with_delta);
        assert!(said.contains("certificate revoked"), "{said}");
    }
    let said = judge(&carol.chain, &with_delta);
    assert!(said.contains("OK"), "{said}");
}
