//! The service: the routes of all nouns, and what is answered where there is none.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use ringfence_api::ProblemCode;

use crate::access::Routes;
use crate::base::{BODY_LIMIT, Failure};
use crate::http::drain::drain;

/// What serves these routes.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Routes<S>, state: S) -> Router {
    routes
        .into_router()
        .fallback(async || Failure::new(ProblemCode::NoSuchRoute, "see /v1/openapi.json for what there is"))
        .method_not_allowed_fallback(async || {
            Failure::new(ProblemCode::MethodNotAllowed, "the route exists, but not with this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::middleware::from_fn(drain))
        .with_state(state)
}
