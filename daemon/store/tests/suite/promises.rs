//! The guarantees of the store on either database, a file per noun. Time is an argument, so nothing waits.

mod audit;
mod certificate;
mod cluster;
mod crl;
mod issuer;
mod job;
mod key;
mod lease;
mod member;
mod node;
mod project;
mod saga;
mod session;
mod ticket;
mod token;
mod token_key;
mod transaction;

use jiff::{SignedDuration, Timestamp};
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState};
use ringfence_api::certificate::{CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_api::cluster::{AuthoritySettings, PutCluster};
use ringfence_api::incarnation::Incarnation;
use ringfence_api::node::NodeState;
use ringfence_api::project::MemberRole;
use ringfence_api::token::{Jwk, TokenKeyState, TokenSubject};
use ringfence_api::{ClusterId, ClusterName, JobId, NodeName, OperatorPublicKey, ProjectName, ProjectUser};
use ringfence_saga::{AppendError, Epoch, Event, LoadError, Log as _, SagaId};
use ringfence_store::audit::NewAuditRow;
use ringfence_store::certificate::NewCertificate;
use ringfence_store::cluster::ClusterRow;
use ringfence_store::crl::{CrlHead, CrlRow};
use ringfence_store::issuer::IssuerRow;
use ringfence_store::member::MemberKeyRow;
use ringfence_store::saga::NewSaga;
use ringfence_store::saga_log::SagaLog;
use ringfence_store::{Store, StoreError, Transaction};

use crate::World;

const ISSUER: &str = "projects-1";
const LEASE: &str = "sagas";

/// A second of the test's time.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn project(name: &str) -> ProjectName {
    ProjectName::parse(name).unwrap()
}

fn identity(text: &str) -> ProjectUser {
    ProjectUser::parse(text).unwrap()
}

fn node(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

/// A cluster, an issuer and its first CRL.
pub(crate) async fn set_up(store: &Store) {
    let mut tx = store.write("set_up").await.unwrap();
    tx.cluster().insert(&cluster(), at(0)).await.unwrap();
    tx.issuers().insert(&issuer(ISSUER, AuthorityState::Active, 1)).await.unwrap();
    tx.crls().insert(&crl(1, at(0))).await.unwrap();
    tx.commit().await.unwrap();
}

fn issuer(id: &str, state: AuthorityState, number: u32) -> IssuerRow {
    IssuerRow {
        view: Authority {
            id: id.to_owned(),
            domain: AuthorityDomain::Projects,
            parent: ISSUER.to_owned(),
            state,
            not_after: at(1_000_000),
            created_at: at(0),
            activated_at: None,
            retired_at: None,
            rotation_requested_at: None,
            distrusted_at: None,
        },
        number,
        certificate: vec![1],
        sealed_key: vec![2],
        cross_certificate: None,
        shards: 1,
        not_before: at(0),
        prepared_generation: 1,
        known_at: None,
    }
}

fn cluster() -> ClusterRow {
    let declared = PutCluster { authority: AuthoritySettings::default(), ..PutCluster::default() };
    ClusterRow {
        id: ClusterId::parse("7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34").unwrap(),
        name: ClusterName::parse("demo").unwrap(),
        operator_key: OperatorPublicKey::from_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
        endpoint: "https://127.0.0.1:8443".to_owned(),
        declared,
        generation: 1,
        declared_generation: 1,
        revision: 1,
        incarnation: Incarnation::default(),
        restored_at: None,
    }
}

fn crl(number: i64, this_update: Timestamp) -> CrlRow {
    let head = CrlHead {
        issuer: ISSUER.to_owned(),
        shard: 0,
        url: "https://127.0.0.1:8443/v1/crls/projects-1/0".to_owned(),
        number,
        this_update,
        next_update: this_update + SignedDuration::from_hours(1),
        base_number: number,
        signed_at: this_update,
        number_floor: 0,
    };
    CrlRow { head, der: number.to_be_bytes().to_vec(), delta: None }
}

/// Records a certificate for `common_name` that is valid from second 0 to `not_after`. Its bytes are its serial.
async fn insert_certificate(
    tx: &mut Transaction,
    serial: &str,
    common_name: &str,
    not_after: i64,
) -> Result<(), StoreError> {
    insert_certificate_of(tx, ISSUER, serial, common_name, not_after).await
}

async fn insert_certificate_of(
    tx: &mut Transaction,
    issuer: &str,
    serial: &str,
    common_name: &str,
    not_after: i64,
) -> Result<(), StoreError> {
    let new = NewCertificate {
        serial,
        issuer,
        shard: 0,
        profile: CertificateProfile::ProjectUser,
        holder: CertificateHolder::Daemon,
        common_name,
        node: None,
        service: None,
        job: None,
        der: serial.as_bytes(),
        not_before: at(0),
        not_after: at(not_after),
    };
    tx.certificates().insert(&[new], at(0)).await
}

async fn insert_member(tx: &mut Transaction, name: &str, serial: &str) -> Result<(), StoreError> {
    let key = MemberKeyRow { certificate: serial.to_owned(), sealed_key: vec![7] };
    tx.members().insert(&identity(name), MemberRole::DataOwner, &key, at(0)).await
}

async fn audit(tx: &mut Transaction, object: &str) {
    let row = NewAuditRow { actor: "operator", source: "127.0.0.1:1", action: "put", object, outcome: "done" };
    tx.audit().insert(&[row], at(0)).await.unwrap();
}

pub(crate) async fn project_names(tx: &mut Transaction) -> Vec<String> {
    tx.projects().list().await.unwrap().into_iter().map(|project| project.name.to_string()).collect()
}

fn is_refused_as_existing<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Exists(_))), "{outcome:?}");
}

async fn revoke(tx: &mut Transaction, serial: &str, second: i64) -> bool {
    let reason = RevocationReason::PrivilegeWithdrawn;
    tx.certificates().revoke(serial, reason, at(second)).await.unwrap()
}

fn job(id: &str) -> JobId {
    JobId::parse(id).unwrap()
}

/// A member with a token key.
async fn with_alice(world: &World) -> Transaction {
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    insert_certificate(&mut tx, "aa", "fraud__alice", 1_000).await.unwrap();
    let key = MemberKeyRow { certificate: "aa".to_owned(), sealed_key: vec![1] };
    tx.members().insert(&identity("fraud__alice"), MemberRole::DataScientist, &key, at(0)).await.unwrap();
    let key = Jwk {
        kid: "k1".to_owned(),
        kty: "EC".to_owned(),
        crv: "P-256".to_owned(),
        x: String::new(),
        y: None,
        alg: "ES256".to_owned(),
        usage: "sig".to_owned(),
    };
    tx.token_keys().insert(&key, b"sealed", at(0)).await.unwrap();
    tx
}
