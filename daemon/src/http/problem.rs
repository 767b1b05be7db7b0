//! Turns a failure into a problem document (RFC 9457), and logs its cause. Nothing else does.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tracing::error;

use crate::base::Failure;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = self.problem();
        if let Some(cause) = self.cause() {
            error!(code = %problem.code, cause = format!("{cause:#}"), "a request failed");
        }
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(problem)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
