//! Refuses NUL characters in paths and queries, for the same reason as in bodies: the databases differ about them, and
//! no name holds one.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use ringfence_api::ProblemCode;

use crate::base::Failure;

/// Passes on what holds no NUL character.
pub(crate) async fn refuse_nul(request: Request, next: Next) -> Response {
    if request.uri().path_and_query().is_some_and(|text| text.as_str().contains("%00")) {
        let refused = Failure::new(ProblemCode::InvalidRequest, "the path or the query holds a NUL character (%00)");
        return refused.into_response();
    }
    next.run(request).await
}
