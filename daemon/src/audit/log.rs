//! Reading the audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::inspect::AuditEntry;

use crate::access::OperatorCaller;
use crate::base::{Answer, Base, Range};

/// The audit log: the newest rows, newest first; with `after`, the rows after that one, oldest first, to read all of
/// it.
pub(crate) async fn list_audit(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Range { after, limit }: Range,
) -> Answer<Json<Vec<AuditEntry>>> {
    let mut tx = base.store.read("list_audit").await?;
    Ok(Json(match after {
        Some(after) => tx.audit().list_after(after, limit).await?,
        None => tx.audit().list(limit).await?,
    }))
}
