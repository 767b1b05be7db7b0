//! The operator's login: a nonce, a signature, a session.
//!
//! The first login with the key that was put last makes it the one in force and retires the one before, in one
//! transaction; whoever comes with a retired key is told so.
//!
//! Sessions live in memory only: a restart ends them, and clients log in again by themselves. What is kept is the
//! SHA-256 of a session, so that a core dump holds nothing to call with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SecureRandom;
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::login::{Login, LoginNonce, PutLogin, message};
use ringfence_api::operator::OperatorKeys;
use ringfence_api::{OperatorPublicKey, ProblemCode};
use ringfence_store::Transaction;
use tracing::{info, warn};

use crate::Daemon;
use crate::audit::Actor;
use crate::http::{Body, Failure, Source};

/// How long a nonce may be answered.
const NONCE_LIFETIME: SignedDuration = SignedDuration::from_secs(60);
/// How long a session lasts.
const SESSION_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How many nonces and sessions are kept; beyond it the one that ends first goes.
const MOST: usize = 1_024;

/// Nonces given out and sessions open, each with its end.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    nonces: Mutex<BTreeMap<String, Timestamp>>,
    open: Mutex<BTreeMap<String, Session>>,
}

/// An open session.
#[derive(Debug, Clone)]
struct Session {
    end: Timestamp,
    /// Whose signature opened it.
    key: OperatorPublicKey,
}

impl Sessions {
    fn challenge(&self, rng: &dyn SecureRandom, now: Timestamp) -> String {
        let nonce = hex::encode(random::<16>(rng));
        insert(&self.nonces, |end| *end, nonce.clone(), now + NONCE_LIFETIME, now);
        nonce
    }

    /// Takes the nonce, whether the signature is good or not: each is answered once.
    fn redeem(&self, nonce: &str, now: Timestamp) -> bool {
        lock(&self.nonces).remove(nonce).is_some_and(|end| now <= end)
    }

    fn open(&self, rng: &dyn SecureRandom, key: OperatorPublicKey, now: Timestamp) -> Login {
        let session = URL_SAFE_NO_PAD.encode(random::<32>(rng));
        let expires_at = now + SESSION_LIFETIME;
        insert(&self.open, |open| open.end, hash(&session), Session { end: expires_at, key }, now);
        Login { session, expires_at }
    }

    /// The key that opened this session, if it is open.
    pub(crate) fn key_of(&self, session: &str, now: Timestamp) -> Option<OperatorPublicKey> {
        lock(&self.open).get(&hash(session)).filter(|open| now <= open.end).map(|open| open.key.clone())
    }
}

/// A challenge to log in with. Public.
#[utoipa::path(post, path = "/v1/login/nonces", tag = "identity", responses((status = 200, body = LoginNonce)))]
pub(crate) async fn post_nonce(State(daemon): State<Arc<Daemon>>) -> Json<LoginNonce> {
    let nonce = daemon.sessions.challenge(daemon.rng(), daemon.now());
    Json(LoginNonce { nonce, cluster_id: daemon.cluster_id })
}

/// Trades a signed challenge for a session. Public.
#[utoipa::path(post, path = "/v1/login", tag = "identity", request_body = PutLogin, responses((status = 200, body = Login), (status = 401, body = ringfence_api::Problem)))]
pub(crate) async fn post_login(
    State(daemon): State<Arc<Daemon>>,
    Source(source): Source,
    Body(put): Body<PutLogin>,
) -> Result<Json<Login>, Failure> {
    let now = daemon.now();
    let refused = |why: String| {
        warn!(source, why, "a login was refused");
        Failure::new(ProblemCode::LoginRefused, why)
    };
    if !daemon.sessions.redeem(&put.nonce, now) {
        let why = "the nonce is unknown, was used, or is older than a minute; ask for another";
        return Err(refused(why.to_owned()));
    }
    let trusted = daemon.authorities.seen().trust_fingerprints();
    let texts: Vec<Vec<u8>> = trusted.iter().map(|ca| message(&daemon.cluster_id, &put.nonce, ca)).collect();
    let signed = |key: &OperatorPublicKey| texts.iter().any(|text| key.verifies(text, &put.signature));
    // Whoever has no token must not get into a writer's way.
    signer(&mut daemon.store.read("look_at_login").await?, signed).await?.map_err(refused)?;
    let mut tx = daemon.store.write("login").await?;
    let key = signer(&mut tx, signed).await?.map_err(refused)?;
    let actor = Actor::caller("operator", source.as_str());
    let taken_over = take_over(&mut tx, &key, &actor, daemon.cluster_name.as_str(), now).await?;
    actor.record(&mut tx, "login", daemon.cluster_name.as_str(), "accepted", now).await?;
    tx.commit().await?;
    if taken_over {
        daemon.operator_keys.write(&daemon.store).await.map_err(Failure::internal)?;
    }
    info!(source, "the operator logged in");
    Ok(Json(daemon.sessions.open(daemon.rng(), key, now)))
}

