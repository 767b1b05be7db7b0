//! `GET /v1/health`: the daemon is up and its database answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::inspect::Health;

use crate::Daemon;
use crate::http::failure::Answer;

/// Whether the daemon is up. Public.
#[utoipa::path(get, path = "/v1/health", tag = "public", responses((status = 200, body = Health)))]
pub(crate) async fn read_health(State(daemon): State<Arc<Daemon>>) -> Answer<Json<Health>> {
    daemon.store.read("read_health").await?.cluster().await?;
    Ok(Json(Health { cluster_id: daemon.cluster_id, version: env!("CARGO_PKG_VERSION").to_owned() }))
}
