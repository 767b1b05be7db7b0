//! The operator's login: a nonce, a signature, a session. `signature.rs` says whose the signature is.
//!
//! The first login with a pending key makes it the current one and retires the key before, in one transaction. A login
//! with a retired key is refused with that reason.
//!
//! Nonces are not stored: each contains the time when it was created and a code that only a daemon with the master key
//! can compute. The session that it opens records it, so that it cannot open another. Sessions are stored in the
//! database, for all daemons on it; only their SHA-256 is stored, so that nobody can call with what the database holds.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand::SecureRandom;
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::login::{Login, LoginNonce, PutLogin};
use ringfence_api::operator::OperatorKeys;
use ringfence_api::{OperatorPublicKey, ProblemCode};
use ringfence_pki::MasterKey;
use ringfence_store::session::SessionRow;
use ringfence_store::{StoreError, Transaction};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::access::session::{SESSION_LIFETIME, session_hash};
use crate::access::signature::signer;
use crate::access::{Access, Source};
use crate::base::{Actor, Body, Failure};

/// How long a nonce is valid.
const NONCE_LIFETIME: SignedDuration = SignedDuration::from_secs(60);
/// The maximum number of open sessions. Beyond it, those that expire first are closed.
const MAX_SESSIONS: u32 = 1_024;

/// Creates a nonce.
fn new_nonce(master_key: &MasterKey, rng: &dyn SecureRandom, now: Timestamp) -> String {
    let text = format!("{}.{}", hex::encode(random::<16>(rng)), now.as_second());
    format!("{text}.{}", code(master_key, &text))
}

/// Whether a daemon of this cluster created this nonce within the last minute.
fn is_fresh(master_key: &MasterKey, nonce: &str, now: Timestamp) -> bool {
    let Some((text, shown)) = nonce.rsplit_once('.') else { return false };
    let given = text.rsplit_once('.').and_then(|(_, second)| Timestamp::from_second(second.parse().ok()?).ok());
    // Another daemon's clock may be a little ahead.
    let recent = given.is_some_and(|given| now.duration_since(given).abs() <= NONCE_LIFETIME);
    recent && verify_slices_are_equal(code(master_key, text).as_bytes(), shown.as_bytes()).is_ok()
}

fn code(master_key: &MasterKey, text: &str) -> String {
    master_key.derive("login nonce", text).to_string()
}

/// A nonce to sign for a login. Public.
pub(crate) async fn post_nonce(State(access): State<Arc<Access>>) -> Json<LoginNonce> {
    let base = &access.base;
    let nonce = new_nonce(&base.master_key, base.rng(), base.now());
    Json(LoginNonce { nonce, cluster_id: base.cluster_id })
}

/// Exchanges a signed nonce for a session. Public.
pub(crate) async fn post_login(
    State(access): State<Arc<Access>>,
    Source(source): Source,
    Body(put): Body<PutLogin>,
) -> Result<Json<Login>, Failure> {
    let base = &access.base;
    let now = base.now();
    let refused = |why: String| {
        if let Some(more) = access.refusals.line("login", now) {
            warn!(source, why, "a login was refused{more}");
        }
        Failure::new(ProblemCode::LoginRefused, why)
    };
    let spent = || "the nonce is unknown, was used, or is older than a minute; ask for another".to_owned();
    if !is_fresh(&base.master_key, &put.nonce, now) {
        return Err(refused(spent()));
    }
    // A caller without the token must not occupy the store's writer.
    signer(&mut base.store.read("look_at_login").await?, &access, &put, now).await?.map_err(refused)?;
    let mut tx = base.store.write("login").await?;
    let key = signer(&mut tx, &access, &put, now).await?.map_err(refused)?;
    let actor = Actor::caller("operator", source.as_str());
    let session = Zeroizing::new(URL_SAFE_NO_PAD.encode(random::<32>(base.rng())));
    let expires_at = now + SESSION_LIFETIME;
    tx.sessions().prune(now, MAX_SESSIONS - 1).await?;
    let row = SessionRow { hash: session_hash(&session), operator_key: key.clone(), nonce: put.nonce, expires_at };
    // A daemon whose clock is behind may take a nonce for as long again.
    match tx.sessions().insert(&row, now + NONCE_LIFETIME * 2).await {
        Err(StoreError::Exists(_)) => return Err(refused(spent())),
        inserted => inserted?,
    }
    let taken_over = take_over(&mut tx, &key, &actor, base.cluster_name.as_str(), now).await?;
    actor.record(&mut tx, "login", base.cluster_name.as_str(), "accepted", now).await?;
    tx.commit().await?;
    if taken_over {
        access.keys_file.write(&base.store).await.map_err(Failure::internal)?;
    }
    info!(source, "the operator logged in");
    Ok(Json(Login { session: session.to_string(), expires_at }))
}

/// If the pending key logs in, makes it the current one and retires the one before. Returns whether it did.
async fn take_over(
    tx: &mut Transaction,
    key: &OperatorPublicKey,
    actor: &Actor,
    cluster: &str,
    now: Timestamp,
) -> Result<bool, Failure> {
    let keys = tx.operator().keys().await?;
    if keys.pending.as_ref() != Some(key) {
        return Ok(false);
    }
    tx.operator().delete_retired_key(key).await?;
    tx.operator().insert_retired_key(&keys.current, now).await?;
    tx.operator().update_keys(&OperatorKeys { current: key.clone(), pending: None }).await?;
    actor.record(tx, "retire_operator_key", cluster, &format!("{} by {key}", keys.current), now).await?;
    Ok(true)
}

fn random<const N: usize>(rng: &dyn SecureRandom) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill(&mut bytes).expect("the operating system's random source answers");
    bytes
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn a_nonce_is_valid_for_a_minute_and_only_unchanged() {
        let rng = SystemRandom::new();
        let key = MasterKey::generate(&rng);

        let nonce = new_nonce(&key, &rng, at(0));
        assert!(is_fresh(&key, &nonce, at(60)), "{nonce}");
        assert!(!is_fresh(&key, &nonce, at(61)));
        assert!(is_fresh(&key, &nonce, at(-5)), "of a daemon whose clock is ahead");
        assert!(!is_fresh(&MasterKey::generate(&rng), &nonce, at(0)), "another cluster's");
        assert!(!is_fresh(&key, "made up", at(0)));
        let later = nonce.replace(&at(0).as_second().to_string(), &at(30).as_second().to_string());
        assert!(!is_fresh(&key, &later, at(30)), "{later}");
        assert_ne!(nonce, new_nonce(&key, &rng, at(0)));
    }
}
