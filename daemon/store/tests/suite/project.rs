//! Names of projects, and what is deleted with one.

use super::*;

#[tokio::test]
async fn a_project_that_differs_only_in_case_is_refused_and_the_same_name_changes_it() {
    let world = World::new().await;
    let mut tx = world.write().await;
    let first = tx.projects().upsert(&project("Fraud"), "one", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    is_refused_as_existing(&world.write().await.projects().upsert(&project("fraud"), "two", at(2)).await);
    let mut tx = world.write().await;
    let second = tx.projects().upsert(&project("Fraud"), "two", at(2)).await.unwrap();
    assert_eq!((second.created_at, second.description.as_str()), (first.created_at, "two"));
    assert!(tx.projects().find(&project("fraud")).await.unwrap().is_none());
}

#[tokio::test]
async fn deleting_a_project_deletes_its_members_and_keeps_certificates() {
    let world = World::new().await;
    let mut tx = world.write().await;
    for name in ["fraud", "churn"] {
        tx.projects().upsert(&project(name), "", at(0)).await.unwrap();
    }
    for (serial, name) in [("aa", "fraud__alice"), ("bb", "fraud__bob"), ("cc", "churn__alice")] {
        insert_certificate(&mut tx, serial, name, 100).await.unwrap();
        insert_member(&mut tx, name, serial).await.unwrap();
    }
    assert!(tx.projects().delete(&project("fraud")).await.unwrap());
    assert!(!tx.projects().delete(&project("fraud")).await.unwrap());
    assert!(tx.members().list(&project("fraud")).await.unwrap().is_empty());
    assert_eq!(tx.members().list(&project("churn")).await.unwrap().len(), 1);
    assert_eq!(tx.certificates().list(10).await.unwrap().len(), 3);
}
