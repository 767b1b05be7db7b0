//! All members of a project: what a put of all of them does and refuses, and what a data owner may do with a
//! certificate alone.

use std::collections::BTreeMap;
use std::time::Duration;

use ringfence_api::cluster::{AuthoritySettings, KeyAlgorithm};
use ringfence_api::project::{MOST_MEMBERS, MemberRole, PutMembers, PutProject};
use ringfence_api::{Credentials, ProblemCode};
use ringfence_tests::eventually;
use serde_json::{Value, json};

use super::https::{Https, Pem};
use super::world::{SOON, World, project, user};
use crate::nodes::declared;

const MEMBERS: &str = "/v1/projects/fraud/members";
const OWNER: &str = "data_owner";
const SCIENTIST: &str = "data_scientist";

fn member(name: &str) -> String {
    format!("{MEMBERS}/{name}")
}

/// Puts all members.
async fn put(caller: &Https, members: &[(&str, &str)]) -> super::https::Answer {
    let members: BTreeMap<_, _> = members.iter().copied().collect();
    caller.call("PUT", MEMBERS, &json!({ "members": members })).await
}

/// The members and their roles, as the operator reads them.
async fn members(world: &World) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let listed = world.operator.get(MEMBERS).await.served();
    listed.as_array().unwrap().iter().map(|member| (text(&member["user"]), text(&member["role"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, role)| ((*name).to_owned(), (*role).to_owned())).collect()
}

/// A project with alice as data owner and bob as data scientist, and alice as a caller.
async fn alice_and_bob() -> (World, Https) {
    let world = World::new().await;
    world.people("fraud", &[]).await;
    put(&world.operator, &[("alice", OWNER), ("bob", SCIENTIST)]).await.served();
    let alice = world.member("fraud", "alice").await;
    (world, alice)
}

#[tokio::test]
async fn a_put_of_all_members_adds_changes_and_removes_until_they_match() {
    let (world, _) = alice_and_bob().await;
    let (alice, bob) = (world.credentials("fraud", "alice").await, world.credentials("fraud", "bob").await);
    let seen = world.audit().await.len();
    let answer = put(&world.operator, &[("alice", SCIENTIST), ("carol", OWNER)]).await.served();
    assert_eq!(answer, world.operator.get(MEMBERS).await.served());
    assert_eq!(members(&world).await, pairs(&[("alice", SCIENTIST), ("carol", OWNER)]));
    // Who was added has a certificate, who stayed keeps it, who was removed is refused at once and listed soon.
    let carol = world.member("fraud", "carol").await;
    assert_eq!(carol.get("/v1/whoami").await.served()["role"], OWNER);
    assert_eq!(world.credentials("fraud", "alice").await.serial, alice.serial);
    world.holder(&Pem::from(&bob)).get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
    eventually("the list names bob's certificate", SOON, async || {
        let crl = world.public.get("/v1/crls/projects-1/0").await.bytes;
        let listed = hex(&crl).contains(&bob.serial);
        listed.then_some(()).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    // One row for each change.
    let rows = world.audit().await;
    let done: Vec<_> = rows[seen..]
        .iter()
        .filter(|row| row.actor == "operator" && row.action != "read_credentials")
        .map(|row| (row.action.as_str(), row.object.as_str()))
        .collect();
    assert_eq!(
        done,
        [("delete_member", "fraud__bob"), ("change_role", "fraud__alice"), ("put_member", "fraud__carol")]
    );
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[tokio::test]
async fn the_same_members_twice_leave_no_second_audit_row() {
    let (world, _) = alice_and_bob().await;
    let (before, first) = (world.audit().await, world.operator.get(MEMBERS).await.served());
    assert_eq!(put(&world.operator, &[("alice", OWNER), ("bob", SCIENTIST)]).await.served(), first);
    assert_eq!(world.audit().await, before);
}

#[tokio::test]
async fn a_project_that_has_a_data_owner_is_not_left_without_one() {
    let (world, _) = alice_and_bob().await;
    let before = world.audit().await;
    for refused in [&[][..], &[("bob", SCIENTIST)], &[("alice", SCIENTIST), ("carol", SCIENTIST)]] {
        put(&world.operator, refused).await.refused(ProblemCode::LastDataOwner);
    }
    assert_eq!(members(&world).await, pairs(&[("alice", OWNER), ("bob", SCIENTIST)]));
    assert_eq!(world.audit().await, before);
    // Handing over in one change is fine, and the single form of the operator is not guarded.
    put(&world.operator, &[("bob", OWNER)]).await.served();
    world.operator.call("DELETE", &member("bob"), &Value::Null).await.served();
    assert_eq!(members(&world).await, pairs(&[]));
    put(&world.operator, &[]).await.served();
}

#[tokio::test]
async fn a_data_owner_manages_the_members_of_its_project() {
    let (world, alice) = alice_and_bob().await;
    put(&alice, &[("alice", OWNER), ("carol", OWNER)]).await.served();
    assert_eq!(members(&world).await, pairs(&[("alice", OWNER), ("carol", OWNER)]));
    alice.call("PUT", &member("dave"), &json!({ "role": SCIENTIST })).await.served();
    assert_eq!(alice.get(&member("dave")).await.served()["role"], SCIENTIST);
    alice.call("PUT", &member("carol"), &json!({ "role": SCIENTIST })).await.served();
    alice.call("DELETE", &member("dave"), &Value::Null).await.served();
    assert_eq!(alice.get(MEMBERS).await.served(), world.operator.get(MEMBERS).await.served());
    assert_eq!(members(&world).await, pairs(&[("alice", OWNER), ("carol", SCIENTIST)]));
    let rows = world.audit().await;
    let hers: Vec<_> = rows.iter().filter(|row| row.actor == "project_user/fraud__alice").collect();
    assert_eq!(hers.len(), 5, "{hers:?}");
    assert!(hers.iter().all(|row| row.source.starts_with("127.0.0.1:")), "{hers:?}");
    // With the typed client too.
    let credentials = world.credentials("fraud", "alice").await;
    let (chain, private_key) = (credentials.chain, credentials.private_key);
    let typed = world.head.client(Credentials::Certificate { chain, private_key });
    let put = PutMembers { members: [(user("alice"), MemberRole::DataOwner)].into() };
    assert_eq!(typed.put_members(&project("fraud"), &put).await.unwrap().len(), 1);
    assert_eq!(typed.members(&project("fraud")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_data_owner_cannot_give_up_its_own_role() {
    let (world, alice) = alice_and_bob().await;
    world.operator.call("PUT", &member("carol"), &json!({ "role": OWNER })).await.served();
    let before = world.audit().await;
    let refused = ProblemCode::OwnMembership;
    put(&alice, &[("bob", SCIENTIST), ("carol", OWNER)]).await.refused(refused);
    put(&alice, &[("alice", SCIENTIST), ("carol", OWNER)]).await.refused(refused);
    put(&alice, &[]).await.refused(refused);
    alice.call("PUT", &member("alice"), &json!({ "role": SCIENTIST })).await.refused(refused);
    alice.call("DELETE", &member("alice"), &Value::Null).await.refused(refused);
    assert_eq!(world.audit().await, before);
    // Another one may do it.
    world.member("fraud", "carol").await.call("DELETE", &member("alice"), &Value::Null).await.served();
    alice.get(MEMBERS).await.refused(ProblemCode::CertificateRevoked);
}

#[tokio::test]
async fn members_are_not_managed_by_data_scientists_nor_from_other_projects() {
    let (world, alice) = alice_and_bob().await;
    world.people("churn", &["alice"]).await;
    let owner = json!({ "role": OWNER });
    world.operator.call("PUT", "/v1/projects/churn/members/alice", &owner).await.served();
    let elsewhere = world.member("churn", "alice").await;
    let bob = world.member("fraud", "bob").await;
    let before = world.done_by_operator().await;
    for caller in [&bob, &elsewhere] {
        put(caller, &[("bob", OWNER)]).await.refused(ProblemCode::Forbidden);
        caller.get(MEMBERS).await.refused(ProblemCode::Forbidden);
        caller.get(&member("bob")).await.refused(ProblemCode::Forbidden);
        caller.call("PUT", &member("bob"), &owner).await.refused(ProblemCode::Forbidden);
        caller.call("DELETE", &member("bob"), &Value::Null).await.refused(ProblemCode::Forbidden);
    }
    // Keys of others are the operator's to hand out, and a project that is not there says nothing of itself.
    alice.get(&format!("{}/credentials", member("bob"))).await.refused(ProblemCode::Forbidden);
    for path in ["/v1/projects/none/members", "/v1/projects/FRAUD/members", "/v1/projects/%66raud2/members"] {
        alice.get(path).await.refused(ProblemCode::Forbidden);
    }
    assert_eq!(world.done_by_operator().await, before);
    // A role that was taken away is gone with the next request.
    world.operator.call("PUT", &member("bob"), &owner).await.served();
    bob.get(MEMBERS).await.served();
    world.operator.call("PUT", &member("bob"), &json!({ "role": SCIENTIST })).await.served();
    bob.get(MEMBERS).await.refused(ProblemCode::Forbidden);
}

#[tokio::test]
async fn two_data_owners_who_remove_each_other_at_once_leave_one() {
    for _ in 0..5 {
        let (world, alice) = alice_and_bob().await;
        world.operator.call("PUT", &member("bob"), &json!({ "role": OWNER })).await.served();
        let bob = world.member("fraud", "bob").await;
        let (of_alice, of_bob) = (member("alice"), member("bob"));
        let both = async {
            tokio::join!(alice.call("DELETE", &of_bob, &Value::Null), bob.call("DELETE", &of_alice, &Value::Null))
        };
        tokio::time::timeout(Duration::from_secs(20), both).await.expect("both are answered");
        assert_eq!(members(&world).await.len(), 1);
    }
}

#[tokio::test]
async fn a_put_of_more_members_than_the_limit_changes_nothing() {
    let (world, _) = alice_and_bob().await;
    let before = (members(&world).await, world.done_by_operator().await);
    let many: BTreeMap<String, &str> = (0..=MOST_MEMBERS).map(|number| (format!("user_{number}"), SCIENTIST)).collect();
    let refused = world.operator.call("PUT", MEMBERS, &json!({ "members": many })).await;
    let problem = refused.refused(ProblemCode::InvalidRequest);
    assert!(problem.detail.contains("may have 1000"), "{}", problem.detail);
    assert_eq!((members(&world).await, world.done_by_operator().await), before);
}

#[tokio::test]
async fn no_write_waits_for_the_keys_of_new_members() {
    let world = World::new().await;
    let slow = AuthoritySettings { project_user_key_algorithm: KeyAlgorithm::Rsa4096, ..AuthoritySettings::default() };
    world.declare(&declared(0, slow)).await;
    world.people("fraud", &[]).await;
    let names: Vec<String> = (0..6).map(|number| format!("user_{number}")).collect();
    let wanted = names.iter().map(|name| (user(name), MemberRole::DataScientist)).collect();
    let putting = {
        let client = world.client.clone();
        tokio::spawn(async move { client.put_members(&project("fraud"), &PutMembers { members: wanted }).await })
    };
    let mut written = 0;
    while !putting.is_finished() {
        let put = PutProject { description: format!("written {written} times") };
        world.client.put_project(&project("other"), &put).await.unwrap();
        written += 1;
    }
    let put = putting.await.unwrap().unwrap();
    assert_eq!(put.len(), names.len());
    // Each key alone takes longer than such a write; with the keys in the writer's way there would be one.
    assert!(written > names.len(), "only {written} writes were answered meanwhile");
    let key = world.credentials("fraud", "user_0").await.private_key;
    assert!(key.len() > 3_000, "an RSA key of 4,096 bits in PEM has {} characters", key.len());
}
