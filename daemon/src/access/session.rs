//! Sessions: what one is worth now. Those who ask at the same time are answered by one look at the database.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use ringfence_store::Store;

use crate::base::{Answer, Batch};

/// Requests whose session is being looked up.
pub(crate) type Sessions = Batch<String, Answer<Standing>>;

/// What is kept of a session.
pub(crate) fn session_hash(session: &str) -> String {
    hex::encode(digest(&SHA256, session.as_bytes()))
}

/// What a session is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Unknown,
    /// It is worth no more than the key that opened it.
    Replaced,
}

/// What each of these sessions is worth.
pub(super) async fn standings(store: &Store, hashes: &[String], now: Timestamp) -> Answer<BTreeMap<String, Standing>> {
    let mut tx = store.read("recognise_operator").await?;
    let mut standings = BTreeMap::new();
    for hash in hashes {
        if !standings.contains_key(hash) {
            let standing = match tx.sessions().find_key(hash, now).await? {
                (None, _) => Standing::Unknown,
                (Some(key), keys) if keys.hold(&key) => Standing::Good,
                (Some(_), _) => Standing::Replaced,
            };
            standings.insert(hash.clone(), standing);
        }
    }
    Ok(standings)
}
