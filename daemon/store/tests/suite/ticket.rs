//! A ticket belongs to the first key that uses it.

use super::*;

async fn with_a_ticket(world: &World) -> Transaction {
    let mut tx = world.write().await;
    tx.nodes().insert(&node("head"), "head", at(0)).await.unwrap();
    tx.tickets().upsert(&node("head"), "first", at(10)).await.unwrap();
    tx
}

async fn owner(tx: &mut Transaction) -> Option<String> {
    tx.tickets().find(&node("head")).await.unwrap().unwrap().owner_key
}

#[tokio::test]
async fn the_first_key_owns_a_ticket_for_good() {
    let world = World::new().await;
    let mut tx = with_a_ticket(&world).await;
    assert_eq!(owner(&mut tx).await, None);
    for key in ["ours", "theirs", "ours"] {
        tx.tickets().update_owner(&node("head"), key).await.unwrap();
        assert_eq!(owner(&mut tx).await.as_deref(), Some("ours"));
    }
}

#[tokio::test]
async fn the_same_ticket_again_keeps_its_owner_and_another_has_none() {
    let world = World::new().await;
    let mut tx = with_a_ticket(&world).await;
    tx.tickets().update_owner(&node("head"), "ours").await.unwrap();
    tx.tickets().upsert(&node("head"), "first", at(20)).await.unwrap();
    let ticket = tx.tickets().find(&node("head")).await.unwrap().unwrap();
    assert_eq!((ticket.expires_at, ticket.owner_key.as_deref()), (at(20), Some("ours")));
    tx.tickets().upsert(&node("head"), "second", at(30)).await.unwrap();
    let ticket = tx.tickets().find(&node("head")).await.unwrap().unwrap();
    assert_eq!((ticket.hash.as_str(), ticket.expires_at, ticket.owner_key), ("second", at(30), None));
    tx.tickets().upsert(&node("head"), "first", at(40)).await.unwrap();
    assert_eq!(owner(&mut tx).await, None, "the old owner is not restored");
}

#[tokio::test]
async fn a_deleted_ticket_is_not_found() {
    let world = World::new().await;
    let mut tx = with_a_ticket(&world).await;
    tx.tickets().delete(&node("head")).await.unwrap();
    assert!(tx.tickets().find(&node("head")).await.unwrap().is_none());
    tx.tickets().delete(&node("head")).await.unwrap();
}
