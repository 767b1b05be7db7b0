//! The states of token keys; the row of one that is gone stays without its private key.

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
    tx.token_keys().insert(&public(kid), b"sealed", at(second)).await
}

/// A key that is active since second 1, and a prepared one.
async fn with_keys(tx: &mut Transaction) {
    insert(tx, "k1", 0).await.unwrap();
    tx.token_keys().activate("k1", at(1)).await.unwrap();
    insert(tx, "k2", 1).await.unwrap();
}

async fn states(tx: &mut Transaction) -> Vec<(String, TokenKeyState)> {
    tx.token_keys().list(10).await.unwrap().into_iter().map(|key| (key.kid, key.state)).collect()
}

#[tokio::test]
async fn a_key_goes_from_prepared_to_gone_and_its_row_stays() {
    let world = World::new().await;
    let mut tx = world.write().await;
    with_keys(&mut tx).await;
    let active = tx.token_keys().find_active().await.unwrap().unwrap();
    assert_eq!((active.public_key, active.sealed_key.as_slice()), (public("k1"), b"sealed".as_slice()));
    tx.token_keys().retire("k1", at(5)).await.unwrap();
    tx.token_keys().activate("k2", at(5)).await.unwrap();
    tx.token_keys().erase("k1").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = world.read().await;
    let live = tx.token_keys().list_live().await.unwrap();
    assert_eq!(live.iter().map(|key| key.view.kid.as_str()).collect::<Vec<_>>(), ["k2"]);
    let gone = tx.token_keys().list(10).await.unwrap().remove(1);
    assert_eq!((gone.kid.as_str(), gone.state), ("k1", TokenKeyState::Gone));
    assert_eq!((gone.created_at, gone.activated_at, gone.retired_at), (at(0), Some(at(1)), Some(at(5))));
    drop(tx);
    let erased = "UPDATE token_key SET state = state WHERE kid = 'k1' AND sealed_key IS NULL";
    assert_eq!(world.execute_directly(erased).await, 1);
}

#[tokio::test]
async fn at_most_one_key_is_active_and_at_most_one_prepared() {
    let world = World::new().await;
    let mut tx = world.write().await;
    with_keys(&mut tx).await;
    tx.commit().await.unwrap();
    let refused = insert(&mut world.write().await, "k3", 2).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let refused = world.write().await.token_keys().activate("k2", at(2)).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let mut tx = world.read().await;
    let expected = [("k2", TokenKeyState::Prepared), ("k1", TokenKeyState::Active)];
    assert_eq!(states(&mut tx).await, expected.map(|(kid, state)| (kid.to_owned(), state)));
}

#[tokio::test]
async fn no_state_is_skipped() {
    let world = World::new().await;
    let mut tx = world.write().await;
    with_keys(&mut tx).await;
    let before = states(&mut tx).await;
    tx.token_keys().erase("k1").await.unwrap();
    tx.token_keys().erase("k2").await.unwrap();
    tx.token_keys().retire("k2", at(9)).await.unwrap();
    assert_eq!(states(&mut tx).await, before);
}

#[tokio::test]
async fn a_key_records_when_its_last_token_expires() {
    let world = World::new().await;
    let mut tx = world.write().await;
    with_keys(&mut tx).await;
    for (ends, last) in [(50, 50), (90, 90), (70, 90)] {
        tx.token_keys().record_token_expiry("k1", at(ends)).await.unwrap();
        let key = tx.token_keys().find_active().await.unwrap().unwrap();
        assert_eq!(key.tokens_end_at, Some(at(last)));
    }
    assert_eq!(tx.token_keys().list_live().await.unwrap()[0].tokens_end_at, None);
}

#[tokio::test]
async fn an_erased_key_has_no_private_key_and_never_becomes_active_again() {
    let world = World::new().await;
    let mut tx = with_alice(&world).await;
    tx.token_keys().erase_all(at(3)).await.unwrap();
    assert_eq!(tx.token_keys().list_live().await.unwrap(), []);
    tx.token_keys().activate("k1", at(4)).await.unwrap();
    assert_eq!(tx.token_keys().find_active().await.unwrap(), None);
    assert_eq!(tx.token_keys().list_public().await.unwrap().len(), 1, "its history stays");
}
