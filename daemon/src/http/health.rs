//! `GET /v1/health`: the daemon is up and its database answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::inspect::Health;

use crate::base::{Answer, Base};

/// Whether the daemon is up. Public.
pub(crate) async fn read_health(State(base): State<Arc<Base>>) -> Answer<Json<Health>> {
    base.store.read("read_health").await?.cluster().get().await?;
    Ok(Json(Health { cluster_id: base.cluster_id, version: env!("CARGO_PKG_VERSION").to_owned() }))
}
