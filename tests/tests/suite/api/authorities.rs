//! Successive roots and intermediates of a running cluster.

use std::time::Duration;

use ringfence_api::authority::route::LIST_CERTIFICATES;
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_api::certificate::{Certificate, CertificateHolder, CertificateProfile, PostIdentityCertificate};
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::{Client, Credentials};
use ringfence_pki::{CertificateFacts, pem_certificates};
use ringfence_tests::eventually;

use super::crl::{list, lists};
use super::world::{World, project, user};
use crate::nodes::{declared, ready};

const PATIENCE: Duration = Duration::from_mins(1);

async fn of(client: &Client, domain: AuthorityDomain, state: AuthorityState) -> Vec<Authority> {
    let all = client.authorities().await.unwrap();
    all.into_iter().filter(|one| one.domain == domain && one.state == state).collect()
}

async fn active(client: &Client, domain: AuthorityDomain) -> String {
    let found = of(client, domain, AuthorityState::Active).await;
    assert_eq!(found.len(), 1, "exactly one signs");
    found[0].id.clone()
}

async fn rotated(client: &Client, domain: AuthorityDomain, to: &str) {
    eventually(&format!("{to} signs"), PATIENCE, async || {
        let id = active(client, domain).await;
        if id == to { Ok(()) } else { Err(format!("{id} does: {:?}", client.authorities().await)) }
    })
    .await;
}

async fn certificates(client: &Client) -> Vec<Certificate> {
    client.list(&LIST_CERTIFICATES, "limit=1000").await.unwrap()
}

/// A cluster with a worker, a service, and a member.
async fn world() -> World {
    let world = World::new().await;
    let mut put = declared(1, AuthoritySettings::default());
    put.services.insert(
        ringfence_api::ServiceName::parse("query").unwrap(),
        serde_json::from_value(serde_json::json!({ "user": "query" })).unwrap(),
    );
    world.declare(&put).await;
    ready(&world.client, 2).await;
    world.people("fraud", &["alice"]).await;
    world
}

#[tokio::test]
async fn a_new_intermediate_signs_once_every_node_knows_it_and_older_certificates_stay_valid() {
    let world = world().await;
    let client = &world.client;
    let before = certificates(client).await;
    let rotate = RotateAuthority { compromised: false };
    client.rotate_authority(AuthorityDomain::Services, rotate).await.unwrap();
    client.rotate_authority(AuthorityDomain::Services, rotate).await.expect("asking again changes nothing");
    rotated(client, AuthorityDomain::Services, "services-2").await;
    assert_eq!(of(client, AuthorityDomain::Services, AuthorityState::Retired).await[0].id, "services-1");
    assert_eq!(client.authorities().await.unwrap().len(), 4, "one successor and not two");
    // Nobody lost anything.
    let after = certificates(client).await;
    let is_good = |serial: &str| after.iter().any(|one| one.serial == serial && one.revoked_at.is_none());
    assert!(before.iter().filter(|one| one.revoked_at.is_none()).all(|one| is_good(&one.serial)));
    // What is signed from now on is the successor's, and agents take it.
    let node = ringfence_api::NodeName::parse("workers-0").unwrap();
    let mut rotation = client.rotate_node(&node).await.unwrap();
    while !rotation.done {
        rotation = client.rotation_after(&node, rotation.revision).await.unwrap();
    }
    let live = certificates(client).await;
    let live: Vec<_> =
        live.iter().filter(|one| one.node.as_deref() == Some("workers-0") && one.revoked_at.is_none()).collect();
    assert!(live.len() == 2 && live.iter().all(|one| one.issuer == "services-2"), "{live:?}");
}

