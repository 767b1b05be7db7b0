//! The HTTP service: the routes of all nouns, and the responses to unknown paths and methods.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use ringfence_api::ProblemCode;

use crate::access::Routes;
use crate::base::{BODY_LIMIT, Failure};
use crate::http::drain::drain;

/// The service of these routes.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Routes<S>, state: S) -> Router {
    routes
        .into_router()
        .fallback(async || Failure::new(ProblemCode::NoSuchRoute, "see /v1/openapi.json for all routes"))
        .method_not_allowed_fallback(async || {
            Failure::new(ProblemCode::MethodNotAllowed, "the route exists, but not with this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::middleware::from_fn(drain))
        .with_state(state)
}
