//! Which tokens end with a job, a project user and a node.

use ringfence_store::token::{End, TokenRow};

use super::*;

async fn insert_token(tx: &mut Transaction, id: &str, job: Option<JobId>, end: i64) {
    let row = TokenRow {
        id: id.to_owned(),
        kid: "k1".to_owned(),
        subject: TokenSubject::ProjectUser(identity("fraud__alice")),
        job,
        one_time: false,
        issued_at: at(0),
        expires_at: at(end),
        ended_at: None,
    };
    tx.tokens().insert(&row).await.unwrap();
}

async fn is_live(tx: &mut Transaction, id: &str) -> bool {
    tx.tokens().find(id).await.unwrap().unwrap().ended_at.is_none()
}

#[tokio::test]
async fn a_job_ends_its_own_tokens_and_a_user_ends_all() {
    let world = World::new().await;
    let mut tx = with_alice(&world).await;
    let alice = identity("fraud__alice");
    insert_token(&mut tx, "t1", Some(job("j1")), 100).await;
    insert_token(&mut tx, "t2", Some(job("j2")), 100).await;
    insert_token(&mut tx, "t3", None, 100).await;
    assert_eq!(tx.tokens().end_all(End::OfJob(&alice, &job("j1")), at(5)).await.unwrap(), 1);
    assert!(!is_live(&mut tx, "t1").await && is_live(&mut tx, "t2").await && is_live(&mut tx, "t3").await);
    assert_eq!(tx.tokens().end_all(End::OfProjectUser(&alice), at(6)).await.unwrap(), 2);
    assert!(!tx.tokens().end("t3", at(7)).await.unwrap(), "it is ended");
}

#[tokio::test]
async fn the_tokens_of_a_node_are_those_of_its_services() {
    let world = World::new().await;
    let mut tx = with_alice(&world).await;
    insert_token(&mut tx, "t1", None, 100).await;
    for (id, node, end) in [("t2", "workers-0", 100), ("t3", "workers-1", 100), ("t4", "workers-0", 4)] {
        let subject = TokenSubject::parse(&format!("query@{node}")).unwrap();
        let row = tx.tokens().find("t1").await.unwrap().unwrap();
        let row = TokenRow { id: id.to_owned(), subject, issued_at: at(1), expires_at: at(end), ..row };
        tx.tokens().insert(&row).await.unwrap();
        assert_eq!(tx.tokens().find(id).await.unwrap(), Some(row));
    }
    let node = NodeName::parse("workers-0").unwrap();
    let ids = |rows: Vec<TokenRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(tx.tokens().list_of_node(&node, at(5)).await.unwrap()), ["t2"]);
    assert_eq!(tx.tokens().end_all(End::OfNode(&node), at(5)).await.unwrap(), 1);
    assert!(!is_live(&mut tx, "t2").await && is_live(&mut tx, "t3").await && is_live(&mut tx, "t1").await);
    assert_eq!(
        ids(tx.tokens().list_of_node(&node, at(5)).await.unwrap()),
        ["t2"],
        "the agent must learn that it has ended"
    );
    assert_eq!(tx.tokens().end_all(End::All, at(6)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_token_that_expired_long_ago_is_deleted() {
    let world = World::new().await;
    let mut tx = with_alice(&world).await;
    insert_token(&mut tx, "t1", None, -200_000).await;
    insert_token(&mut tx, "t2", None, 100).await;
    assert_eq!(tx.tokens().find("t1").await.unwrap(), None);
    assert!(is_live(&mut tx, "t2").await);
}
