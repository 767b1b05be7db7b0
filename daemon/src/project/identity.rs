//! New keys and certificates of project users: generated and signed outside the store's writer, then sealed and
//! recorded in the transaction that adds or renews the members.
//!
//! # Guarantees
//!
//! - The store's writer never waits for a key: generating an RSA key may take seconds.
//! - What is recorded is signed by the authorities, and sealed under the version of the master key, that are active in
//!   that transaction. A key is sealed there, which is fast: the version that was active before may be forgotten.
//! - All requests together leave one core for other work.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use futures::future::try_join_all;
use ringfence_api::ProjectUser;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::cluster::KeyAlgorithm;
use ringfence_pki::PrivateKey;
use ringfence_store::Transaction;
use ringfence_store::member::MemberKeyRow;
use ringfence_store::sealed::SealedOf;
use tokio::sync::Semaphore;

use crate::authority::{Authorities, Identity, Recording, Signed};
use crate::base::{Failure, seal};

/// Permits to generate a key.
static GENERATING: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new((available_parallelism().map_or(1, NonZero::get) - 1).max(1)));

/// Keys and certificates that are prepared and not recorded yet.
pub(super) struct NewIdentities<'a> {
    authorities: &'a Authorities,
    prepared: BTreeMap<ProjectUser, Prepared>,
}

struct Prepared {
    algorithm: KeyAlgorithm,
    key: PrivateKey,
    signed: Signed,
}

impl<'a> NewIdentities<'a> {
    pub(super) fn new(authorities: &'a Authorities) -> Self {
        Self { authorities, prepared: BTreeMap::new() }
    }

    /// Prepares these: keys that are missing, or of another kind than is declared, are generated, and every certificate
    /// is signed by the authorities that are in force now.
    pub(super) async fn prepare(&mut self, users: &[ProjectUser]) -> Result<(), Failure> {
        if users.is_empty() {
            return Ok(());
        }
        let mut tx = self.authorities.base.store.read("look_at_authorities").await?;
        let issuers = self.authorities.fresh(&mut tx).await?;
        drop(tx);
        let algorithm = issuers.settings.project_user_key_algorithm;
        self.prepared.retain(|_, prepared| prepared.algorithm == algorithm);
        let missing: Vec<&ProjectUser> = users.iter().filter(|user| !self.prepared.contains_key(user)).collect();
        let keys = try_join_all(missing.iter().map(|_| generate(algorithm))).await?;
        let generated: Vec<_> = missing.into_iter().cloned().zip(keys).collect();
        let kept = std::mem::take(&mut self.prepared).into_iter().map(|(user, prepared)| (user, prepared.key));
        for (user, key) in kept.chain(generated) {
            let subject = Identity { common_name: user.to_string(), ..Identity::default() };
            let profile = (CertificateProfile::ProjectUser, CertificateHolder::Daemon);
            let lifetime = issuers.settings.project_user_certificate_lifetime;
            let signed = self.authorities.sign(&issuers, profile, subject, &key.public(), lifetime)?;
            self.prepared.insert(user, Prepared { algorithm, key, signed });
        }
        Ok(())
    }

    /// Records the certificates of these users in this transaction, and returns the keys for the members' rows. Returns
    /// `None` if a user is not prepared, or if a certificate is outdated: then prepare again, and repeat the
    /// transaction.
    pub(super) async fn record(
        &self,
        tx: &mut Transaction,
        users: &[ProjectUser],
    ) -> Result<Option<BTreeMap<ProjectUser, MemberKeyRow>>, Failure> {
        if users.is_empty() {
            return Ok(Some(BTreeMap::new()));
        }
        let prepared: Option<Vec<(&ProjectUser, &Prepared)>> =
            users.iter().map(|user| Some((user, self.prepared.get(user)?))).collect();
        let Some(prepared) = prepared else { return Ok(None) };
        let signed: Vec<&Signed> = prepared.iter().map(|(_, prepared)| &prepared.signed).collect();
        if self.authorities.record(tx, &signed).await? == Recording::Outdated {
            return Ok(None);
        }
        let mut rows = BTreeMap::new();
        let base = &self.authorities.base;
        for (user, Prepared { key, signed, .. }) in prepared {
            let pem = key.to_pem();
            let sealed_key = seal(tx, (&base.master_key, base.rng()), &sealed_of(user), pem.as_bytes()).await?;
            rows.insert(user.clone(), MemberKeyRow { certificate: signed.issued.serial.clone(), sealed_key });
        }
        Ok(Some(rows))
    }
}

async fn generate(algorithm: KeyAlgorithm) -> Result<PrivateKey, Failure> {
    let permit = GENERATING.acquire().await.map_err(Failure::internal)?;
    let generating = tokio::task::spawn_blocking(move || {
        // Generating goes on when its request is gone: so long, the core is in use.
        let _permit = permit;
        PrivateKey::generate_for(algorithm)
    });
    generating.await.map_err(Failure::internal)?.map_err(Failure::internal)
}

/// What a member's key is sealed for.
pub(super) fn sealed_of(user: &ProjectUser) -> SealedOf {
    SealedOf::Member(user.project.to_string(), user.user.to_string())
}
