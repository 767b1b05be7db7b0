//! `PUT /v1/operator-key`: replaces the operator token, by its public key. The new key may log in from the commit on;
//! the old one stays valid until the first login with the new one (see `login.rs`), so that a token that is mistyped or
//! lost locks nobody out.
//!
//! The keys are stored in the database. A copy in the daemon's directory shows who starts the daemon which operator it
//! belongs to; it is written before a change is acknowledged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::operator::{OperatorKeys, PutOperatorKey};
use ringfence_api::{OperatorPublicKey, ProblemCode};
use ringfence_place::file::write_if_different;
use ringfence_store::Store;
use tokio::sync::Mutex;

use crate::access::{Access, OperatorCaller};
use crate::base::{Actor, Base, Body, Failure};

/// The copy of the keys: one per line, the current one first.
const OPERATOR_KEYS_FILE: &str = "operator_keys";

/// Lets another key log in. A key that may log in already changes nothing.
pub(crate) async fn put_operator_key(
    State(access): State<Arc<Access>>,
    OperatorCaller(actor): OperatorCaller,
    Body(put): Body<PutOperatorKey>,
) -> Result<Json<OperatorKeys>, Failure> {
    if !put.public_key.is_key() {
        let detail =
            "public_key is not an Ed25519 public key: it must be the base64 of 32 bytes, as derived from a token";
        return Err(Failure::new(ProblemCode::InvalidRequest, detail));
    }
    let keys = put_key(&access.base, &actor, put.public_key).await?;
    access.keys_file.write(&access.base.store).await.map_err(Failure::internal)?;
    Ok(Json(keys))
}

async fn put_key(base: &Base, actor: &Actor, key: OperatorPublicKey) -> Result<OperatorKeys, Failure> {
    let mut tx = base.store.write("put_operator_key").await?;
    let before = tx.operator().keys().await?;
    if before.hold(&key) {
        return Ok(before);
    }
    let outcome = format!("{key} takes over with its first login");
    let keys = OperatorKeys { pending: Some(key), ..before };
    tx.operator().update_keys(&keys).await?;
    actor.record(&mut tx, "put_operator_key", base.cluster_name.as_str(), &outcome, base.now()).await?;
    tx.commit().await?;
    Ok(keys)
}

/// The copy of the keys in the daemon's directory.
#[derive(Debug)]
pub(crate) struct KeysFile {
    path: PathBuf,
    /// Held from reading to writing, so that the last write has the latest keys.
    writing: Mutex<()>,
}

impl KeysFile {
    /// The copy in this directory.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join(OPERATOR_KEYS_FILE), writing: Mutex::new(()) }
    }

    /// Writes it, if it differs from the database or is open to others.
    pub(crate) async fn write(&self, store: &Store) -> anyhow::Result<()> {
        let _writing = self.writing.lock().await;
        let keys = store.read("write_operator_keys").await?.operator().keys().await?;
        let lines: Vec<String> = [Some(keys.current), keys.pending].iter().flatten().map(ToString::to_string).collect();
        let text = lines.join("\n") + "\n";
        Ok(write_if_different(&self.path, text.as_bytes(), 0o600)?)
    }
}
