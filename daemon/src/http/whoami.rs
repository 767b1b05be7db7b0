//! `GET /v1/whoami`: who the daemon takes the caller for.

use axum::Json;
use ringfence_api::whoami::Caller;

use crate::http::caller::AnyCaller;

/// Who the caller is.
#[utoipa::path(get, path = "/v1/whoami", tag = "identity", responses((status = 200, body = Caller)))]
pub(crate) async fn read_whoami(AnyCaller(caller): AnyCaller) -> Json<Caller> {
    Json(caller)
}
