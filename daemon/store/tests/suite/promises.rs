//! What the store promises, whatever the database: transactions, keys, CRLs, tickets, token keys, the saga log, the
//! audit chain. Time is an argument, so nothing waits.

use jiff::{SignedDuration, Timestamp};
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState};
use ringfence_api::certificate::{CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_api::cluster::{AuthoritySettings, PutCluster};
use ringfence_api::node::NodeState;
use ringfence_api::project::MemberRole;
use ringfence_api::token::{Jwk, TokenKeyState, TokenSubject};
use ringfence_api::{ClusterId, ClusterName, NodeName, OperatorPublicKey, ProjectName, ProjectUser};
use ringfence_saga::{AppendError, Epoch, Event, LoadError, Log as _, SagaId};
use ringfence_store::{
    ClusterRow, CrlHead, CrlRow, IssuerRow, MemberKeyRow, NewAuditRow, NewCertificate, NewSaga, SagaLog, Store,
    StoreError, Transaction,
};

use crate::World;

const ISSUER: &str = "projects-1";
const LEASE: &str = "sagas";

/// A second of the test's time.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn project(name: &str) -> ProjectName {
    ProjectName::parse(name).unwrap()
}

fn identity(text: &str) -> ProjectUser {
    ProjectUser::parse(text).unwrap()
}

