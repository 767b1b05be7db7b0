//! What a list holds, and its number.

use super::*;

async fn to_be_listed(tx: &mut Transaction, last: &CrlRow) -> Vec<String> {
    let mut serials = Vec::new();
    tx.crls().for_each_revoked(&last.head, at(1_000_000), |row| serials.push(row.serial)).await.unwrap();
    serials.sort();
    serials
}

async fn unlisted(tx: &mut Transaction, last: &CrlRow) -> Vec<String> {
    let mut serials = Vec::new();
    tx.crls()
        .for_each_revoked(&last.head, at(1_000_000), |row| {
            serials.extend(row.listed_in.is_none().then_some(row.serial));
        })
        .await
        .unwrap();
    serials
}

/// Publishes the next list as the daemon does, and returns it with what it holds.
async fn publish(tx: &mut Transaction, second: i64) -> (CrlRow, Vec<String>) {
    let last = tx.crls().find(ISSUER, 0).await.unwrap().unwrap();
    let (held, new) = (to_be_listed(tx, &last).await, unlisted(tx, &last).await);
    let next = crl(last.head.number + 1, at(second));
    assert!(tx.crls().update(next.head.number - 1, &next).await.unwrap());
    tx.crls().mark_listed(&next.head, &new).await.unwrap();
    (next, held)
}

#[tokio::test]
async fn a_list_with_a_stale_number_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let mut tx = world.write().await;
    assert!(tx.crls().update(1, &crl(2, at(1))).await.unwrap());
    for stale in [0, 1, 2, 4] {
        assert!(!tx.crls().update(stale - 1, &crl(stale, at(9))).await.unwrap(), "{stale} after 2");
    }
    let mut elsewhere = crl(3, at(9));
    elsewhere.head.shard = 1;
    assert!(!tx.crls().update(elsewhere.head.number - 1, &elsewhere).await.unwrap(), "a shard that has no first list");
    assert_eq!(tx.crls().list().await.unwrap(), [crl(2, at(1))]);
    assert!(tx.crls().update(2, &crl(3, at(2))).await.unwrap());
}

#[tokio::test]
async fn of_two_publishers_with_the_same_number_one_wins() {
    let world = World::new().await;
    let last = world.read().await.crls().find(ISSUER, 0).await.unwrap().unwrap();
    let mut outcomes = Vec::new();
    for signer in 1..=2 {
        // Both have read the same last list before either writes.
        let mut tx = world.write().await;
        let row = CrlRow { der: vec![signer], ..crl(last.head.number + 1, at(1)) };
        outcomes.push(tx.crls().update(row.head.number - 1, &row).await.unwrap());
        tx.commit().await.unwrap();
    }
    assert_eq!(outcomes, [true, false]);
    assert_eq!(world.read().await.crls().find(ISSUER, 0).await.unwrap().unwrap().der, [1]);
}

#[tokio::test]
async fn an_expired_certificate_is_listed_once_more_and_then_never() {
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
    assert!(tx.certificates().find("aa").await.unwrap().unwrap().view.revoked_at.is_some());
}

#[tokio::test]
async fn an_unlisted_revocation_is_listed_even_if_its_certificate_has_expired() {
    let world = World::new().await;
    let mut tx = world.write().await;
    insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
    revoke(&mut tx, "aa", 99).await;
    // After a crash no list was published for long; then one was signed without this revocation.
    assert!(tx.crls().update(1, &crl(2, at(200))).await.unwrap());
    assert!(tx.crls().has_unlisted(ISSUER, 0).await.unwrap());
    assert_eq!(publish(&mut tx, 300).await.1, ["aa"]);
    assert!(!tx.crls().has_unlisted(ISSUER, 0).await.unwrap());
    assert!(publish(&mut tx, 400).await.1.is_empty());
}

#[tokio::test]
async fn a_list_holds_only_certificates_of_its_issuer_and_shard() {
    let world = World::new().await;
    let mut tx = world.write().await;
    let mut other = crl(1, at(0));
    other.head.shard = 1;
    tx.crls().insert(&other).await.unwrap();
    insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
    revoke(&mut tx, "aa", 10).await;
    assert!(to_be_listed(&mut tx, &other).await.is_empty());
    assert!(!tx.crls().has_unlisted(ISSUER, 1).await.unwrap());
    tx.crls().mark_listed(&other.head, &[]).await.unwrap();
    assert!(tx.crls().has_unlisted(ISSUER, 0).await.unwrap(), "another shard's list does not count");
}

#[tokio::test]
async fn a_certificate_revoked_while_a_list_is_built_waits_for_the_next() {
    let world = World::new().await;
    let mut tx = world.write().await;
    for serial in ["aa", "bb", "cc"] {
        insert_certificate(&mut tx, serial, "fraud__alice", 100).await.unwrap();
    }
    revoke(&mut tx, "aa", 10).await;
    revoke(&mut tx, "bb", 10).await;
    let last = tx.crls().find(ISSUER, 0).await.unwrap().unwrap();
    let seen = unlisted(&mut tx, &last).await;
    revoke(&mut tx, "cc", 10).await;
    let next = crl(last.head.number + 1, at(11));
    assert!(tx.crls().update(next.head.number - 1, &next).await.unwrap());
    tx.crls().mark_listed(&next.head, &seen).await.unwrap();
    assert_eq!(unlisted(&mut tx, &next).await, ["cc"]);
    assert!(tx.crls().has_unlisted(ISSUER, 0).await.unwrap());
}
