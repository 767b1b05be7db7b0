//! `GET /v1/health`: the daemon is up, and its database can be read and written.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use ringfence_api::inspect::Health;

use crate::base::{Answer, Base};

/// How long a failed write counts.
const RECENT: Duration = Duration::from_secs(5);

/// Whether the daemon is up. Public.
pub(crate) async fn read_health(State(base): State<Arc<Base>>) -> Answer<Json<Health>> {
    base.store.read("read_health").await?.cluster().get().await?;
    if let Some((at, trouble)) = base.store.trouble() {
        // A small write may pass where others fail.
        if at.elapsed() < RECENT {
            return Err(trouble.into());
        }
        // Perhaps it is over by now, and nobody has written since.
        let mut tx = base.store.write("read_health").await?;
        tx.cluster().touch().await?;
        tx.commit().await?;
    }
    Ok(Json(Health { cluster_id: base.cluster_id, version: env!("CARGO_PKG_VERSION").to_owned() }))
}
