//! The counters of the cluster.

use super::*;

#[tokio::test]
async fn a_declaration_increments_every_counter_and_a_change_its_own() {
    let world = World::new().await;
    let counters = async |tx: &mut Transaction| {
        let row = tx.cluster().get().await.unwrap();
        (row.generation, row.declared_generation, row.revision)
    };
    let mut tx = world.write().await;
    assert_eq!(counters(&mut tx).await, (1, 1, 1));
    tx.cluster().increment_generation().await.unwrap();
    assert_eq!(counters(&mut tx).await, (2, 1, 2));
    tx.cluster().update_declared(&cluster().declared).await.unwrap();
    assert_eq!(counters(&mut tx).await, (3, 3, 3));
    tx.cluster().increment_revision().await.unwrap();
    assert_eq!(counters(&mut tx).await, (3, 3, 4));
}
