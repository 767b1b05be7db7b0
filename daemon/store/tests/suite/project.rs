//! Names, and what belongs to a project.

use super::*;

#[tokio::test]
async fn a_project_that_differs_only_in_case_is_refused_and_the_same_name_changes_it() {
    let world = World::new().await;
    let mut tx = world.write().await;
    let first = tx.put_project_row(&project("Fraud"), "one", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    is_taken(&world.write().await.put_project_row(&project("fraud"), "two", at(2)).await);
    let mut tx = world.write().await;
    let second = tx.put_project_row(&project("Fraud"), "two", at(2)).await.unwrap();
    assert_eq!((second.created_at, second.description.as_str()), (first.created_at, "two"));
    assert!(tx.find_project(&project("fraud")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_deleted_project_takes_its_members_and_no_others_and_certificates_stay() {
    let world = World::new().await;
    let mut tx = world.write().await;
    for name in ["fraud", "churn"] {
        tx.put_project_row(&project(name), "", at(0)).await.unwrap();
    }
    for (serial, name) in [("aa", "fraud__alice"), ("bb", "fraud__bob"), ("cc", "churn__alice")] {
        insert_certificate(&mut tx, serial, name, 100).await.unwrap();
        insert_member(&mut tx, name, serial).await.unwrap();
    }
    assert!(tx.delete_project_row(&project("fraud")).await.unwrap());
    assert!(!tx.delete_project_row(&project("fraud")).await.unwrap());
    assert!(tx.list_members(&project("fraud")).await.unwrap().is_empty());
    assert_eq!(tx.list_members(&project("churn")).await.unwrap().len(), 1);
    assert_eq!(tx.list_certificates(10).await.unwrap().len(), 3);
}
