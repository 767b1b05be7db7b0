//! The states of authorities, and when one is in use.

use ringfence_store::certificate::Revoke;

use super::*;

async fn states(tx: &mut Transaction) -> Vec<(String, AuthorityState)> {
    tx.issuers().list().await.unwrap().into_iter().map(|row| (row.view.id, row.view.state)).collect()
}

fn state(id: &str, state: AuthorityState) -> (String, AuthorityState) {
    (id.to_owned(), state)
}

#[tokio::test]
async fn a_domain_has_one_active_and_at_most_one_prepared_authority() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.issuers().insert(&issuer("projects-2", AuthorityState::Prepared, 2)).await.unwrap();
    tx.commit().await.unwrap();
    for (id, state) in [("projects-3", AuthorityState::Prepared), ("projects-3", AuthorityState::Active)] {
        let refused = world.write().await.issuers().insert(&issuer(id, state, 3)).await;
        assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    }
    let mut tx = world.write().await;
    tx.issuers().activate("projects-2", AuthorityDomain::Projects, at(5)).await.unwrap();
    let expected = [state(ISSUER, AuthorityState::Retired), state("projects-2", AuthorityState::Active)];
    assert_eq!(states(&mut tx).await, expected);
    let rows = tx.issuers().list().await.unwrap();
    assert_eq!((rows[0].view.retired_at, rows[1].view.activated_at), (Some(at(5)), Some(at(5))));
}

#[tokio::test]
async fn an_erased_authority_has_neither_key_nor_crls_and_an_active_one_cannot_be_erased() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.issuers().erase(ISSUER).await.unwrap();
    assert_eq!(states(&mut tx).await, [state(ISSUER, AuthorityState::Active)], "it is active");
    drop(tx);
    let mut tx = world.write().await;
    tx.issuers().insert(&issuer("projects-2", AuthorityState::Prepared, 2)).await.unwrap();
    tx.issuers().activate("projects-2", AuthorityDomain::Projects, at(5)).await.unwrap();
    tx.issuers().erase(ISSUER).await.unwrap();
    let rows = tx.issuers().list().await.unwrap();
    assert_eq!((rows[0].view.state, rows[0].sealed_key.len()), (AuthorityState::Gone, 0));
    assert!(tx.crls().list().await.unwrap().iter().all(|crl| crl.head.issuer != ISSUER));
}

#[tokio::test]
async fn a_distrusted_authority_is_in_use_while_agents_or_the_daemon_hold_a_live_certificate_of_it() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    for (serial, name, not_after) in [("aa", "fraud__alice", 100), ("bb", "fraud__bob", 200)] {
        insert_certificate(&mut tx, serial, name, not_after).await.unwrap();
        insert_member(&mut tx, name, serial).await.unwrap();
    }
    assert_eq!(tx.issuers().find_last_expiry(ISSUER).await.unwrap(), Some(at(200)));
    assert!(tx.issuers().is_in_use(ISSUER, at(0)).await.unwrap());
    tx.certificates().revoke("bb", RevocationReason::CaCompromise, at(1)).await.unwrap();
    assert!(tx.issuers().is_in_use(ISSUER, at(100)).await.unwrap(), "alice's is live");
    assert!(!tx.issuers().is_in_use(ISSUER, at(101)).await.unwrap(), "alice's has expired and bob's is revoked");
    assert_eq!(tx.issuers().find_last_expiry(ISSUER).await.unwrap(), Some(at(200)), "bob's must stay listed");
}

#[tokio::test]
async fn a_replaced_member_certificate_does_not_keep_a_distrusted_authority_in_use() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
    insert_member(&mut tx, "fraud__alice", "aa").await.unwrap();
    tx.issuers().insert(&issuer("projects-2", AuthorityState::Prepared, 2)).await.unwrap();
    insert_certificate_of(&mut tx, "projects-2", "cc", "fraud__alice", 100).await.unwrap();
    let key = MemberKeyRow { certificate: "cc".to_owned(), sealed_key: vec![7] };
    tx.members().update_key(&identity("fraud__alice"), &key).await.unwrap();
    assert!(!tx.issuers().is_in_use(ISSUER, at(1)).await.unwrap());
    assert!(tx.issuers().is_in_use("projects-2", at(1)).await.unwrap());
    let reason = RevocationReason::CaCompromise;
    assert_eq!(
        tx.certificates().revoke_all(Revoke::IssuedBy(ISSUER), reason, at(101)).await.unwrap(),
        0,
        "it has expired"
    );
    assert_eq!(tx.certificates().revoke_all(Revoke::IssuedBy(ISSUER), reason, at(1)).await.unwrap(), 1);
    assert_eq!(tx.certificates().find("aa").await.unwrap().unwrap().view.revoked_at, Some(at(1)));
    assert_eq!(tx.certificates().find("cc").await.unwrap().unwrap().view.revoked_at, None);
}
