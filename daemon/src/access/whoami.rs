//! `GET /v1/whoami`: who the daemon takes the caller for.

use axum::Json;
use ringfence_api::whoami::Caller;

use crate::access::AnyCaller;

/// Who the caller is.
pub(crate) async fn read_whoami(AnyCaller { caller, .. }: AnyCaller) -> Json<Caller> {
    Json(caller)
}
