//! The operator's login: a nonce, a signature, a session.
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
use ringfence_api::{ClusterId, OperatorPublicKey, ProblemCode};
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
    open: Mutex<BTreeMap<String, Timestamp>>,
}

impl Sessions {
    fn challenge(&self, rng: &dyn SecureRandom, now: Timestamp) -> String {
        let nonce = hex::encode(random::<16>(rng));
        insert(&self.nonces, nonce.clone(), now + NONCE_LIFETIME, now);
        nonce
    }

    /// Takes the nonce, whether the signature is good or not: each is answered once.
    fn redeem(&self, nonce: &str, now: Timestamp) -> bool {
        lock(&self.nonces).remove(nonce).is_some_and(|end| now <= end)
    }

    fn open(&self, rng: &dyn SecureRandom, now: Timestamp) -> Login {
        let session = URL_SAFE_NO_PAD.encode(random::<32>(rng));
        let expires_at = now + SESSION_LIFETIME;
        insert(&self.open, hash(&session), expires_at, now);
        Login { session, expires_at }
    }

    /// Whether this session is open.
    pub(crate) fn holds(&self, session: &str, now: Timestamp) -> bool {
        lock(&self.open).get(&hash(session)).is_some_and(|end| now <= *end)
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
    let refused = |why: &str| {
        warn!(source, why, "a login was refused");
        Err(Failure::new(ProblemCode::LoginRefused, why))
    };
    if !daemon.sessions.redeem(&put.nonce, now) {
        return refused("the nonce is unknown, was used, or is older than a minute; ask for another");
    }
    let ca = daemon.authorities.root_fingerprint();
    if !is_operators(&daemon.operator_key, &daemon.cluster_id, &put, &ca) {
        return refused("the signature is not by this cluster's operator token, or was made for another CA");
    }
    let mut tx = daemon.store.write("login").await?;
    let actor = Actor::caller("operator", source.as_str());
    actor.record(&mut tx, "login", daemon.cluster_name.as_str(), "accepted", now).await?;
    tx.commit().await?;
    info!(source, "the operator logged in");
    Ok(Json(daemon.sessions.open(daemon.rng(), now)))
}

fn is_operators(key: &OperatorPublicKey, cluster: &ClusterId, put: &PutLogin, ca: &[u8; 32]) -> bool {
    key.verifies(&message(cluster, &put.nonce, ca), &put.signature)
}

fn insert(map: &Mutex<BTreeMap<String, Timestamp>>, key: String, end: Timestamp, now: Timestamp) {
    let mut map = lock(map);
    if map.len() >= MOST {
        map.retain(|_, end| now <= *end);
    }
    if map.len() >= MOST
        && let Some(first) = map.iter().min_by_key(|(_, end)| **end).map(|(key, _)| key.clone())
    {
        map.remove(&first);
    }
    map.insert(key, end);
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
        let login = sessions.open(&rng, at(0));
        assert!(sessions.holds(&login.session, at(900)));
        assert!(!sessions.holds(&login.session, at(901)));
        assert!(!sessions.holds("made up", at(0)));
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