#[tokio::test]
async fn a_compromised_intermediate_is_revoked_once_everything_that_it_signed_is_replaced() {
    let world = world().await;
    let client = &world.client;
    let old = client.member_credentials(&project("fraud"), &user("alice")).await.unwrap();
    let own_key = ringfence_pki::PrivateKey::generate().unwrap();
    let post = PostIdentityCertificate { request: own_key.request("x").unwrap(), lifetime: None };
    let own = client.issue_member_certificate(&project("fraud"), &user("alice"), &post).await.unwrap();
    for (domain, to) in [(AuthorityDomain::Services, "services-2"), (AuthorityDomain::Projects, "projects-2")] {
        client.rotate_authority(domain, RotateAuthority { compromised: true }).await.unwrap();
        rotated(client, domain, to).await;
        eventually("the one before is gone", PATIENCE, async || {
            let gone = of(client, domain, AuthorityState::Gone).await;
            if gone.is_empty() { Err(format!("{:?}", client.authorities().await)) } else { Ok(()) }
        })
        .await;
    }
    for one in certificates(client).await {
        let is_old = one.issuer == "services-1" || one.issuer == "projects-1";
        let lives_on = one.holder != CertificateHolder::Caller && one.profile != CertificateProfile::ApiServer;
        assert!(!(is_old && lives_on && one.revoked_at.is_none()), "{one:?}");
    }
    // The intermediates stand in the root's list, and nodes trust nothing of them any more.
    let revoked = certificates(client).await;
    let intermediates: Vec<_> = revoked.iter().filter(|one| one.profile == CertificateProfile::Authority).collect();
    assert_eq!(intermediates.iter().filter(|one| one.revoked_at.is_some()).count(), 2, "{intermediates:?}");
    eventually("the root's list names both", PATIENCE, async || {
        let root = list(&world, "root-1").await;
        let all = intermediates.iter().filter(|one| one.revoked_at.is_some()).all(|one| lists(&root, &one.serial));
        if all { Ok(()) } else { Err("it does not".to_owned()) }
    })
    .await;
    // A project user's credentials are another identity's no more than before, and the old ones are refused.
    let new = client.member_credentials(&project("fraud"), &user("alice")).await.unwrap();
    let whoami = async |credentials: ringfence_api::project::MemberCredentials| {
        let ringfence_api::project::MemberCredentials { chain, private_key, .. } = credentials;
        world.head.client(Credentials::Certificate { chain, private_key }).whoami().await
    };
    assert!(whoami(old).await.is_err());
    let own = Credentials::Certificate { chain: own.chain, private_key: own_key.to_pem().to_string() };
    assert!(world.head.client(own).whoami().await.is_err(), "what was signed for a key of her own is worth nothing");
    whoami(new).await.expect("the new ones are good");
}

#[tokio::test]
async fn a_new_root_replaces_the_intermediates_and_trust_in_the_old_root_still_works() {
    let world = world().await;
    let client = &world.client;
    let pinned = world.head.connection();
    client.rotate_authority(AuthorityDomain::Root, RotateAuthority { compromised: false }).await.unwrap();
    for (domain, to) in [
        (AuthorityDomain::Root, "root-2"),
        (AuthorityDomain::Services, "services-2"),
        (AuthorityDomain::Projects, "projects-2"),
    ] {
        rotated(client, domain, to).await;
    }
    // The file that clients take their trust from holds both, the one that signs first.
    let bundle = eventually("the bundle is written", PATIENCE, async || {
        let bundle = pem_certificates(&world.head.connection().ca_certificate).unwrap();
        if bundle.len() == 2 { Ok(bundle) } else { Err(format!("{} roots", bundle.len())) }
    })
    .await;
    let names: Vec<String> = bundle.iter().map(|root| CertificateFacts::read(root).unwrap().common_name).collect();
    assert!(names[0].contains(" root 2 ") && !names[1].contains(" root 2 "), "{names:?}");
    // Whoever trusts only the root before, as a Terraform state does, goes on: the API shows the cross certificate.
    let operator = || Credentials::Operator(ringfence_tests::head::token(ringfence_tests::head::TOKEN).key());
    assert_eq!(pem_certificates(&pinned.ca_certificate).unwrap().len(), 1);
    let old = Client::new(pinned, operator(), Duration::from_secs(5)).unwrap();
    eventually("the API shows a certificate of the new root", PATIENCE, async || {
        let newest = certificates(&old).await.into_iter().find(|one| one.profile == CertificateProfile::ApiServer);
        let issuer = newest.map(|one| one.issuer);
        if issuer.as_deref() == Some("services-2") { Ok(()) } else { Err(format!("{issuer:?}")) }
    })
    .await;
    old.cluster().await.expect("by the root before");
    // And whoever trusts both.
    let both = Client::new(world.head.connection(), operator(), Duration::from_secs(5)).unwrap();
    both.cluster().await.expect("by both");
    // Nodes take the new ones, and nothing was refused on the way.
    let node = ringfence_api::NodeName::parse("workers-0").unwrap();
    let mut rotation = client.rotate_node(&node).await.unwrap();
    while !rotation.done {
        rotation = client.rotation_after(&node, rotation.revision).await.unwrap();
    }
    ready(client, 2).await;
}

