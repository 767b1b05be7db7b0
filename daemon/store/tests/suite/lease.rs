//! The owner and the epoch of a lease.

use super::*;

#[tokio::test]
async fn each_lease_counts_its_own_epochs_and_a_rolled_back_one_was_not_acquired() {
    let world = World::new().await;
    let mut tx = world.write().await;
    assert_eq!(tx.leases().epoch(LEASE).await.unwrap(), Epoch(0));
    assert_eq!(tx.leases().acquire(LEASE, "a", at(0), at(10)).await.unwrap(), Some(Epoch(1)));
    assert_eq!(tx.leases().acquire("another", "a", at(0), at(10)).await.unwrap(), Some(Epoch(1)));
    drop(tx);
    assert_eq!(world.read().await.leases().epoch(LEASE).await.unwrap(), Epoch(0));
    let mut tx = world.write().await;
    assert_eq!(tx.leases().acquire(LEASE, "b", at(0), at(10)).await.unwrap(), Some(Epoch(1)));
}

#[tokio::test]
async fn a_lease_belongs_to_its_owner_until_it_expires_and_every_acquisition_is_a_new_epoch() {
    let world = World::new().await;
    let mut tx = world.write().await;
    let first = tx.leases().acquire(LEASE, "a", at(0), at(10)).await.unwrap().unwrap();
    assert_eq!(tx.leases().acquire(LEASE, "b", at(9), at(19)).await.unwrap(), None, "another has it");
    let again = tx.leases().acquire(LEASE, "a", at(9), at(19)).await.unwrap().unwrap();
    assert!(again > first, "the same owner that starts again has a new epoch");
    assert!(!tx.leases().renew(LEASE, first, at(29)).await.unwrap(), "the old epoch has lost it");
    assert!(tx.leases().renew(LEASE, again, at(29)).await.unwrap());
    assert_eq!(tx.leases().acquire(LEASE, "b", at(28), at(38)).await.unwrap(), None, "it was renewed");
    let other = tx.leases().acquire(LEASE, "b", at(29), at(39)).await.unwrap().unwrap();
    assert!(other > again && !tx.leases().renew(LEASE, again, at(49)).await.unwrap());
}

#[tokio::test]
async fn a_lease_written_with_a_wrong_clock_can_be_acquired() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.leases().acquire(LEASE, "a", at(86_400), at(86_410)).await.unwrap().unwrap();
    assert!(tx.leases().acquire(LEASE, "b", at(0), at(10)).await.unwrap().is_some());
}
