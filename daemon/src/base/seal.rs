//! Seals secrets under the master key, each bound to its owner.

use aws_lc_rs::rand::SystemRandom;
use ringfence_api::ProblemCode;
use ringfence_pki::MasterKey;
use ringfence_store::Transaction;
use ringfence_store::sealed::SealedOf;
use zeroize::Zeroizing;

use crate::base::{Base, Failure};

/// What a secret is bound to: sealed bytes that are moved to another row do not open there.
pub(crate) fn sealing_context(of: &SealedOf) -> String {
    match of {
        SealedOf::Issuer(id) => format!("issuer/{id}"),
        SealedOf::TokenKey(kid) => format!("token-key/{kid}"),
        SealedOf::Member(project, user) => format!("member/{project}__{user}"),
    }
}

/// Seals a secret in the transaction that records it, under the version that is active in the database. A daemon that
/// does not have that version seals nothing, so that nothing is sealed under a version that others have forgotten.
pub(crate) async fn seal(
    tx: &mut Transaction,
    (key, rng): (&MasterKey, &SystemRandom),
    of: &SealedOf,
    secret: &[u8],
) -> Result<Vec<u8>, Failure> {
    follow(tx, key).await?;
    Ok(key.seal(rng, &sealing_context(of), secret))
}

/// Opens a secret.
pub(crate) fn open(base: &Base, of: &SealedOf, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    Ok(base.master_key.open(&sealing_context(of), sealed)?)
}

/// Activates the version that is active in the database. Fails if this daemon does not have it, or has another key for
/// it than the other daemons.
pub(crate) async fn follow(tx: &mut Transaction, key: &MasterKey) -> Result<u32, Failure> {
    let version = tx.sealed_secrets().master_key_version().await?;
    key.activate(version)?;
    let check = tx.sealed_secrets().master_key_check().await?;
    if check.is_some() && check != key.check_of(version) {
        let detail = format!(
            "version {version} of this daemon's master key is not the key that sealed the database; put that key in \
             the source of this daemon's master key, and restart the daemon"
        );
        return Err(Failure::new(ProblemCode::Unavailable, detail));
    }
    Ok(version)
}
