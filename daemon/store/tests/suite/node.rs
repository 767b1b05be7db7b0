//! Nodes, and the generation that all of them have applied.

use ringfence_store::node::NodeRow;

use super::*;

#[tokio::test]
async fn deleting_a_node_deletes_its_ticket() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.nodes().insert(&node("head"), "head", at(0)).await.unwrap();
    assert_eq!(tx.nodes().find(&node("head")).await.unwrap().unwrap().state, NodeState::Launching);
    tx.tickets().upsert(&node("head"), "h", at(10)).await.unwrap();
    tx.nodes().delete(&node("head")).await.unwrap();
    assert!(tx.tickets().find(&node("head")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_generation_is_applied_once_every_joined_node_has_reported_it_without_a_fault() {
    let world = World::new().await;
    let mut tx = world.write().await;
    assert_eq!(tx.nodes().find_applied_generation().await.unwrap(), None, "there is nobody to wait for");
    for name in ["head", "workers-0", "workers-1"] {
        tx.nodes().insert(&node(name), "head", at(0)).await.unwrap();
    }
    assert_eq!(tx.nodes().find_applied_generation().await.unwrap(), None, "none of them has joined");
    for (name, generation, fault) in [("head", 7, None), ("workers-0", 5, None)] {
        let row = tx.nodes().find(&node(name)).await.unwrap().unwrap();
        let row = NodeRow { state: NodeState::Ready, reported_generation: generation, fault, ..row };
        tx.nodes().update_report(&row).await.unwrap();
    }
    assert_eq!(tx.nodes().find_applied_generation().await.unwrap(), Some(5));
    let row = tx.nodes().find(&node("workers-0")).await.unwrap().unwrap();
    let row = NodeRow { fault: Some("a reload failed".to_owned()), ..row };
    tx.nodes().update_report(&row).await.unwrap();
    assert_eq!(tx.nodes().find_applied_generation().await.unwrap(), Some(0), "it may not have applied it");
}
