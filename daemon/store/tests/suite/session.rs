//! Sessions of the operator.

use ringfence_store::session::SessionRow;

use super::*;

fn session(hash: &str, nonce: &str, end: i64) -> SessionRow {
    let operator_key = OperatorPublicKey::from_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    SessionRow { hash: hash.to_owned(), operator_key, nonce: nonce.to_owned(), expires_at: at(end) }
}

#[tokio::test]
async fn a_session_is_found_until_it_expires_after_reopening_too() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.sessions().insert(&session("h1", "n1", 10), at(60)).await.unwrap();
    tx.commit().await.unwrap();
    let world = world.reopen().await;
    let mut tx = world.read().await;
    let keys = tx.operator().keys().await.unwrap();
    let opened_by = Some(session("h1", "n1", 10).operator_key);
    assert_eq!(tx.sessions().find_key("h1", at(10), at(1_000)).await.unwrap(), (opened_by, keys.clone()));
    assert_eq!(tx.sessions().find_key("h1", at(11), at(1_000)).await.unwrap(), (None, keys.clone()));
    let opened_ahead = tx.sessions().find_key("h1", at(0), at(9)).await.unwrap();
    assert_eq!(opened_ahead, (None, keys.clone()), "it was opened while the clock was ahead");
    assert_eq!(tx.sessions().find_key("h2", at(0), at(1_000)).await.unwrap(), (None, keys));
}

#[tokio::test]
async fn a_nonce_opens_one_session() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.sessions().insert(&session("h1", "n1", 10), at(60)).await.unwrap();
    let again = tx.sessions().insert(&session("h2", "n1", 10), at(60)).await;
    assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
}

#[tokio::test]
async fn of_too_many_sessions_those_that_expire_first_are_deleted() {
    let world = World::new().await;
    let mut tx = world.write().await;
    for (hash, end) in [("a", 5), ("b", 30), ("c", 20), ("d", 40)] {
        tx.sessions().insert(&session(hash, hash, end), at(60)).await.unwrap();
    }
    tx.sessions().prune(at(6), 2).await.unwrap();
    let mut left = Vec::new();
    for hash in ["a", "b", "c", "d"] {
        left.extend(tx.sessions().find_key(hash, at(0), at(1_000)).await.unwrap().0.map(|_| hash));
    }
    assert_eq!(left, ["b", "d"]);
}

#[tokio::test]
async fn a_nonce_is_remembered_although_its_session_is_closed_and_forgotten_when_it_expires() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.sessions().insert(&session("h1", "n1", 10), at(60)).await.unwrap();
    tx.sessions().prune(at(1), 0).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = world.write().await;
    let again = tx.sessions().insert(&session("h2", "n1", 10), at(60)).await;
    assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    drop(tx);
    let mut tx = world.write().await;
    tx.sessions().prune(at(61), 9).await.unwrap();
    tx.sessions().insert(&session("h2", "n1", 90), at(120)).await.unwrap();
}