#[tokio::test]
async fn trust_in_the_first_root_alone_still_works_after_several_rotations() {
    let world = World::new().await;
    let pinned = world.head.connection();
    for number in 2..=4 {
        let rotate = RotateAuthority { compromised: false };
        world.head.operator().rotate_authority(AuthorityDomain::Root, rotate).await.unwrap();
        let services = format!("services-{number}");
        eventually("the API shows a certificate of the new root", PATIENCE, async || {
            let all = certificates(&world.head.operator()).await;
            let newest = all.into_iter().find(|one| one.profile == CertificateProfile::ApiServer);
            let issuer = newest.map(|one| one.issuer);
            if issuer.as_ref() == Some(&services) { Ok(()) } else { Err(format!("{issuer:?}")) }
        })
        .await;
        let operator = Credentials::Operator(ringfence_tests::head::token(ringfence_tests::head::TOKEN).key());
        let old = Client::new(pinned.clone(), operator, Duration::from_secs(5)).unwrap();
        old.cluster().await.unwrap_or_else(|error| panic!("with root {number}: {error}"));
    }
}

#[tokio::test]
async fn a_compromised_root_replaces_everything_and_never_locks_the_operator_out() {
    let world = world().await;
    let before = RotateAuthority { compromised: false };
    world.client.rotate_authority(AuthorityDomain::Root, before).await.unwrap();
    rotated(&world.client, AuthorityDomain::Projects, "projects-2").await;
    let old = world.client.member_credentials(&project("fraud"), &user("alice")).await.unwrap();
    world.client.rotate_authority(AuthorityDomain::Root, RotateAuthority { compromised: true }).await.unwrap();
    let mut meanwhile = 0;
    eventually("only the new root and what it has signed is left", PATIENCE, async || {
        // With the file of the moment, as a command of the operator's reads it.
        let all = world.head.operator().authorities().await.map_err(|error| error.to_string())?;
        let is = |id: &str, state| all.iter().any(|one| one.id == id && one.state == state);
        if is("root-3", AuthorityState::Active) && is("root-2", AuthorityState::Retired) {
            meanwhile += 1;
        }
        let live: Vec<&str> =
            all.iter().filter(|one| one.state != AuthorityState::Gone).map(|one| one.id.as_str()).collect();
        if live == ["projects-3", "root-3", "services-3"] { Ok(()) } else { Err(format!("{live:?}")) }
    })
    .await;
    assert!(meanwhile > 10, "the operator saw {meanwhile} times what was going on");
    let bundle = pem_certificates(&world.head.connection().ca_certificate).unwrap();
    assert_eq!(bundle.len(), 1);
    assert!(CertificateFacts::read(&bundle[0]).unwrap().common_name.contains(" root 3 "));
    // Nobody before it vouches for it, and what was signed before is worth nothing.
    let new = world.head.operator().member_credentials(&project("fraud"), &user("alice")).await.unwrap();
    assert_eq!(pem_certificates(&new.chain).unwrap().len(), 2);
    let ringfence_api::project::MemberCredentials { chain, private_key, .. } = old;
    assert!(world.head.client(Credentials::Certificate { chain, private_key }).whoami().await.is_err());
}

#[tokio::test]
async fn only_the_operator_rotates_and_only_existing_domains() {
    let world = World::new().await;
    let public = world.head.client(Credentials::Public);
    let rotate = RotateAuthority { compromised: false };
    assert!(public.rotate_authority(AuthorityDomain::Root, rotate).await.is_err());
    assert!(public.authorities().await.is_err());
}
