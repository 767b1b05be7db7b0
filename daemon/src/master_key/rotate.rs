//! Shows the versions of the master key, and activates a newer one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::ProblemCode;
use ringfence_api::master_key::MasterKeyState;
use ringfence_pki::MasterKey;
use ringfence_store::Transaction;
use tracing::info;

use crate::access::OperatorCaller;
use crate::base::{Base, Event, Failure};
use crate::master_key::KeyFile;
use crate::master_key::source::write;

/// The versions of the master key.
pub(crate) async fn read_master_key(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
) -> Result<Json<MasterKeyState>, Failure> {
    state(&base, &mut base.store.read("read_master_key").await?).await.map(Json)
}

/// Activates a newer version of the master key; a task then seals everything again. A daemon that keeps the key in a
/// file of its own generates the version; any other must already have it.
pub(crate) async fn rotate_master_key(
    State(base): State<Arc<Base>>,
    State(file): State<Arc<KeyFile>>,
    OperatorCaller(actor): OperatorCaller,
) -> Result<Json<MasterKeyState>, Failure> {
    let key = &base.master_key;
    let mut tx = base.store.write("rotate_master_key").await?;
    let before = tx.sealed_secrets().master_key_version().await?;
    let newest = |key: &MasterKey| key.versions().last().copied().unwrap_or_default();
    if newest(key) <= before {
        if file.0.is_none() {
            let next = before + 1;
            let detail = format!(
                "version {before} of the master key is the newest that this daemon has: add a line {next}:KEY to the \
                 source of the key for every daemon on this database, restart them, and try again"
            );
            return Err(Failure::new(ProblemCode::Conflict, detail));
        }
        key.add(&base.rng);
    }
    if let Some(path) = &file.0 {
        write(path, key).map_err(Failure::internal)?;
    }
    let version = newest(key);
    tx.sealed_secrets().update_master_key_version(version, &key.check_of(version).unwrap_or_default()).await?;
    actor.record(&mut tx, "rotate_master_key", &version.to_string(), "seals", base.now()).await?;
    tx.commit().await?;
    key.activate(version).map_err(Failure::internal)?;
    info!(version, "a new version of the master key is active");
    base.events.notify(Event::MasterKeyRotated);
    state(&base, &mut base.store.read("read_master_key").await?).await.map(Json)
}

async fn state(base: &Base, tx: &mut Transaction) -> Result<MasterKeyState, Failure> {
    let active = tx.sealed_secrets().master_key_version().await?;
    let complete = tx.sealed_secrets().list_of_other_versions(active, 1).await?.is_empty();
    Ok(MasterKeyState { active, at_hand: base.master_key.versions(), complete })
}
