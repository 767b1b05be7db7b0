//! Which certificates are revoked.

use ringfence_store::certificate::Revoke;

use super::*;

#[tokio::test]
async fn a_second_revocation_keeps_the_time_and_reason_of_the_first() {
    let world = World::new().await;
    let mut tx = world.write().await;
    insert_certificate(&mut tx, "aa", "fraud__alice", 100).await.unwrap();
    assert!(revoke(&mut tx, "aa", 5).await);
    assert!(!tx.certificates().revoke("aa", RevocationReason::Superseded, at(6)).await.unwrap());
    assert!(!revoke(&mut tx, "unknown", 5).await);
    let view = tx.certificates().find("aa").await.unwrap().unwrap().view;
    assert_eq!(view.revoked_at, Some(at(5)));
    assert_eq!(view.revocation_reason, Some(RevocationReason::PrivilegeWithdrawn));
}

#[tokio::test]
async fn revoking_a_project_user_takes_exactly_its_certificates_that_have_not_expired() {
    let world = World::new().await;
    let mut tx = world.write().await;
    for (serial, name, not_after) in [
        ("aa", "fraud__alice", 100),
        ("bb", "fraud__alice", 100),
        ("cc", "fraud__alice", 10),
        ("dd", "fraud__alice2", 100),
        ("ee", "Fraud__alice", 100),
    ] {
        insert_certificate(&mut tx, serial, name, not_after).await.unwrap();
    }
    let (alice, reason) = (identity("fraud__alice"), RevocationReason::PrivilegeWithdrawn);
    assert_eq!(tx.certificates().revoke_all(Revoke::OfProjectUser(&alice), reason, at(50)).await.unwrap(), 2);
    assert_eq!(tx.certificates().revoke_all(Revoke::OfProjectUser(&alice), reason, at(51)).await.unwrap(), 0);
    let all = tx.certificates().list(10).await.unwrap();
    let mut revoked: Vec<_> = all.into_iter().filter(|c| c.revoked_at.is_some()).map(|c| c.serial).collect();
    revoked.sort();
    assert_eq!(revoked, ["aa", "bb"]);
}

#[tokio::test]
async fn revoking_a_job_takes_exactly_its_certificates_and_revoking_its_user_takes_those_of_all_jobs() {
    let world = World::new().await;
    let mut tx = with_alice(&world).await;
    let new = |serial, job| NewCertificate {
        serial,
        issuer: ISSUER,
        shard: 0,
        profile: CertificateProfile::Job,
        holder: CertificateHolder::Caller,
        common_name: "fraud__alice",
        node: None,
        service: None,
        job: Some(job),
        der: b"x",
        not_before: at(0),
        not_after: at(100),
    };
    tx.certificates().insert(&[new("bb", "j1"), new("cc", "j10")], at(0)).await.unwrap();
    let (alice, reason) = (identity("fraud__alice"), RevocationReason::CessationOfOperation);
    assert_eq!(tx.certificates().revoke_all(Revoke::OfJob(&alice, &job("j1")), reason, at(5)).await.unwrap(), 1);
    assert_eq!(tx.certificates().revoke_all(Revoke::OfProjectUser(&alice), reason, at(6)).await.unwrap(), 2);
}

#[tokio::test]
async fn the_certificates_of_the_api_are_those_that_are_live_now() {
    let world = World::new().await;
    let mut tx = world.write().await;
    let new = |serial: &'static str, profile, not_before, not_after| NewCertificate {
        serial,
        issuer: ISSUER,
        shard: 0,
        profile,
        holder: CertificateHolder::Daemon,
        common_name: "head.demo.internal",
        node: None,
        service: None,
        job: None,
        der: serial.as_bytes(),
        not_before: at(not_before),
        not_after: at(not_after),
    };
    let (api, other) = (CertificateProfile::ApiServer, CertificateProfile::Service);
    let first = [
        new("a1", api, 0, 100),
        new("a2", api, 0, 10),
        new("a3", api, 60, 100),
        new("a4", api, 0, 100),
        new("a5", other, 0, 100),
    ];
    tx.certificates().insert(&first, at(0)).await.unwrap();
    tx.certificates().insert(&[new("a6", api, 0, 100)], at(1)).await.unwrap();
    assert!(tx.certificates().revoke("a4", RevocationReason::Superseded, at(5)).await.unwrap());
    assert_eq!(tx.certificates().list_live_of_api(at(50)).await.unwrap(), [b"a6", b"a1"]);
    assert_eq!(tx.certificates().list_live_of_api(at(101)).await.unwrap(), Vec::<Vec<u8>>::new());
}