fn node(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

/// A cluster, an issuer and its first CRL.
pub(crate) async fn set_up(store: &Store) {
    let mut tx = store.write("set_up").await.unwrap();
    tx.insert_cluster(&cluster(), at(0)).await.unwrap();
    tx.insert_issuer(&issuer(ISSUER, AuthorityState::Active, 1)).await.unwrap();
    tx.insert_crl(&crl(1, at(0))).await.unwrap();
    tx.commit().await.unwrap();
}

fn issuer(id: &str, state: AuthorityState, number: u32) -> IssuerRow {
    IssuerRow {
        view: Authority {
            id: id.to_owned(),
            domain: AuthorityDomain::Projects,
            parent: ISSUER.to_owned(),
            state,
            not_after: at(1_000_000),
            created_at: at(0),
            activated_at: None,
            retired_at: None,
            rotation_requested_at: None,
            distrusted_at: None,
        },
        number,
        certificate: vec![1],
        sealed_key: vec![2],
        cross_certificate: None,
        shards: 1,
        not_before: at(0),
        prepared_generation: 1,
        known_at: None,
    }
}

fn cluster() -> ClusterRow {
    let declared = PutCluster { authority: AuthoritySettings::default(), ..PutCluster::default() };
    ClusterRow {
        id: ClusterId::parse("7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34").unwrap(),
        name: ClusterName::parse("demo").unwrap(),
        operator_key: OperatorPublicKey::from_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
        endpoint: "https://127.0.0.1:8443".to_owned(),
        declared,
        generation: 1,
        declared_generation: 1,
        revision: 1,
    }
}

fn crl(number: i64, this_update: Timestamp) -> CrlRow {
    let head = CrlHead {
        issuer: ISSUER.to_owned(),
        shard: 0,
        url: "https://127.0.0.1:8443/v1/crls/projects-1/0".to_owned(),
        number,
        this_update,
        next_update: this_update + SignedDuration::from_hours(1),
        base_number: number,
    };
    CrlRow { head, der: number.to_be_bytes().to_vec(), delta: None }
}

/// Records a certificate for `common_name` that is good from second 0 to `not_after`. Its bytes are its serial.
async fn insert_certificate(
    tx: &mut Transaction,
    serial: &str,
    common_name: &str,
    not_after: i64,
) -> Result<(), StoreError> {
    insert_certificate_of(tx, ISSUER, serial, common_name, not_after).await
}

async fn insert_certificate_of(
    tx: &mut Transaction,
    issuer: &str,
    serial: &str,
    common_name: &str,
    not_after: i64,
) -> Result<(), StoreError> {
    let new = NewCertificate {
        serial,
        issuer,
        shard: 0,
        profile: CertificateProfile::ProjectUser,
        holder: CertificateHolder::Daemon,
        common_name,
        node: None,
        service: None,
        job: None,
        der: serial.as_bytes(),
        not_before: at(0),
        not_after: at(not_after),
    };
    tx.insert_certificates(&[new], at(0)).await
}

async fn insert_member(tx: &mut Transaction, name: &str, serial: &str) -> Result<(), StoreError> {
    let key = MemberKeyRow { certificate: serial.to_owned(), sealed_key: vec![7] };
    tx.insert_member(&identity(name), MemberRole::DataOwner, &key, at(0)).await
}

async fn audit(tx: &mut Transaction, object: &str) {
    let row = NewAuditRow { actor: "operator", source: "127.0.0.1:1", action: "put", object, outcome: "done" };
    tx.insert_audits(&[row], at(0)).await.unwrap();
}

pub(crate) async fn project_names(tx: &mut Transaction) -> Vec<String> {
    tx.list_projects().await.unwrap().into_iter().map(|project| project.name.to_string()).collect()
}

mod transactions {
    //! All or nothing, and for ever once committed.

    use super::*;

    #[tokio::test]
    async fn a_transaction_that_is_dropped_is_undone() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.put_project_row(&project("fraud"), "", at(0)).await.unwrap();
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        audit(&mut tx, "fraud").await;
        assert_eq!(project_names(&mut tx).await, ["fraud"], "it sees what it wrote");
        drop(tx);
        let mut tx = world.write().await;
        assert!(project_names(&mut tx).await.is_empty());
        assert!(tx.find_certificate("aa").await.unwrap().is_none());
        assert!(tx.list_audit(10).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_statement_that_was_refused_leaves_the_rest_of_the_transaction_to_be_undone_with_it() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.put_project_row(&project("fraud"), "", at(0)).await.unwrap();
        assert!(matches!(insert_member(&mut tx, "fraud__alice", "none").await, Err(StoreError::Failed { .. })));
        drop(tx);
        assert!(project_names(&mut world.read().await).await.is_empty());
    }

    #[tokio::test]
    async fn what_was_committed_is_there_when_the_file_is_opened_again() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.put_project_row(&project("fraud"), "text", at(5)).await.unwrap();
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        insert_member(&mut tx, "fraud__alice", "aa").await.unwrap();
        tx.commit().await.unwrap();
        let before = world.read().await.cluster().await.unwrap();
        let world = world.reopen().await;
        let mut tx = world.read().await;
        assert_eq!(tx.cluster().await.unwrap(), before);
        let found = tx.find_project(&project("fraud")).await.unwrap().unwrap();
        assert_eq!((found.description.as_str(), found.created_at), ("text", at(5)));
        let key = tx.find_member_key(&identity("fraud__alice")).await.unwrap().unwrap();
        assert_eq!(key, MemberKeyRow { certificate: "aa".to_owned(), sealed_key: vec![7] });
    }

    #[tokio::test]
    async fn a_reader_sees_one_state_while_a_writer_works_and_commits() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.put_project_row(&project("fraud"), "", at(0)).await.unwrap();
        tx.commit().await.unwrap();
        let mut reader = world.read().await;
        assert_eq!(project_names(&mut reader).await, ["fraud"]);
        let mut writer = world.write().await;
        writer.put_project_row(&project("churn"), "", at(0)).await.unwrap();
        writer.delete_project_row(&project("fraud")).await.unwrap();
        // Nobody sees what is not committed.
        assert_eq!(project_names(&mut reader).await, ["fraud"]);
        assert_eq!(project_names(&mut world.read().await).await, ["fraud"]);
        writer.commit().await.unwrap();
        // And whoever began before sees what was when it began.
        assert_eq!(project_names(&mut reader).await, ["fraud"]);
        assert!(reader.find_project(&project("fraud")).await.unwrap().is_some());
        drop(reader);
        assert_eq!(project_names(&mut world.read().await).await, ["churn"]);
    }

    #[tokio::test]
    async fn a_reader_cannot_write() {
        let world = World::new().await;
        let refused = world.read().await.put_project_row(&project("fraud"), "", at(0)).await;
        assert!(matches!(refused, Err(StoreError::Failed { transaction: "test", .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn writers_wait_for_each_other_and_none_is_lost() {
        let world = World::new().await;
        let writers: Vec<_> = (0..20)
            .map(|_| {
                let store = world.store.clone();
                tokio::spawn(async move {
                    let mut tx = store.write("test").await.unwrap();
                    let before = tx.cluster().await.unwrap().revision;
                    tokio::task::yield_now().await;
                    tx.update_revision().await.unwrap();
                    assert_eq!(tx.cluster().await.unwrap().revision, before + 1);
                    tx.commit().await.unwrap();
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(world.read().await.cluster().await.unwrap().revision, 21);
    }

    #[tokio::test]
    async fn of_those_who_commit_together_one_that_fails_or_leaves_takes_nobody_with_it() {
        let world = World::new().await;
        let mut first = world.write().await;
        // They queue up behind the first one, so that all of them are one group.
        let others: Vec<_> = (0..30)
            .map(|index| {
                let store = world.store.clone();
                tokio::spawn(async move {
                    let mut tx = store.write("test").await.unwrap();
                    let name = project(&format!("p{index}"));
                    tx.put_project_row(&name, "", at(0)).await.unwrap();
                    match index % 3 {
                        0 => tx.commit().await.unwrap(),
                        // Refused, and so undone with what went before it.
                        1 => assert!(insert_member(&mut tx, &format!("{name}__alice"), "none").await.is_err()),
                        // Gone in the middle of a statement.
                        _ => {
                            let other = project(&format!("q{index}"));
                            let mut statement = std::pin::pin!(tx.put_project_row(&other, "", at(0)));
                            let _ = futures::poll!(&mut statement);
                        }
                    }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        first.put_project_row(&project("first"), "", at(0)).await.unwrap();
        first.commit().await.unwrap();
        for other in others {
            other.await.unwrap();
        }
        let mut expected: Vec<String> =
            (0..30).filter(|index| index % 3 == 0).map(|index| format!("p{index}")).collect();
        expected.push("first".to_owned());
        expected.sort();
        assert_eq!(project_names(&mut world.read().await).await, expected);
    }

    #[tokio::test]
    async fn who_does_not_wait_for_the_turn_any_more_is_passed_over() {
        let world = World::new().await;
        let first = world.write().await;
        for _ in 0..3 {
            let mut waiting = std::pin::pin!(world.store.write("test"));
            assert!(futures::poll!(&mut waiting).is_pending());
        }
        first.commit().await.unwrap();
        let mut tx = world.write().await;
        tx.update_revision().await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.read().await.cluster().await.unwrap().revision, 2);
    }

    #[tokio::test]
    async fn a_store_that_is_closed_refuses() {
        let world = World::new().await;
        world.store.close().await;
        assert!(world.store.write("test").await.is_err());
        assert!(world.store.read("test").await.is_err());
        world.store.close().await;
    }

    #[tokio::test]
    async fn a_declaration_raises_every_counter_and_a_change_its_own() {
        let world = World::new().await;
        let counters = async |tx: &mut Transaction| {
            let row = tx.cluster().await.unwrap();
            (row.generation, row.declared_generation, row.revision)
        };
        let mut tx = world.write().await;
        assert_eq!(counters(&mut tx).await, (1, 1, 1));
        tx.update_generation().await.unwrap();
        assert_eq!(counters(&mut tx).await, (2, 1, 2));
        tx.update_declared(&cluster().declared).await.unwrap();
        assert_eq!(counters(&mut tx).await, (3, 3, 3));
        tx.update_revision().await.unwrap();
        assert_eq!(counters(&mut tx).await, (3, 3, 4));
    }
}

mod keys {
    //! What is taken is refused, and what belongs together goes together.

    use super::*;

    fn is_taken<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) {
        assert!(matches!(outcome, Err(StoreError::Exists(_))), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_key_that_is_taken_is_refused_as_such() {
        let world = World::new().await;
        let id = SagaId::new("s1");
        let saga = NewSaga { id: &id, kind: "launch_node", subject: "head", input: serde_json::json!({}) };
        let mut tx = world.write().await;
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        tx.put_project_row(&project("fraud"), "", at(0)).await.unwrap();
        insert_member(&mut tx, "fraud__alice", "aa").await.unwrap();
        tx.insert_node(&node("head"), "head", at(0)).await.unwrap();
        tx.insert_saga(&saga, at(0)).await.unwrap();
        tx.commit().await.unwrap();
        is_taken(&world.write().await.insert_cluster(&cluster(), at(0)).await);
        is_taken(&world.write().await.insert_crl(&crl(7, at(7))).await);
        is_taken(&insert_certificate(&mut world.write().await, "aa", "fraud__bob", 100).await);
        is_taken(&insert_member(&mut world.write().await, "fraud__alice", "aa").await);
        is_taken(&world.write().await.insert_node(&node("head"), "head", at(0)).await);
        is_taken(&world.write().await.insert_saga(&saga, at(0)).await);
    }

    #[tokio::test]
    async fn a_project_that_differs_only_in_case_is_refused_and_the_same_name_changes_it() {
        let world = World::new().await;
        let mut tx = world.write().await;
        let first = tx.put_project_row(&project("Fraud"), "one", at(1)).await.unwrap();
        tx.commit().await.unwrap();
        is_taken(&world.write().await.put_project_row(&project("fraud"), "two", at(2)).await);
        let mut tx = world.write().await;
        let second = tx.put_project_row(&project("Fraud"), "two", at(2)).await.unwrap();
        assert_eq!((second.created_at, second.description.as_str()), (first.created_at, "two"));
        assert!(tx.find_project(&project("fraud")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_deleted_project_takes_its_members_and_no_others_and_certificates_stay() {
        let world = World::new().await;
        let mut tx = world.write().await;
        for name in ["fraud", "churn"] {
            tx.put_project_row(&project(name), "", at(0)).await.unwrap();
        }
        for (serial, name) in [("aa", "fraud__alice"), ("bb", "fraud__bob"), ("cc", "churn__alice")] {
            insert_certificate(&mut tx, serial, name, 100).await.unwrap();
            insert_member(&mut tx, name, serial).await.unwrap();
        }
        assert!(tx.delete_project_row(&project("fraud")).await.unwrap());
        assert!(!tx.delete_project_row(&project("fraud")).await.unwrap());
        assert!(tx.list_members(&project("fraud")).await.unwrap().is_empty());
        assert_eq!(tx.list_members(&project("churn")).await.unwrap().len(), 1);
        assert_eq!(tx.list_certificates(10).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_row_that_would_point_nowhere_is_refused() {
        let world = World::new().await;
        let mut tx = world.write().await;
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        let no_project = insert_member(&mut tx, "fraud__alice", "aa").await;
        assert!(matches!(no_project, Err(StoreError::Failed { .. })), "{no_project:?}");
        let no_node = tx.put_ticket(&node("workers-0"), "h", at(0)).await;
        assert!(matches!(no_node, Err(StoreError::Failed { .. })), "{no_node:?}");
    }

    #[tokio::test]
    async fn a_deleted_node_takes_its_ticket_with_it() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.insert_node(&node("head"), "head", at(0)).await.unwrap();
        assert_eq!(tx.find_node(&node("head")).await.unwrap().unwrap().state, NodeState::Launching);
        tx.put_ticket(&node("head"), "h", at(10)).await.unwrap();
        tx.delete_node(&node("head")).await.unwrap();
        assert!(tx.find_ticket(&node("head")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn members_past_two_thirds_of_their_certificates_life_are_due_and_the_first_to_end_comes_first() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.put_project_row(&project("fraud"), "", at(0)).await.unwrap();
        for (serial, name, not_after) in [("aa", "fraud__alice", 90), ("bb", "fraud__bob", 60)] {
            insert_certificate(&mut tx, serial, name, not_after).await.unwrap();
            insert_member(&mut tx, name, serial).await.unwrap();
        }
        let mut due = async |second: i64, limit: u32| {
            let due = tx.list_members_to_renew(at(second), limit).await.unwrap();
            due.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(due(39, 10).await.is_empty());
        assert_eq!(due(40, 10).await, ["fraud__bob"]);
        assert_eq!(due(60, 10).await, ["fraud__bob", "fraud__alice"]);
        assert_eq!(due(60, 1).await, ["fraud__bob"]);
    }
}

mod revocation {
    //! Marks, lists and their numbers.

    use super::*;

    async fn revoke(tx: &mut Transaction, serial: &str, second: i64) -> bool {
        let reason = RevocationReason::PrivilegeWithdrawn;
        tx.update_certificate_revoked(serial, reason, at(second)).await.unwrap()
    }

    async fn to_be_listed(tx: &mut Transaction, last: &CrlRow) -> Vec<String> {
        let mut serials = Vec::new();
        tx.each_revoked(&last.head, |row| serials.push(row.serial)).await.unwrap();
        serials.sort();
        serials
    }

    async fn unlisted(tx: &mut Transaction, last: &CrlRow) -> Vec<String> {
        let mut serials = Vec::new();
        tx.each_revoked(&last.head, |row| serials.extend(row.listed_in.is_none().then_some(row.serial))).await.unwrap();
        serials
    }

    /// Publishes the next list as the daemon does, and returns it with what it holds.
    async fn publish(tx: &mut Transaction, second: i64) -> (CrlRow, Vec<String>) {
        let last = tx.find_crl(ISSUER, 0).await.unwrap().unwrap();
        let (held, new) = (to_be_listed(tx, &last).await, unlisted(tx, &last).await);
        let next = crl(last.head.number + 1, at(second));
        assert!(tx.update_crl(next.head.number - 1, &next).await.unwrap());
        tx.update_certificates_listed(&next.head, &new).await.unwrap();
        (next, held)
    }

    #[tokio::test]
    async fn a_revocation_happens_once_and_keeps_its_first_time_and_reason() {
        let world = World::new().await;
        let mut tx = world.write().await;
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        assert!(revoke(&mut tx, "aa", 5).await);
        assert!(!tx.update_certificate_revoked("aa", RevocationReason::Superseded, at(6)).await.unwrap());
        assert!(!revoke(&mut tx, "unknown", 5).await);
        let view = tx.find_certificate("aa").await.unwrap().unwrap().view;
        assert_eq!(view.revoked_at, Some(at(5)));
        assert_eq!(view.revocation_reason, Some(RevocationReason::PrivilegeWithdrawn));
    }

    #[tokio::test]
    async fn revoking_by_name_takes_exactly_that_name_profile_and_what_is_still_good() {
        let world = World::new().await;
        let mut tx = world.write().await;
        for (serial, name, not_after) in [
            ("aa", "fraud__alice", 100),
            ("bb", "fraud__alice", 100),
            ("cc", "fraud__alice", 10),
            ("dd", "fraud__alice2", 100),
            ("ee", "Fraud__alice", 100),
        ] {
            insert_certificate(&mut tx, serial, name, not_after).await.unwrap();
        }
        let (alice, reason) = (identity("fraud__alice"), RevocationReason::PrivilegeWithdrawn);
        assert_eq!(tx.update_certificates_revoked_of_project_user(&alice, reason, at(50)).await.unwrap(), 2);
        assert_eq!(tx.update_certificates_revoked_of_project_user(&alice, reason, at(51)).await.unwrap(), 0);
        let all = tx.list_certificates(10).await.unwrap();
        let mut revoked: Vec<_> = all.into_iter().filter(|c| c.revoked_at.is_some()).map(|c| c.serial).collect();
        revoked.sort();
        assert_eq!(revoked, ["aa", "bb"]);
    }

    #[tokio::test]
    async fn a_list_with_a_stale_number_is_refused_and_changes_nothing() {
        let world = World::new().await;
        let mut tx = world.write().await;
        assert!(tx.update_crl(1, &crl(2, at(1))).await.unwrap());
        for stale in [0, 1, 2, 4] {
            assert!(!tx.update_crl(stale - 1, &crl(stale, at(9))).await.unwrap(), "{stale} after 2");
        }
        let mut elsewhere = crl(3, at(9));
        elsewhere.head.shard = 1;
        assert!(!tx.update_crl(elsewhere.head.number - 1, &elsewhere).await.unwrap(), "a shard that has no first list");
        assert_eq!(tx.list_crls().await.unwrap(), [crl(2, at(1))]);
        assert!(tx.update_crl(2, &crl(3, at(2))).await.unwrap());
    }

    #[tokio::test]
    async fn of_two_publishers_with_the_same_number_one_wins() {
        let world = World::new().await;
        let last = world.read().await.find_crl(ISSUER, 0).await.unwrap().unwrap();
        let mut outcomes = Vec::new();
        for signer in 1..=2 {
            // Both have read the same last list before either writes.
            let mut tx = world.write().await;
            let row = CrlRow { der: vec![signer], ..crl(last.head.number + 1, at(1)) };
            outcomes.push(tx.update_crl(row.head.number - 1, &row).await.unwrap());
            tx.commit().await.unwrap();
        }
        assert_eq!(outcomes, [true, false]);
        assert_eq!(world.read().await.find_crl(ISSUER, 0).await.unwrap().unwrap().der, [1]);
    }

    #[tokio::test]
    async fn an_expired_certificate_stands_in_one_further_list_and_then_in_none() {
        let world = World::new().await;
        let mut tx = world.write().await;
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        insert_certificate(&mut tx, "bb", "fraud__bob", 1_000).await.unwrap();
        insert_certificate(&mut tx, "cc", "fraud__carol", 1_000).await.unwrap();
        revoke(&mut tx, "aa", 10).await;
        revoke(&mut tx, "bb", 11).await;
        assert_eq!(publish(&mut tx, 20).await.1, ["aa", "bb"]);
        assert_eq!(publish(&mut tx, 90).await.1, ["aa", "bb"]);
        // The first list that is signed after its end, at 100, still holds it (RFC 5280, section 3.3).
        assert_eq!(publish(&mut tx, 110).await.1, ["aa", "bb"]);
        assert_eq!(publish(&mut tx, 120).await.1, ["bb"]);
        assert_eq!(publish(&mut tx, 130).await.1, ["bb"]);
        // The row stays.
        assert!(tx.find_certificate("aa").await.unwrap().unwrap().view.revoked_at.is_some());
    }

    #[tokio::test]
    async fn a_revocation_that_no_list_has_held_is_listed_though_its_certificate_has_expired() {
        let world = World::new().await;
        let mut tx = world.write().await;
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        revoke(&mut tx, "aa", 99).await;
        // No list came for a long while after a crash; then one was signed by somebody who did not see it.
        assert!(tx.update_crl(1, &crl(2, at(200))).await.unwrap());
        assert!(tx.has_unlisted(ISSUER, 0).await.unwrap());
        assert_eq!(publish(&mut tx, 300).await.1, ["aa"]);
        assert!(!tx.has_unlisted(ISSUER, 0).await.unwrap());
        assert!(publish(&mut tx, 400).await.1.is_empty());
    }

    #[tokio::test]
    async fn a_list_holds_its_own_issuers_and_shards_certificates_only() {
        let world = World::new().await;
        let mut tx = world.write().await;
        let mut other = crl(1, at(0));
        other.head.shard = 1;
        tx.insert_crl(&other).await.unwrap();
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        revoke(&mut tx, "aa", 10).await;
        assert!(to_be_listed(&mut tx, &other).await.is_empty());
        assert!(!tx.has_unlisted(ISSUER, 1).await.unwrap());
        tx.update_certificates_listed(&other.head, &[]).await.unwrap();
        assert!(tx.has_unlisted(ISSUER, 0).await.unwrap(), "another shard's list does not count");
    }

    #[tokio::test]
    async fn what_was_revoked_while_a_list_was_put_together_waits_for_the_next() {
        let world = World::new().await;
        let mut tx = world.write().await;
        for serial in ["aa", "bb", "cc"] {
            insert_certificate(&mut tx, serial, "fraud__alice", 100).await.unwrap();
        }
        revoke(&mut tx, "aa", 10).await;
        revoke(&mut tx, "bb", 10).await;
        let last = tx.find_crl(ISSUER, 0).await.unwrap().unwrap();
        let seen = unlisted(&mut tx, &last).await;
        revoke(&mut tx, "cc", 10).await;
        let next = crl(last.head.number + 1, at(11));
        assert!(tx.update_crl(next.head.number - 1, &next).await.unwrap());
        tx.update_certificates_listed(&next.head, &seen).await.unwrap();
        assert_eq!(unlisted(&mut tx, &next).await, ["cc"]);
        assert!(tx.has_unlisted(ISSUER, 0).await.unwrap());
    }
}

mod tickets {
    //! A ticket belongs to the first key that shows it.

    use super::*;

    async fn with_a_ticket(world: &World) -> Transaction {
        let mut tx = world.write().await;
        tx.insert_node(&node("head"), "head", at(0)).await.unwrap();
        tx.put_ticket(&node("head"), "first", at(10)).await.unwrap();
        tx
    }

    async fn owner(tx: &mut Transaction) -> Option<String> {
        tx.find_ticket(&node("head")).await.unwrap().unwrap().owner_key
    }

    #[tokio::test]
    async fn the_first_key_owns_a_ticket_and_no_other_takes_it() {
        let world = World::new().await;
        let mut tx = with_a_ticket(&world).await;
        assert_eq!(owner(&mut tx).await, None);
        for key in ["ours", "theirs", "ours"] {
            tx.update_ticket_owner(&node("head"), key).await.unwrap();
            assert_eq!(owner(&mut tx).await.as_deref(), Some("ours"));
        }
    }

    #[tokio::test]
    async fn the_same_ticket_again_keeps_its_owner_and_another_has_none() {
        let world = World::new().await;
        let mut tx = with_a_ticket(&world).await;
        tx.update_ticket_owner(&node("head"), "ours").await.unwrap();
        tx.put_ticket(&node("head"), "first", at(20)).await.unwrap();
        let ticket = tx.find_ticket(&node("head")).await.unwrap().unwrap();
        assert_eq!((ticket.expires_at, ticket.owner_key.as_deref()), (at(20), Some("ours")));
        tx.put_ticket(&node("head"), "second", at(30)).await.unwrap();
        let ticket = tx.find_ticket(&node("head")).await.unwrap().unwrap();
        assert_eq!((ticket.hash.as_str(), ticket.expires_at, ticket.owner_key), ("second", at(30), None));
        tx.put_ticket(&node("head"), "first", at(40)).await.unwrap();
        assert_eq!(owner(&mut tx).await, None, "the old owner does not come back");
    }

    #[tokio::test]
    async fn a_ticket_that_was_taken_away_is_gone() {
        let world = World::new().await;
        let mut tx = with_a_ticket(&world).await;
        tx.delete_ticket(&node("head")).await.unwrap();
        assert!(tx.find_ticket(&node("head")).await.unwrap().is_none());
        tx.delete_ticket(&node("head")).await.unwrap();
    }
}

mod token_keys {
    //! One key signs and one is ready to; one that is gone leaves its row and nothing of itself.

    use super::*;

    fn public(kid: &str) -> Jwk {
        Jwk {
            kid: kid.to_owned(),
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: "x".to_owned(),
            y: Some("y".to_owned()),
            alg: "ES256".to_owned(),
            usage: "sig".to_owned(),
        }
    }

    async fn insert(tx: &mut Transaction, kid: &str, second: i64) -> Result<(), StoreError> {
        tx.insert_token_key(&public(kid), b"sealed", at(second)).await
    }

    /// A key that is active since second 1, and a prepared one.
    async fn with_keys(tx: &mut Transaction) {
        insert(tx, "k1", 0).await.unwrap();
        tx.update_token_key_active("k1", at(1)).await.unwrap();
        insert(tx, "k2", 1).await.unwrap();
    }

    async fn states(tx: &mut Transaction) -> Vec<(String, TokenKeyState)> {
        tx.list_token_keys(10).await.unwrap().into_iter().map(|key| (key.kid, key.state)).collect()
    }

    #[tokio::test]
    async fn a_key_goes_from_prepared_to_gone_and_its_row_stays() {
        let world = World::new().await;
        let mut tx = world.write().await;
        with_keys(&mut tx).await;
        let active = tx.find_active_token_key().await.unwrap().unwrap();
        assert_eq!((active.public_key, active.sealed_key.as_slice()), (public("k1"), b"sealed".as_slice()));
        tx.update_token_key_retired("k1", at(5)).await.unwrap();
        tx.update_token_key_active("k2", at(5)).await.unwrap();
        tx.update_token_key_gone("k1").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = world.read().await;
        let live = tx.list_live_token_keys().await.unwrap();
        assert_eq!(live.iter().map(|key| key.view.kid.as_str()).collect::<Vec<_>>(), ["k2"]);
        let gone = tx.list_token_keys(10).await.unwrap().remove(1);
        assert_eq!((gone.kid.as_str(), gone.state), ("k1", TokenKeyState::Gone));
        assert_eq!((gone.created_at, gone.activated_at, gone.retired_at), (at(0), Some(at(1)), Some(at(5))));
        drop(tx);
        let erased = "UPDATE token_key SET state = state WHERE kid = 'k1' AND sealed_key IS NULL";
        assert_eq!(world.behind_its_back(erased).await, 1);
    }

    #[tokio::test]
    async fn two_never_sign_and_two_are_never_prepared() {
        let world = World::new().await;
        let mut tx = world.write().await;
        with_keys(&mut tx).await;
        tx.commit().await.unwrap();
        let refused = insert(&mut world.write().await, "k3", 2).await;
        assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
        let refused = world.write().await.update_token_key_active("k2", at(2)).await;
        assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
        let mut tx = world.read().await;
        let expected = [("k2", TokenKeyState::Prepared), ("k1", TokenKeyState::Active)];
        assert_eq!(states(&mut tx).await, expected.map(|(kid, state)| (kid.to_owned(), state)));
    }

    #[tokio::test]
    async fn no_state_is_left_out() {
        let world = World::new().await;
        let mut tx = world.write().await;
        with_keys(&mut tx).await;
        let before = states(&mut tx).await;
        tx.update_token_key_gone("k1").await.unwrap();
        tx.update_token_key_gone("k2").await.unwrap();
        tx.update_token_key_retired("k2", at(9)).await.unwrap();
        assert_eq!(states(&mut tx).await, before);
    }

    #[tokio::test]
    async fn a_key_remembers_the_token_that_ends_last() {
        let world = World::new().await;
        let mut tx = world.write().await;
        with_keys(&mut tx).await;
        for (ends, last) in [(50, 50), (90, 90), (70, 90)] {
            tx.update_token_key_signed("k1", at(ends)).await.unwrap();
            let key = tx.find_active_token_key().await.unwrap().unwrap();
            assert_eq!(key.tokens_end_at, Some(at(last)));
        }
        assert_eq!(tx.list_live_token_keys().await.unwrap()[0].tokens_end_at, None);
    }
}

mod saga_log {
    //! What the saga engine relies on: no number twice, and no owner who was replaced.

    use super::*;

    fn started(step: &str) -> Event {
        Event::StepStarted { step: step.to_owned() }
    }

    async fn with_a_saga(world: &World) -> (SagaLog, SagaId, Epoch) {
        let id = SagaId::new("s1");
        let mut tx = world.write().await;
        let epoch = tx.take_lease(LEASE, "a", at(0), at(10)).await.unwrap().unwrap();
        let saga = NewSaga { id: &id, kind: "launch_node", subject: "head", input: serde_json::json!({ "n": 1 }) };
        tx.insert_saga(&saga, at(0)).await.unwrap();
        tx.commit().await.unwrap();
        (SagaLog::new(world.store.clone(), LEASE), id, epoch)
    }

    #[tokio::test]
    async fn events_are_loaded_in_order_also_after_the_file_was_opened_again() {
        let world = World::new().await;
        let (log, id, epoch) = with_a_saga(&world).await;
        assert!(log.load(&id).await.unwrap().is_empty());
        let events = [started("a"), Event::StepDone { step: "a".to_owned(), output: serde_json::json!([1]) }];
        for (seq, event) in (0..).zip(&events) {
            log.append(&id, epoch, seq, event).await.unwrap();
        }
        let world = world.reopen().await;
        assert_eq!(SagaLog::new(world.store.clone(), LEASE).load(&id).await.unwrap(), events);
    }

    #[tokio::test]
    async fn a_number_that_is_taken_is_refused_and_the_event_stays() {
        let world = World::new().await;
        let (log, id, epoch) = with_a_saga(&world).await;
        log.append(&id, epoch, 0, &started("a")).await.unwrap();
        let again = log.append(&id, epoch, 0, &started("b")).await;
        assert!(matches!(again, Err(AppendError::SeqTaken { seq: 0, .. })), "{again:?}");
        assert_eq!(log.load(&id).await.unwrap(), [started("a")]);
    }

    #[tokio::test]
    async fn of_many_who_append_the_same_number_one_succeeds() {
        let world = World::new().await;
        let (log, id, epoch) = with_a_saga(&world).await;
        let racers: Vec<_> = (0..10)
            .map(|racer| {
                let (log, id) = (log.clone(), id.clone());
                tokio::spawn(async move { log.append(&id, epoch, 0, &started(&racer.to_string())).await.is_ok() })
            })
            .collect();
        let mut winners = 0;
        for racer in racers {
            winners += usize::from(racer.await.unwrap());
        }
        assert_eq!((winners, log.load(&id).await.unwrap().len()), (1, 1));
    }

    #[tokio::test]
    async fn an_owner_who_was_replaced_is_refused_from_that_moment() {
        let world = World::new().await;
        let (log, id, old) = with_a_saga(&world).await;
        log.append(&id, old, 0, &started("a")).await.unwrap();
        let mut tx = world.write().await;
        let new = tx.take_lease(LEASE, "b", at(11), at(20)).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert!(new > old);
        let late = log.append(&id, old, 1, &started("b")).await;
        assert!(
            matches!(late, Err(AppendError::Replaced { epoch, newest, .. }) if (epoch, newest) == (old, new)),
            "{late:?}"
        );
        log.append(&id, new, 1, &started("c")).await.unwrap();
        assert_eq!(log.load(&id).await.unwrap(), [started("a"), started("c")]);
    }

    #[tokio::test]
    async fn a_lease_counts_for_itself_and_one_that_was_not_committed_was_not_taken() {
        let world = World::new().await;
        let mut tx = world.write().await;
        assert_eq!(tx.lease_epoch(LEASE).await.unwrap(), Epoch(0));
        assert_eq!(tx.take_lease(LEASE, "a", at(0), at(10)).await.unwrap(), Some(Epoch(1)));
        assert_eq!(tx.take_lease("another", "a", at(0), at(10)).await.unwrap(), Some(Epoch(1)));
        drop(tx);
        assert_eq!(world.read().await.lease_epoch(LEASE).await.unwrap(), Epoch(0));
        let mut tx = world.write().await;
        assert_eq!(tx.take_lease(LEASE, "b", at(0), at(10)).await.unwrap(), Some(Epoch(1)));
    }

    #[tokio::test]
    async fn a_lease_is_its_owners_until_it_is_over_and_each_taking_is_a_new_epoch() {
        let world = World::new().await;
        let mut tx = world.write().await;
        let first = tx.take_lease(LEASE, "a", at(0), at(10)).await.unwrap().unwrap();
        assert_eq!(tx.take_lease(LEASE, "b", at(9), at(19)).await.unwrap(), None, "another has it");
        let again = tx.take_lease(LEASE, "a", at(9), at(19)).await.unwrap().unwrap();
        assert!(again > first, "whoever starts again is not who it was");
        assert!(!tx.renew_lease(LEASE, first, at(29)).await.unwrap(), "who it was has lost it");
        assert!(tx.renew_lease(LEASE, again, at(29)).await.unwrap());
        assert_eq!(tx.take_lease(LEASE, "b", at(28), at(38)).await.unwrap(), None, "it was renewed");
        let other = tx.take_lease(LEASE, "b", at(29), at(39)).await.unwrap().unwrap();
        assert!(other > again && !tx.renew_lease(LEASE, again, at(49)).await.unwrap());
    }

    #[tokio::test]
    async fn a_lease_of_a_clock_that_was_wrong_does_not_last_for_ever() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.take_lease(LEASE, "a", at(86_400), at(86_410)).await.unwrap().unwrap();
        assert!(tx.take_lease(LEASE, "b", at(0), at(10)).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_saga_that_is_not_recorded_is_not_found_and_gets_no_events() {
        let world = World::new().await;
        let (log, _, epoch) = with_a_saga(&world).await;
        let unknown = SagaId::new("unknown");
        assert!(matches!(log.load(&unknown).await, Err(LoadError::NotFound { .. })));
        let refused = log.append(&unknown, epoch, 0, &started("a")).await;
        assert!(matches!(refused, Err(AppendError::Unavailable { .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn a_saga_is_unfinished_until_its_end_is_recorded() {
        let world = World::new().await;
        let (log, id, epoch) = with_a_saga(&world).await;
        log.append(&id, epoch, 0, &started("start_node")).await.unwrap();
        let mut tx = world.write().await;
        let unfinished = tx.list_unfinished_sagas().await.unwrap();
        assert_eq!(unfinished.len(), 1);
        assert_eq!(
            (unfinished[0].id.clone(), unfinished[0].input.clone()),
            (id.clone(), serde_json::json!({ "n": 1 }))
        );
        assert_eq!(tx.find_last_saga_end("head").await.unwrap(), None);
        tx.update_saga_finished(&id, "done", at(9)).await.unwrap();
        assert!(tx.list_unfinished_sagas().await.unwrap().is_empty());
        assert_eq!(tx.find_last_saga_end("head").await.unwrap(), Some(at(9)));
        let shown = &tx.list_sagas(10).await.unwrap()[0];
        assert_eq!((shown.state.as_str(), shown.last_event.as_deref()), ("done", Some("start_node: StepStarted")));
    }
}

mod audit_log {
    //! A chain in which no row can be changed, taken out or put in unseen.

    use super::*;

    /// Rows 1 to 5.
    async fn with_rows() -> World {
        let world = World::new().await;
        let mut tx = world.write().await;
        for object in ["a", "b", "c", "d", "e"] {
            audit(&mut tx, object).await;
        }
        tx.commit().await.unwrap();
        world
    }

    async fn first_break(world: &World) -> Option<i64> {
        world.read().await.find_audit_break().await.unwrap()
    }

    #[tokio::test]
    async fn rows_count_from_one_without_gaps_and_the_newest_is_listed_first() {
        let world = with_rows().await;
        // One that is undone leaves no gap.
        let mut tx = world.write().await;
        audit(&mut tx, "undone").await;
        drop(tx);
        let mut tx = world.write().await;
        audit(&mut tx, "f").await;
        tx.commit().await.unwrap();
        let rows = world.read().await.list_audit(10).await.unwrap();
        let shown: Vec<_> = rows.iter().map(|row| (row.sequence, row.object.as_str())).collect();
        assert_eq!(shown, [(6, "f"), (5, "e"), (4, "d"), (3, "c"), (2, "b"), (1, "a")]);
        assert_eq!(world.read().await.list_audit(2).await.unwrap()[..], rows[..2]);
    }

    #[tokio::test]
    async fn a_chain_that_nobody_touched_is_whole_also_when_it_is_empty_or_opened_again() {
        assert_eq!(first_break(&World::new().await).await, None);
        let world = with_rows().await.reopen().await;
        assert_eq!(first_break(&world).await, None);
    }

    #[tokio::test]
    async fn a_row_that_was_changed_behind_the_stores_back_is_found() {
        for statement in [
            "UPDATE audit SET actor = 'somebody' WHERE sequence = 3",
            "UPDATE audit SET source = '127.0.0.1:2' WHERE sequence = 3",
            "UPDATE audit SET action = 'puT' WHERE sequence = 3",
            "UPDATE audit SET object = 'x' WHERE sequence = 3",
            "UPDATE audit SET outcome = '' WHERE sequence = 3",
            "UPDATE audit SET at = at + 1 WHERE sequence = 3",
            "UPDATE audit SET hash = (SELECT hash FROM audit WHERE sequence = 2) WHERE sequence = 3",
            // Text that moves from one field to the next.
            "UPDATE audit SET actor = 'operator127.0.0.1:1', source = '' WHERE sequence = 3",
        ] {
            let world = with_rows().await;
            assert_eq!(world.behind_its_back(statement).await, 1, "{statement}");
            assert_eq!(first_break(&world).await, Some(3), "{statement}");
        }
    }

    #[tokio::test]
    async fn a_row_that_was_taken_out_is_found() {
        let world = with_rows().await;
        world.behind_its_back("DELETE FROM audit WHERE sequence = 3").await;
        assert_eq!(first_break(&world).await, Some(3));
        // Closing the gap does not help.
        world.behind_its_back("UPDATE audit SET sequence = 3 WHERE sequence = 4").await;
        assert_eq!(first_break(&world).await, Some(3));
    }

    #[tokio::test]
    async fn a_chain_whose_beginning_was_cut_off_is_found() {
        let world = with_rows().await;
        world.behind_its_back("DELETE FROM audit WHERE sequence <= 2").await;
        assert_eq!(first_break(&world).await, Some(1));
    }

    #[tokio::test]
    async fn a_row_that_was_put_in_is_found() {
        let world = with_rows().await;
        world
            .behind_its_back(
                "INSERT INTO audit SELECT 6, at, actor, source, action, object, outcome, hash FROM audit WHERE sequence = 5",
            )
            .await;
        assert_eq!(first_break(&world).await, Some(6));
    }
}

mod authorities {
    //! They come and go, one at a time, and nothing of them is forgotten but their keys.

    use super::*;

    async fn states(tx: &mut Transaction) -> Vec<(String, AuthorityState)> {
        tx.list_issuers().await.unwrap().into_iter().map(|row| (row.view.id, row.view.state)).collect()
    }

    fn state(id: &str, state: AuthorityState) -> (String, AuthorityState) {
        (id.to_owned(), state)
    }

    #[tokio::test]
    async fn one_of_a_domain_signs_and_at_most_one_is_ready_to() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.insert_issuer(&issuer("projects-2", AuthorityState::Prepared, 2)).await.unwrap();
        tx.commit().await.unwrap();
        for (id, state) in [("projects-3", AuthorityState::Prepared), ("projects-3", AuthorityState::Active)] {
            let refused = world.write().await.insert_issuer(&issuer(id, state, 3)).await;
            assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
        }
        let mut tx = world.write().await;
        tx.update_issuer_active("projects-2", AuthorityDomain::Projects, at(5)).await.unwrap();
        let expected = [state(ISSUER, AuthorityState::Retired), state("projects-2", AuthorityState::Active)];
        assert_eq!(states(&mut tx).await, expected);
        let rows = tx.list_issuers().await.unwrap();
        assert_eq!((rows[0].view.retired_at, rows[1].view.activated_at), (Some(at(5)), Some(at(5))));
    }

    #[tokio::test]
    async fn what_is_gone_has_neither_key_nor_lists_and_what_signs_cannot_go() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.update_issuer_gone(ISSUER).await.unwrap();
        assert_eq!(states(&mut tx).await, [state(ISSUER, AuthorityState::Active)], "it signs");
        drop(tx);
        let mut tx = world.write().await;
        tx.insert_issuer(&issuer("projects-2", AuthorityState::Prepared, 2)).await.unwrap();
        tx.update_issuer_active("projects-2", AuthorityDomain::Projects, at(5)).await.unwrap();
        tx.update_issuer_gone(ISSUER).await.unwrap();
        let rows = tx.list_issuers().await.unwrap();
        assert_eq!((rows[0].view.state, rows[0].sealed_key.len()), (AuthorityState::Gone, 0));
        assert!(tx.list_crls().await.unwrap().iter().all(|crl| crl.head.issuer != ISSUER));
    }

    #[tokio::test]
    async fn a_distrusted_authority_is_in_use_while_agents_or_the_daemon_hold_something_good_of_it() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.put_project_row(&project("fraud"), "", at(0)).await.unwrap();
        for (serial, name, not_after) in [("aa", "fraud__alice", 100), ("bb", "fraud__bob", 200)] {
            insert_certificate(&mut tx, serial, name, not_after).await.unwrap();
            insert_member(&mut tx, name, serial).await.unwrap();
        }
        assert_eq!(tx.find_last_end(ISSUER).await.unwrap(), Some(at(200)));
        assert!(tx.is_issuer_in_use(ISSUER, at(0)).await.unwrap());
        tx.update_certificate_revoked("bb", RevocationReason::CaCompromise, at(1)).await.unwrap();
        assert!(tx.is_issuer_in_use(ISSUER, at(100)).await.unwrap(), "alice's is good");
        assert!(!tx.is_issuer_in_use(ISSUER, at(101)).await.unwrap(), "alice's has ended and bob's is revoked");
        assert_eq!(tx.find_last_end(ISSUER).await.unwrap(), Some(at(200)), "bob's must stay listed");
    }

    #[tokio::test]
    async fn what_a_project_user_held_before_does_not_keep_a_distrusted_authority() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.put_project_row(&project("fraud"), "", at(0)).await.unwrap();
        insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
        insert_member(&mut tx, "fraud__alice", "aa").await.unwrap();
        tx.insert_issuer(&issuer("projects-2", AuthorityState::Prepared, 2)).await.unwrap();
        insert_certificate_of(&mut tx, "projects-2", "cc", "fraud__alice", 100).await.unwrap();
        let key = MemberKeyRow { certificate: "cc".to_owned(), sealed_key: vec![7] };
        tx.update_member_key(&identity("fraud__alice"), &key).await.unwrap();
        assert!(!tx.is_issuer_in_use(ISSUER, at(1)).await.unwrap());
        assert!(tx.is_issuer_in_use("projects-2", at(1)).await.unwrap());
        let reason = RevocationReason::CaCompromise;
        assert_eq!(tx.update_certificates_revoked_by_issuer(ISSUER, reason, at(101)).await.unwrap(), 0, "it has ended");
        assert_eq!(tx.update_certificates_revoked_by_issuer(ISSUER, reason, at(1)).await.unwrap(), 1);
        assert_eq!(tx.find_certificate("aa").await.unwrap().unwrap().view.revoked_at, Some(at(1)));
        assert_eq!(tx.find_certificate("cc").await.unwrap().unwrap().view.revoked_at, None);
    }

    #[tokio::test]
    async fn a_generation_is_taken_when_every_node_that_joined_has_reported_it_without_a_fault() {
        let world = World::new().await;
        let mut tx = world.write().await;
        assert_eq!(tx.find_taken_generation().await.unwrap(), None, "there is nobody to wait for");
        for name in ["head", "workers-0", "workers-1"] {
            tx.insert_node(&node(name), "head", at(0)).await.unwrap();
        }
        assert_eq!(tx.find_taken_generation().await.unwrap(), None, "none of them has joined");
        for (name, generation, fault) in [("head", 7, None), ("workers-0", 5, None)] {
            let row = tx.find_node(&node(name)).await.unwrap().unwrap();
            let row =
                ringfence_store::NodeRow { state: NodeState::Ready, reported_generation: generation, fault, ..row };
            tx.update_node_report(&row).await.unwrap();
        }
        assert_eq!(tx.find_taken_generation().await.unwrap(), Some(5));
        let row = tx.find_node(&node("workers-0")).await.unwrap().unwrap();
        let row = ringfence_store::NodeRow { fault: Some("a reload failed".to_owned()), ..row };
        tx.update_node_report(&row).await.unwrap();
        assert_eq!(tx.find_taken_generation().await.unwrap(), Some(0), "it may not have understood");
    }
}

mod sessions {
    use ringfence_store::SessionRow;

    use super::*;

    fn session(hash: &str, nonce: &str, end: i64) -> SessionRow {
        let operator_key = OperatorPublicKey::from_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        SessionRow { hash: hash.to_owned(), operator_key, nonce: nonce.to_owned(), expires_at: at(end) }
    }

    #[tokio::test]
    async fn a_session_is_found_until_it_ends_also_after_the_database_was_opened_again() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.insert_session(&session("h1", "n1", 10)).await.unwrap();
        tx.commit().await.unwrap();
        let world = world.reopen().await;
        let mut tx = world.read().await;
        let keys = tx.operator_keys().await.unwrap();
        let opened_by = Some(session("h1", "n1", 10).operator_key);
        assert_eq!(tx.find_session_key("h1", at(10)).await.unwrap(), (opened_by, keys.clone()));
        assert_eq!(tx.find_session_key("h1", at(11)).await.unwrap(), (None, keys.clone()));
        assert_eq!(tx.find_session_key("h2", at(0)).await.unwrap(), (None, keys));
    }

    #[tokio::test]
    async fn a_nonce_opens_one_session() {
        let world = World::new().await;
        let mut tx = world.write().await;
        tx.insert_session(&session("h1", "n1", 10)).await.unwrap();
        let again = tx.insert_session(&session("h2", "n1", 10)).await;
        assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    }

    #[tokio::test]
    async fn of_too_many_sessions_those_that_end_first_go() {
        let world = World::new().await;
        let mut tx = world.write().await;
        for (hash, end) in [("a", 5), ("b", 30), ("c", 20), ("d", 40)] {
            tx.insert_session(&session(hash, hash, end)).await.unwrap();
        }
        tx.delete_sessions(at(6), 2).await.unwrap();
        let mut left = Vec::new();
        for hash in ["a", "b", "c", "d"] {
            left.extend(tx.find_session_key(hash, at(0)).await.unwrap().0.map(|_| hash));
        }
        assert_eq!(left, ["b", "d"]);
    }
}

mod jobs_and_tokens {
    //! What a job was given ends with it, and with its user.

    use ringfence_api::JobId;
    use ringfence_store::TokenRow;

    use super::*;

    fn job(id: &str) -> JobId {
        JobId::parse(id).unwrap()
    }

    /// A member with a token key.
    async fn with_alice(world: &World) -> Transaction {
        let mut tx = world.write().await;
        tx.put_project_row(&project("fraud"), "", at(0)).await.unwrap();
        insert_certificate(&mut tx, "aa", "fraud__alice", 1_000).await.unwrap();
        let key = MemberKeyRow { certificate: "aa".to_owned(), sealed_key: vec![1] };
        tx.insert_member(&identity("fraud__alice"), MemberRole::DataScientist, &key, at(0)).await.unwrap();
        let key = Jwk {
            kid: "k1".to_owned(),
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: String::new(),
            y: None,
            alg: "ES256".to_owned(),
            usage: "sig".to_owned(),
        };
        tx.insert_token_key(&key, b"sealed", at(0)).await.unwrap();
        tx
    }

    async fn insert_token(tx: &mut Transaction, id: &str, job: Option<JobId>, end: i64) {
        let row = TokenRow {
            id: id.to_owned(),
            kid: "k1".to_owned(),
            subject: TokenSubject::ProjectUser(identity("fraud__alice")),
            job,
            one_time: false,
            issued_at: at(0),
            expires_at: at(end),
            ended_at: None,
        };
        tx.insert_token(&row).await.unwrap();
    }

    async fn is_good(tx: &mut Transaction, id: &str) -> bool {
        tx.find_token(id).await.unwrap().unwrap().ended_at.is_none()
    }

    #[tokio::test]
    async fn a_job_starts_once_ends_once_and_goes_with_its_user() {
        let world = World::new().await;
        let mut tx = with_alice(&world).await;
        let alice = identity("fraud__alice");
        tx.insert_job(&alice, &job("j1"), at(1)).await.unwrap();
        assert_eq!(tx.find_job(&alice, &job("j1")).await.unwrap().unwrap().ended_at, None);
        assert!(tx.update_job_ended(&alice, &job("j1"), at(2)).await.unwrap());
        assert!(!tx.update_job_ended(&alice, &job("j1"), at(3)).await.unwrap());
        assert_eq!(tx.find_job(&alice, &job("j1")).await.unwrap().unwrap().ended_at, Some(at(2)));
        assert_eq!(tx.find_job(&alice, &job("J1")).await.unwrap(), None, "names are exact");
        tx.delete_member_row(&alice).await.unwrap();
        assert_eq!(tx.find_job(&alice, &job("j1")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_job_ends_its_own_tokens_and_a_user_ends_all() {
        let world = World::new().await;
        let mut tx = with_alice(&world).await;
        let alice = identity("fraud__alice");
        insert_token(&mut tx, "t1", Some(job("j1")), 100).await;
        insert_token(&mut tx, "t2", Some(job("j2")), 100).await;
        insert_token(&mut tx, "t3", None, 100).await;
        assert_eq!(tx.update_tokens_ended_of(&alice, Some(&job("j1")), at(5)).await.unwrap(), 1);
        assert!(!is_good(&mut tx, "t1").await && is_good(&mut tx, "t2").await && is_good(&mut tx, "t3").await);
        assert_eq!(tx.update_tokens_ended_of(&alice, None, at(6)).await.unwrap(), 2);
        assert!(!tx.update_token_ended("t3", at(7)).await.unwrap(), "it is ended");
    }

    #[tokio::test]
    async fn the_tokens_of_a_node_are_those_of_its_services_and_end_with_it() {
        let world = World::new().await;
        let mut tx = with_alice(&world).await;
        insert_token(&mut tx, "t1", None, 100).await;
        for (id, node, end) in [("t2", "workers-0", 100), ("t3", "workers-1", 100), ("t4", "workers-0", 4)] {
            let subject = TokenSubject::parse(&format!("query@{node}")).unwrap();
            let row = tx.find_token("t1").await.unwrap().unwrap();
            let row = TokenRow { id: id.to_owned(), subject, issued_at: at(1), expires_at: at(end), ..row };
            tx.insert_token(&row).await.unwrap();
            assert_eq!(tx.find_token(id).await.unwrap(), Some(row));
        }
        let node = NodeName::parse("workers-0").unwrap();
        let ids = |rows: Vec<TokenRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(tx.list_tokens_of_node(&node, at(5)).await.unwrap()), ["t2"]);
        assert_eq!(tx.update_tokens_ended_of_node(&node, at(5)).await.unwrap(), 1);
        assert!(!is_good(&mut tx, "t2").await && is_good(&mut tx, "t3").await && is_good(&mut tx, "t1").await);
        assert_eq!(ids(tx.list_tokens_of_node(&node, at(5)).await.unwrap()), ["t2"], "an end is news for the agent");
        assert_eq!(tx.update_all_tokens_ended(at(6)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_key_that_is_erased_holds_nothing_and_never_signs_again() {
        let world = World::new().await;
        let mut tx = with_alice(&world).await;
        tx.update_all_token_keys_gone(at(3)).await.unwrap();
        assert_eq!(tx.list_live_token_keys().await.unwrap(), []);
        tx.update_token_key_active("k1", at(4)).await.unwrap();
        assert_eq!(tx.find_active_token_key().await.unwrap(), None);
        assert_eq!(tx.list_public_token_keys().await.unwrap().len(), 1, "its history stays");
    }

    #[tokio::test]
    async fn a_token_that_ended_long_ago_is_forgotten() {
        let world = World::new().await;
        let mut tx = with_alice(&world).await;
        insert_token(&mut tx, "t1", None, -200_000).await;
        insert_token(&mut tx, "t2", None, 100).await;
        assert_eq!(tx.find_token("t1").await.unwrap(), None);
        assert!(is_good(&mut tx, "t2").await);
    }

    #[tokio::test]
    async fn the_certificates_of_exactly_one_job_are_revoked_and_those_of_its_user_with_all_of_its_jobs() {
        let world = World::new().await;
        let mut tx = with_alice(&world).await;
        let new = |serial, job| NewCertificate {
            serial,
            issuer: ISSUER,
            shard: 0,
            profile: CertificateProfile::Job,
            holder: CertificateHolder::Caller,
            common_name: "fraud__alice",
            node: None,
            service: None,
            job: Some(job),
            der: b"x",
            not_before: at(0),
            not_after: at(100),
        };
        tx.insert_certificates(&[new("bb", "j1"), new("cc", "j10")], at(0)).await.unwrap();
        let (alice, reason) = (identity("fraud__alice"), RevocationReason::CessationOfOperation);
        assert_eq!(tx.update_certificates_revoked_of_job(&alice, &job("j1"), reason, at(5)).await.unwrap(), 1);
        assert_eq!(tx.update_certificates_revoked_of_project_user(&alice, reason, at(6)).await.unwrap(), 2);
    }
}
