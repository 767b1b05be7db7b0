//! A job starts and ends once.

use super::*;

#[tokio::test]
async fn a_job_starts_once_ends_once_and_is_deleted_with_its_user() {
    let world = World::new().await;
    let mut tx = with_alice(&world).await;
    let alice = identity("fraud__alice");
    tx.jobs().insert(&alice, &job("j1"), at(1)).await.unwrap();
    assert_eq!(tx.jobs().find(&alice, &job("j1")).await.unwrap().unwrap().ended_at, None);
    assert!(tx.jobs().end(&alice, &job("j1"), at(2)).await.unwrap());
    assert!(!tx.jobs().end(&alice, &job("j1"), at(3)).await.unwrap());
    assert_eq!(tx.jobs().find(&alice, &job("j1")).await.unwrap().unwrap().ended_at, Some(at(2)));
    assert_eq!(tx.jobs().find(&alice, &job("J1")).await.unwrap(), None, "names are exact");
    tx.members().delete(&alice).await.unwrap();
    assert_eq!(tx.jobs().find(&alice, &job("j1")).await.unwrap(), None);
}
