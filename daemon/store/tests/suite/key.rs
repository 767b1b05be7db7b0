//! A row whose key exists is refused, and so is one that refers to a missing row.

use super::*;

#[tokio::test]
async fn a_key_that_exists_is_refused() {
    let world = World::new().await;
    let id = SagaId::new("s1");
    let saga = NewSaga { id: &id, kind: "launch_node", subject: "head", input: serde_json::json!({}) };
    let mut tx = world.write().await;
    insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    insert_member(&mut tx, "fraud__alice", "aa").await.unwrap();
    tx.nodes().insert(&node("head"), "head", at(0)).await.unwrap();
    tx.sagas().insert(&saga, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    is_refused_as_existing(&world.write().await.cluster().insert(&cluster(), at(0)).await);
    is_refused_as_existing(&world.write().await.crls().insert(&crl(7, at(7))).await);
    is_refused_as_existing(&insert_certificate(&mut world.write().await, "aa", "fraud__bob", 100).await);
    is_refused_as_existing(&insert_member(&mut world.write().await, "fraud__alice", "aa").await);
    is_refused_as_existing(&world.write().await.nodes().insert(&node("head"), "head", at(0)).await);
    is_refused_as_existing(&world.write().await.sagas().insert(&saga, at(0)).await);
}

#[tokio::test]
async fn a_row_that_refers_to_a_missing_row_is_refused() {
    let world = World::new().await;
    let mut tx = world.write().await;
    insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
    let no_project = insert_member(&mut tx, "fraud__alice", "aa").await;
    assert!(matches!(no_project, Err(StoreError::Failed { .. })), "{no_project:?}");
    let no_node = tx.tickets().upsert(&node("workers-0"), "h", at(0)).await;
    assert!(matches!(no_node, Err(StoreError::Failed { .. })), "{no_node:?}");
}
