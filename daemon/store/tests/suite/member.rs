//! When a member's certificate is due.

use super::*;

#[tokio::test]
async fn members_are_due_for_renewal_past_two_thirds_of_their_certificates_lifetime() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    for (serial, name, not_after) in [("aa", "fraud__alice", 90), ("bb", "fraud__bob", 60)] {
        insert_certificate(&mut tx, serial, name, not_after).await.unwrap();
        insert_member(&mut tx, name, serial).await.unwrap();
    }
    let mut due = async |second: i64, limit: u32| {
        let due = tx.members().list_due_for_renewal(at(second), limit).await.unwrap();
        due.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(due(39, 10).await.is_empty());
    assert_eq!(due(40, 10).await, ["fraud__bob"]);
    assert_eq!(due(60, 10).await, ["fraud__bob", "fraud__alice"]);
    assert_eq!(due(60, 1).await, ["fraud__bob"]);
}
