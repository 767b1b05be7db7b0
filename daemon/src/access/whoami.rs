//! `GET /v1/whoami`: as whom the daemon recognizes the caller.

use axum::Json;
use ringfence_api::whoami::Caller;

use crate::access::AnyCaller;

/// Who the caller is.
pub(crate) async fn read_whoami(AnyCaller { caller, .. }: AnyCaller) -> Json<Caller> {
    Json(caller)
}
