//! Transactions are all or nothing, and durable once committed.

use super::*;

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
    audit(&mut tx, "fraud").await;
    assert_eq!(project_names(&mut tx).await, ["fraud"], "it sees what it wrote");
    drop(tx);
    let mut tx = world.write().await;
    assert!(project_names(&mut tx).await.is_empty());
    assert!(tx.certificates().find("aa").await.unwrap().is_none());
    assert!(tx.audit().list(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_statement_rolls_back_its_transaction() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    assert!(matches!(insert_member(&mut tx, "fraud__alice", "none").await, Err(StoreError::Failed { .. })));
    drop(tx);
    assert!(project_names(&mut world.read().await).await.is_empty());
}

#[tokio::test]
async fn committed_data_survives_reopening() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "text", at(5)).await.unwrap();
    insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
    insert_member(&mut tx, "fraud__alice", "aa").await.unwrap();
    tx.commit().await.unwrap();
    let before = world.read().await.cluster().get().await.unwrap();
    let world = world.reopen().await;
    let mut tx = world.read().await;
    assert_eq!(tx.cluster().get().await.unwrap(), before);
    let found = tx.projects().find(&project("fraud")).await.unwrap().unwrap();
    assert_eq!((found.description.as_str(), found.created_at), ("text", at(5)));
    let key = tx.members().find_key(&identity("fraud__alice")).await.unwrap().unwrap();
    assert_eq!(key, MemberKeyRow { certificate: "aa".to_owned(), sealed_key: vec![7] });
}

#[tokio::test]
async fn a_reader_sees_one_state_while_a_writer_commits() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let mut reader = world.read().await;
    assert_eq!(project_names(&mut reader).await, ["fraud"]);
    let mut writer = world.write().await;
    writer.projects().upsert(&project("churn"), "", at(0)).await.unwrap();
    writer.projects().delete(&project("fraud")).await.unwrap();
    // Nobody sees what is not committed.
    assert_eq!(project_names(&mut reader).await, ["fraud"]);
    assert_eq!(project_names(&mut world.read().await).await, ["fraud"]);
    writer.commit().await.unwrap();
    // And a reader still sees the state when it began.
    assert_eq!(project_names(&mut reader).await, ["fraud"]);
    assert!(reader.projects().find(&project("fraud")).await.unwrap().is_some());
    drop(reader);
    assert_eq!(project_names(&mut world.read().await).await, ["churn"]);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let world = World::new().await;
    let refused = world.read().await.projects().upsert(&project("fraud"), "", at(0)).await;
    assert!(matches!(refused, Err(StoreError::Failed { transaction: "test", .. })), "{refused:?}");
}

#[tokio::test]
async fn writers_take_turns_and_no_write_is_lost() {
    let world = World::new().await;
    let writers: Vec<_> = (0..20)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move {
                let mut tx = store.write("test").await.unwrap();
                let before = tx.cluster().get().await.unwrap().revision;
                tokio::task::yield_now().await;
                tx.cluster().increment_revision().await.unwrap();
                assert_eq!(tx.cluster().get().await.unwrap().revision, before + 1);
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(world.read().await.cluster().get().await.unwrap().revision, 21);
}

#[tokio::test]
async fn a_failed_or_dropped_operation_does_not_affect_others_in_its_group() {
    let world = World::new().await;
    let mut first = world.write().await;
    // They wait behind the first one, so that all of them are one group.
    let others: Vec<_> = (0..30)
        .map(|index| {
            let store = world.store.clone();
            tokio::spawn(async move {
                let mut tx = store.write("test").await.unwrap();
                let name = project(&format!("p{index}"));
                tx.projects().upsert(&name, "", at(0)).await.unwrap();
                match index % 3 {
                    0 => tx.commit().await.unwrap(),
                    // Refused, and so rolled back with the statement before it.
                    1 => assert!(insert_member(&mut tx, &format!("{name}__alice"), "none").await.is_err()),
                    // Dropped in the middle of a statement.
                    _ => {
                        let other = project(&format!("q{index}"));
                        let mut projects = tx.projects();
                        let mut statement = std::pin::pin!(projects.upsert(&other, "", at(0)));
                        let _ = futures::poll!(&mut statement);
                    }
                }
            })
        })
        .collect();
    tokio::task::yield_now().await;
    first.projects().upsert(&project("first"), "", at(0)).await.unwrap();
    first.commit().await.unwrap();
    for other in others {
        other.await.unwrap();
    }
    let mut expected: Vec<String> = (0..30).filter(|index| index % 3 == 0).map(|index| format!("p{index}")).collect();
    expected.push("first".to_owned());
    expected.sort();
    assert_eq!(project_names(&mut world.read().await).await, expected);
}

#[tokio::test]
async fn a_dropped_request_for_a_transaction_is_skipped() {
    let world = World::new().await;
    let first = world.write().await;
    for _ in 0..3 {
        let mut waiting = std::pin::pin!(world.store.write("test"));
        assert!(futures::poll!(&mut waiting).is_pending());
    }
    first.commit().await.unwrap();
    let mut tx = world.write().await;
    tx.cluster().increment_revision().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.read().await.cluster().get().await.unwrap().revision, 2);
}

#[tokio::test]
async fn a_closed_store_refuses_transactions() {
    let world = World::new().await;
    world.store.close().await;
    assert!(world.store.write("test").await.is_err());
    assert!(world.store.read("test").await.is_err());
    world.store.close().await;
}
