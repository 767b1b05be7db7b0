//! The keys that sign tokens, for the operator: to look at, and to rotate at once.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Json;
use axum::extract::State;
use ringfence_api::token::TokenKey;

use crate::Daemon;
use crate::http::{Failure, Limit, OperatorCaller};
use crate::token::next::{Step, rotation};
use crate::token::rotate::take;

/// How many keys a rotation answers with.
const SHOWN: u32 = 100;

/// The keys that sign tokens, newest first.
#[utoipa::path(get, path = "/v1/token-keys", tag = "tokens", params(("limit" = Option<u32>, Query, description = "At most so many; 100 unless given, at most 1000")), responses((status = 200, body = Vec<TokenKey>)))]
pub(crate) async fn list_token_keys(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
    Limit(limit): Limit,
) -> Result<Json<Vec<TokenKey>>, Failure> {
    Ok(Json(daemon.store.read("list_token_keys").await?.list_token_keys(limit).await?))
}

/// Rotates at once: the prepared key signs from now on, the active one is retired, and another is prepared. Answers
/// with the newest keys. Tokens that live go on to verify.
#[utoipa::path(post, path = "/v1/token-keys/rotate", tag = "tokens", responses((status = 200, body = Vec<TokenKey>)))]
pub(crate) async fn rotate_token_keys(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
) -> Result<Json<Vec<TokenKey>>, Failure> {
    let now = daemon.now();
    let mut tx = daemon.store.write("rotate_token_keys_at_once").await?;
    let step = rotation(&tx.list_live_token_keys().await?);
    let step = step.context("no token key is prepared").map_err(Failure::internal)?;
    let mut done = Vec::new();
    for step in [step, Step::Prepare] {
        done.push(take(&mut tx, &daemon.master_key, &daemon.rng, &step, now).await?);
    }
    let cluster = daemon.cluster_name.as_str();
    actor.record(&mut tx, "rotate_token_keys", cluster, &done.join(", "), now).await?;
    let keys = tx.list_token_keys(SHOWN).await?;
    tx.commit().await?;
    Ok(Json(keys))
}
