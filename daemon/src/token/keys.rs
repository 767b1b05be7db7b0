//! The keys that sign tokens, for the operator: listing them, and rotating them at once.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Json;
use axum::extract::State;
use ringfence_api::token::{RotateTokenKeys, TokenKey};
use ringfence_store::token::End;

use crate::access::OperatorCaller;
use crate::base::{Base, Body, Failure, Limit};
use crate::token::next::{Step, rotation};
use crate::token::rotate::take;

/// The maximum number of keys in the answer to a rotation.
const SHOWN: u32 = 100;

/// The keys that sign tokens, newest first.
pub(crate) async fn list_token_keys(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Limit(limit): Limit,
) -> Result<Json<Vec<TokenKey>>, Failure> {
    Ok(Json(base.store.read("list_token_keys").await?.token_keys().list(limit).await?))
}

/// Rotates at once: activates the prepared key, retires the active one, and prepares another. Returns the newest keys.
/// Live tokens stay valid, unless the keys are compromised: then all existing keys are erased, every token ends, and
/// the new active key is one that verifiers do not know yet.
pub(crate) async fn rotate_token_keys(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    Body(RotateTokenKeys { compromised }): Body<RotateTokenKeys>,
) -> Result<Json<Vec<TokenKey>>, Failure> {
    let now = base.now();
    let mut tx = base.store.write("rotate_token_keys_at_once").await?;
    let mut done = Vec::new();
    let sealing = (&base.master_key, &base.rng);
    if compromised {
        let ended = tx.tokens().end_all(End::All, now).await?;
        tx.token_keys().erase_all(now).await?;
        done.push(format!("all keys erased, {ended} tokens ended"));
        done.push(take(&mut tx, sealing.0, sealing.1, &Step::Prepare, now).await?);
        // Agents replace the tokens that they hold.
        tx.cluster().increment_generation().await?;
    }
    let step = rotation(&tx.token_keys().list_live().await?);
    let step = step.context("no token key is prepared").map_err(Failure::internal)?;
    for step in [step, Step::Prepare] {
        done.push(take(&mut tx, sealing.0, sealing.1, &step, now).await?);
    }
    let cluster = base.cluster_name.as_str();
    actor.record(&mut tx, "rotate_token_keys", cluster, &done.join(", "), now).await?;
    let keys = tx.token_keys().list(SHOWN).await?;
    tx.commit().await?;
    base.changes.notify_desired();
    Ok(Json(keys))
}
