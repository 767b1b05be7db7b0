//! A chain in which a row that is changed, removed or inserted is found.

use super::*;

/// Rows 1 to 5.
async fn with_rows() -> World {
    let world = World::new().await;
    let mut tx = world.write().await;
    for object in ["a", "b", "c", "d", "e"] {
        audit(&mut tx, object).await;
    }
    tx.commit().await.unwrap();
    world
}

async fn first_break(world: &World) -> Option<i64> {
    world.read().await.audit().find_first_break().await.unwrap()
}

#[tokio::test]
async fn rows_count_from_one_without_gaps_and_the_newest_is_listed_first() {
    let world = with_rows().await;
    // One that is undone leaves no gap.
    let mut tx = world.write().await;
    audit(&mut tx, "undone").await;
    drop(tx);
    let mut tx = world.write().await;
    audit(&mut tx, "f").await;
    tx.commit().await.unwrap();
    let rows = world.read().await.audit().list(10).await.unwrap();
    let shown: Vec<_> = rows.iter().map(|row| (row.sequence, row.object.as_str())).collect();
    assert_eq!(shown, [(6, "f"), (5, "e"), (4, "d"), (3, "c"), (2, "b"), (1, "a")]);
    assert_eq!(world.read().await.audit().list(2).await.unwrap()[..], rows[..2]);
}

#[tokio::test]
async fn an_untouched_chain_is_intact_when_empty_and_after_reopening_too() {
    assert_eq!(first_break(&World::new().await).await, None);
    let world = with_rows().await.reopen().await;
    assert_eq!(first_break(&world).await, None);
}

#[tokio::test]
async fn a_changed_row_is_found() {
    for statement in [
        "UPDATE audit SET actor = 'somebody' WHERE sequence = 3",
        "UPDATE audit SET source = '127.0.0.1:2' WHERE sequence = 3",
        "UPDATE audit SET action = 'puT' WHERE sequence = 3",
        "UPDATE audit SET object = 'x' WHERE sequence = 3",
        "UPDATE audit SET outcome = '' WHERE sequence = 3",
        "UPDATE audit SET at = at + 1 WHERE sequence = 3",
        "UPDATE audit SET hash = (SELECT hash FROM audit WHERE sequence = 2) WHERE sequence = 3",
        // Text that moves from one field to the next.
        "UPDATE audit SET actor = 'operator127.0.0.1:1', source = '' WHERE sequence = 3",
    ] {
        let world = with_rows().await;
        assert_eq!(world.execute_directly(statement).await, 1, "{statement}");
        assert_eq!(first_break(&world).await, Some(3), "{statement}");
    }
}

#[tokio::test]
async fn a_removed_row_is_found() {
    let world = with_rows().await;
    world.execute_directly("DELETE FROM audit WHERE sequence = 3").await;
    assert_eq!(first_break(&world).await, Some(3));
    // Closing the gap does not help.
    world.execute_directly("UPDATE audit SET sequence = 3 WHERE sequence = 4").await;
    assert_eq!(first_break(&world).await, Some(3));
}

#[tokio::test]
async fn a_chain_without_its_first_rows_is_found() {
    let world = with_rows().await;
    world.execute_directly("DELETE FROM audit WHERE sequence <= 2").await;
    assert_eq!(first_break(&world).await, Some(1));
}

#[tokio::test]
async fn an_inserted_row_is_found() {
    let world = with_rows().await;
    world
        .execute_directly(
            "INSERT INTO audit SELECT 6, at, actor, source, action, object, outcome, hash FROM audit \
                 WHERE sequence = 5",
        )
        .await;
    assert_eq!(first_break(&world).await, Some(6));
}
