//! What an operator may look at: sagas, tasks, the audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::inspect::{AuditEntry, Saga, Task};

use crate::Daemon;
use crate::http::failure::Answer;
use crate::http::{Limit, OperatorCaller, Range};

/// Sagas, newest first.
#[utoipa::path(get, path = "/v1/sagas", tag = "inspect", params(("limit" = Option<u32>, Query, description = "At most so many; 100 unless given, at most 1000")), responses((status = 200, body = Vec<Saga>)))]
pub(crate) async fn list_sagas(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
    Limit(limit): Limit,
) -> Answer<Json<Vec<Saga>>> {
    Ok(Json(daemon.store.read("list_sagas").await?.sagas().list(limit).await?))
}

/// Background tasks and what they last did.
#[utoipa::path(get, path = "/v1/tasks", tag = "inspect", responses((status = 200, body = Vec<Task>)))]
pub(crate) async fn list_tasks(State(daemon): State<Arc<Daemon>>, _: OperatorCaller) -> Json<Vec<Task>> {
    Json(daemon.tasks.views())
}

/// The audit log: the newest rows, newest first; with `after`, what follows that row, oldest first, to read all of it.
#[utoipa::path(get, path = "/v1/audit", tag = "inspect", params(("after" = Option<i64>, Query, description = "The sequence number of the last row that is known; 0 for all"), ("limit" = Option<u32>, Query, description = "At most so many; 100 unless given, at most 1000")), responses((status = 200, body = Vec<AuditEntry>)))]
pub(crate) async fn list_audit(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
    Range { after, limit }: Range,
) -> Answer<Json<Vec<AuditEntry>>> {
    let mut tx = daemon.store.read("list_audit").await?;
    Ok(Json(match after {
        Some(after) => tx.audit().list_after(after, limit).await?,
        None => tx.audit().list(limit).await?,
    }))
}
