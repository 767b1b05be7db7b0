//! The daemon dies at each crash point once. The points are not listed here: a run without a crash reports which it
//! passed, and how often.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use ringfence_api::Client;
use ringfence_api::authority::{AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_tests::{Head, Sandbox, eventually};

use super::ledger::{Ledger, answered, operator};
use crate::api::world::{project, user};

/// What clients do while the daemon dies.
trait Story {
    /// Points of more than the first time are of interest for these transactions, whose runs differ.
    const EACH_TIME: &'static [&'static str];

    async fn run(ledger: &Ledger, client: &Client);
}

/// Projects, members, certificates, tokens: made, used, and taken away.
struct People;

impl Story for People {
    const EACH_TIME: &'static [&'static str] = &[];

    async fn run(ledger: &Ledger, client: &Client) {
        let fraud = project("fraud");
        ledger.project(client, &fraud).await;
        let alice = ledger.member(client, &fraud, &user("alice")).await;
        let bob = ledger.member(client, &fraud, &user("bob")).await;
        let first = ledger.certificate(client, &fraud, &user("alice")).await;
        let second = ledger.certificate(client, &fraud, &user("alice")).await;
        ledger.revoke(client, &first).await;
        ledger.remove(client, &fraud, &user("bob"), &[bob]).await;
        let audience = serde_json::json!({ "audience": "jobs" });
        let post = serde_json::from_value(audience).unwrap();
        let issued = answered(async || client.issue_token(&fraud, &user("alice"), &post).await).await;
        answered(async || client.rotate_token_keys().await).await;
        let kid = jsonwebtoken::decode_header(&issued.token).unwrap().kid.unwrap();
        let jwks = answered(async || client.jwks().await).await;
        assert!(jwks.keys.iter().any(|key| key.kid == kid), "a token that was issued verifies");
        answered(async || match client.delete_project(&fraud).await {
            Err(error) if error.is_not_found() => Ok(()),
            answer => answer,
        })
        .await;
        ledger.note_revoked(&[alice, second]);
    }
}

/// A compromised intermediate, and its successor.
struct Rotation;

impl Story for Rotation {
    const EACH_TIME: &'static [&'static str] = &["rotate_authorities/committing", "rotate_authorities/committed"];

    async fn run(ledger: &Ledger, client: &Client) {
        let fraud = project("fraud");
        ledger.project(client, &fraud).await;
        ledger.member(client, &fraud, &user("alice")).await;
        ledger.certificate(client, &fraud, &user("alice")).await;
        let asked = RotateAuthority { compromised: true };
        answered(async || client.rotate_authority(AuthorityDomain::Projects, asked).await).await;
        eventually("the compromised one is gone", Duration::from_mins(2), async || {
            let all = answered(async || client.authorities().await).await;
            let gone = all.iter().any(|one| one.id == "projects-1" && one.state == AuthorityState::Gone);
            if gone { Ok(()) } else { Err(format!("{all:?}")) }
        })
        .await;
        ledger.note_gone("projects-1");
        ledger.certificate(client, &fraud, &user("alice")).await;
    }
}

/// A new version of the master key, and everything sealed again.
struct Sealing;

impl Story for Sealing {
    const EACH_TIME: &'static [&'static str] = &["reseal_secrets/committing", "reseal_secrets/committed"];

    async fn run(ledger: &Ledger, client: &Client) {
        let fraud = project("fraud");
        ledger.project(client, &fraud).await;
        let alice = ledger.member(client, &fraud, &user("alice")).await;
        answered(async || client.rotate_master_key().await).await;
        eventually("everything is sealed anew", Duration::from_secs(30), async || {
            let state = answered(async || client.master_key().await).await;
            let done = state.complete && state.active > 1 && state.at_hand.first() == Some(&state.active);
            if done { Ok(()) } else { Err(format!("{state:?}")) }
        })
        .await;
        // What was sealed before opens, and what is sealed now does too.
        let credentials = answered(async || client.member_credentials(&fraud, &user("alice")).await).await;
        assert_eq!(credentials.serial, alice);
        ledger.member(client, &fraud, &user("bob")).await;
        let post = serde_json::from_value(serde_json::json!({ "audience": "jobs" })).unwrap();
        answered(async || client.issue_token(&fraud, &user("alice"), &post).await).await;
    }
}

/// Runs the story, with a death at that point, and looks whether everything that was answered holds. Returns the points
/// that were passed, with how often.
async fn run<S: Story>(point: Option<&str>) -> BTreeMap<String, u32> {
    let sandbox = Sandbox::new();
    let mut head = Head::prepare(sandbox.path());
    match point {
        Some(point) => head.spawn(&[("RINGFENCED_CRASH_AT", point)]),
        None => head.spawn(&[("RINGFENCE_LOG", "info,ringfenced::base::crash_point=trace")]),
    }
    let (ledger, deaths) = (Ledger::default(), Cell::new(0));
    let told = async {
        let client = operator(sandbox.path()).await;
        S::run(&ledger, &client).await;
        // Whatever the daemon does by itself in the end may be where it dies.
        eventually("the daemon has died", Duration::from_secs(20), async || {
            if point.is_none() || deaths.get() > 0 { Ok(()) } else { Err(format!("it did not at {point:?}")) }
        })
        .await;
        ledger.check(&operator(sandbox.path()).await).await;
    };
    tokio::select! {
        () = told => {}
        () = head.keep(&deaths) => {}
    }
    assert_eq!(deaths.get(), u32::from(point.is_some()), "{point:?}: {}", head.said());
    let mut passed = BTreeMap::new();
    for line in head.log_text().lines() {
        if let Some((_, rest)) = line.split_once("crash point point=\"") {
            *passed.entry(rest.trim_end_matches('"').to_owned()).or_default() += 1;
        }
    }
    passed
}

/// Each point of the story, one life each.
async fn dies_at_every_point<S: Story>(at_once: usize, expected: &[&str]) {
    let passed = run::<S>(None).await;
    for point in expected {
        assert!(passed.contains_key(*point), "{point} is not among {passed:#?}");
    }
    let mut points = Vec::new();
    for (point, times) in passed {
        let times = if S::EACH_TIME.contains(&point.as_str()) { times } else { 1 };
        points.extend((1..=times).map(|time| format!("{point}@{time}")));
    }
    let mut runs = stream::iter(points)
        .map(async |point| {
            println!("dies at {point}");
            run::<S>(Some(&point)).await
        })
        .buffer_unordered(at_once);
    while runs.next().await.is_some() {}
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_at_whichever_point_the_daemon_dies() {
    let expected = [
        "bootstrap/committed",
        "delete_certificate/committed",
        "delete_member/committed",
        "issue_from_csr/committing",
        "login/committed",
        "publish_crl/committing",
        "put_member/committed",
        "sign/certificate/made",
        "sign/crl/made",
        "sign/token/made",
    ];
    dies_at_every_point::<People>(3, &expected).await;
}

#[tokio::test]
async fn every_secret_opens_at_whichever_point_of_a_master_key_rotation_the_daemon_dies() {
    let expected = ["rotate_master_key/committing", "rotate_master_key/committed", "reseal_secrets/committed"];
    dies_at_every_point::<Sealing>(3, &expected).await;
}

#[tokio::test]
async fn an_authority_rotation_completes_at_whichever_point_the_daemon_dies() {
    let expected = ["rotate_authority/committed", "rotate_authorities/committed", "sign/authority/made"];
    dies_at_every_point::<Rotation>(6, &expected).await;
}
