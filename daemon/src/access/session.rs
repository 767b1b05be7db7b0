//! Looks up sessions. Requests at the same time share one read of the database.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use ringfence_store::Store;

use crate::base::{Answer, Batch};

/// How long a session lasts.
pub(super) const SESSION_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How much the clock of a daemon that opened a session may be ahead of this one's.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// Requests whose session is being looked up.
pub(crate) type Sessions = Batch<String, Answer<SessionState>>;

/// What is stored of a session.
pub(crate) fn session_hash(session: &str) -> String {
    hex::encode(digest(&SHA256, session.as_bytes()))
}

/// Whether a session is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionState {
    Valid,
    Unknown,
    /// The operator key that opened it has been replaced.
    Replaced,
}

/// The state of each of these sessions.
pub(super) async fn session_states(
    store: &Store,
    hashes: &[String],
    now: Timestamp,
) -> Answer<BTreeMap<String, SessionState>> {
    let mut tx = store.read("recognise_operator").await?;
    let mut states = BTreeMap::new();
    for hash in hashes {
        if !states.contains_key(hash) {
            let state = match tx.sessions().find_key(hash, now, now + SESSION_LIFETIME + SKEW).await? {
                (None, _) => SessionState::Unknown,
                (Some(key), keys) if keys.hold(&key) => SessionState::Valid,
                (Some(_), _) => SessionState::Replaced,
            };
            states.insert(hash.clone(), state);
        }
    }
    Ok(states)
}