/// The key that signed and may log in, or why there is none.
async fn signer(
    tx: &mut Transaction,
    signed: impl Fn(&OperatorPublicKey) -> bool,
) -> Result<Result<OperatorPublicKey, String>, Failure> {
    let OperatorKeys { current, pending } = tx.operator_keys().await?;
    if let Some(key) = [Some(current), pending].into_iter().flatten().find(&signed) {
        return Ok(Ok(key));
    }
    let retired = tx.list_retired_operator_keys().await?.into_iter().find(|(key, _)| signed(key));
    Ok(Err(match retired {
        Some((_, at)) => {
            format!(
                "this operator token was replaced by another one at {at} and is retired; use the one that replaced it"
            )
        }
        None => "the signature is not by this cluster's operator token, or was made for another CA".to_owned(),
    }))
}

/// Makes the pending key the one in force if it is the one that logs in, and retires the one before. Returns whether it
/// was.
async fn take_over(
    tx: &mut Transaction,
    key: &OperatorPublicKey,
    actor: &Actor,
    cluster: &str,
    now: Timestamp,
) -> Result<bool, Failure> {
    let keys = tx.operator_keys().await?;
    if keys.pending.as_ref() != Some(key) {
        return Ok(false);
    }
    tx.delete_retired_operator_key(key).await?;
    tx.insert_retired_operator_key(&keys.current, now).await?;
    tx.update_operator_keys(&OperatorKeys { current: key.clone(), pending: None }).await?;
    actor.record(tx, "retire_operator_key", cluster, &format!("{} by {key}", keys.current), now).await?;
    Ok(true)
}

fn insert<T>(map: &Mutex<BTreeMap<String, T>>, end: fn(&T) -> Timestamp, key: String, value: T, now: Timestamp) {
    let mut map = lock(map);
    if map.len() >= MOST {
        map.retain(|_, value| now <= end(value));
    }
    if map.len() >= MOST
        && let Some(first) = map.iter().min_by_key(|(_, value)| end(value)).map(|(key, _)| key.clone())
    {
        map.remove(&first);
    }
    map.insert(key, value);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn hash(session: &str) -> String {
    hex::encode(digest(&SHA256, session.as_bytes()))
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
    fn a_nonce_is_good_once_and_for_a_minute() {
        let (sessions, rng) = (Sessions::default(), SystemRandom::new());
        let nonce = sessions.challenge(&rng, at(0));
        assert!(sessions.redeem(&nonce, at(60)));
        assert!(!sessions.redeem(&nonce, at(60)));
        let old = sessions.challenge(&rng, at(0));
        assert!(!sessions.redeem(&old, at(61)));
        assert!(!sessions.redeem("made up", at(0)));
    }

    #[test]
    fn a_session_ends_after_a_quarter_of_an_hour() {
        let (sessions, rng) = (Sessions::default(), SystemRandom::new());
        let key = OperatorPublicKey::from_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        let login = sessions.open(&rng, key.clone(), at(0));
        assert_eq!(sessions.key_of(&login.session, at(900)), Some(key));
        assert_eq!(sessions.key_of(&login.session, at(901)), None);
        assert_eq!(sessions.key_of("made up", at(0)), None);
    }

    #[test]
    fn asking_without_end_takes_no_memory_without_end() {
        let (sessions, rng) = (Sessions::default(), SystemRandom::new());
        for _ in 0..5_000 {
            sessions.challenge(&rng, at(0));
        }
        assert_eq!(lock(&sessions.nonces).len(), MOST);
    }
}
