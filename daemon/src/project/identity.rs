//! New keys and certificates of project users: generated, signed and sealed outside the store's writer, then recorded
//! in the transaction that adds or renews the members.
//!
//! # Guarantees
//!
//! - The store's writer never waits for a key: generating an RSA key may take seconds.
//! - What is recorded is signed by the authorities, and sealed under the version of the master key, that are active in
//!   that transaction.

use std::collections::BTreeMap;

use ringfence_api::ProjectUser;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::cluster::KeyAlgorithm;
use ringfence_pki::PrivateKey;
use ringfence_store::Transaction;
use ringfence_store::member::MemberKeyRow;
use ringfence_store::sealed::SealedOf;

use crate::authority::{Authorities, Identity, Signed};
use crate::base::{Failure, reseal, sealing_context};

/// Keys and certificates that are prepared and not recorded yet.
pub(super) struct NewIdentities<'a> {
    authorities: &'a Authorities,
    prepared: BTreeMap<ProjectUser, Prepared>,
}

struct Prepared {
    algorithm: KeyAlgorithm,
    key: PrivateKey,
    sealed_key: Vec<u8>,
    signed: Signed,
}

impl<'a> NewIdentities<'a> {
    pub(super) fn new(authorities: &'a Authorities) -> Self {
        Self { authorities, prepared: BTreeMap::new() }
    }

    /// Prepares these: keys that are missing, or of another kind than is declared, are generated, and every certificate
    /// is signed by the authorities that are in force now.
    pub(super) async fn prepare(&mut self, users: &[ProjectUser]) -> Result<(), Failure> {
        let mut tx = self.authorities.base.store.read("look_at_authorities").await?;
        let issuers = self.authorities.fresh(&mut tx).await?;
        drop(tx);
        let algorithm = issuers.settings.project_user_key_algorithm;
        self.prepared.retain(|_, prepared| prepared.algorithm == algorithm);
        let missing: Vec<&ProjectUser> = users.iter().filter(|user| !self.prepared.contains_key(user)).collect();
        // One core is left for other work.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut generated = Vec::new();
        for users in missing.chunks((cores - 1).max(1)) {
            let generate = || tokio::task::spawn_blocking(move || PrivateKey::generate_for(algorithm));
            let keys = futures::future::try_join_all(users.iter().map(|_| generate())).await;
            for (user, key) in users.iter().zip(keys.map_err(Failure::internal)?) {
                generated.push(((*user).clone(), key.map_err(Failure::internal)?));
            }
        }
        let kept = std::mem::take(&mut self.prepared).into_iter().map(|(user, prepared)| (user, prepared.key));
        for (user, key) in kept.chain(generated).collect::<Vec<_>>() {
            let subject = Identity { common_name: user.to_string(), ..Identity::default() };
            let profile = (CertificateProfile::ProjectUser, CertificateHolder::Daemon);
            let lifetime = issuers.settings.project_user_certificate_lifetime;
            let signed = self.authorities.sign(&issuers, profile, subject, &key.public(), lifetime)?;
            let base = &self.authorities.base;
            let context = sealing_context(&sealed_of(&user));
            let sealed_key = base.master_key.seal(base.rng(), &context, key.to_pem().as_bytes());
            self.prepared.insert(user, Prepared { algorithm, key, sealed_key, signed });
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
        let prepared: Option<Vec<(&ProjectUser, &Prepared)>> =
            users.iter().map(|user| Some((user, self.prepared.get(user)?))).collect();
        let Some(prepared) = prepared else { return Ok(None) };
        let signed: Vec<&Signed> = prepared.iter().map(|(_, prepared)| &prepared.signed).collect();
        if !self.authorities.record(tx, &signed).await? {
            return Ok(None);
        }
        let mut rows = BTreeMap::new();
        for (user, Prepared { sealed_key, signed, .. }) in prepared {
            let sealed_key = reseal(tx, &self.authorities.base, &sealed_of(user), sealed_key).await?;
            rows.insert(user.clone(), MemberKeyRow { certificate: signed.issued.serial.clone(), sealed_key });
        }
        Ok(Some(rows))
    }
}

/// What a member's key is sealed for.
pub(super) fn sealed_of(user: &ProjectUser) -> SealedOf {
    SealedOf::Member(user.project.to_string(), user.user.to_string())
}
