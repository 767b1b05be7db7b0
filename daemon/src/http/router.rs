//! The HTTP service: the routes of all nouns, and the responses to unknown paths and methods.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use ringfence_api::ProblemCode;

use crate::access::Routes;
use crate::base::{BODY_LIMIT, Failure};
use crate::http::drain::drain;
use crate::http::nul::refuse_nul;

/// The service of these routes.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Routes<S>, state: S) -> Router {
    routes
        .into_router()
        .fallback(async || Failure::new(ProblemCode::NoSuchRoute, "see /v1/openapi.json for all routes"))
        .method_not_allowed_fallback(async || {
            Failure::new(ProblemCode::MethodNotAllowed, "the route exists, but not with this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::middleware::from_fn(refuse_nul))
        .layer(axum::middleware::from_fn(drain))
        .layer(axum::middleware::map_response(not_stored))
        .with_state(state)
}

/// Keeps caches from storing a response, unless its handler has said otherwise: it may hold a key or a session.
async fn not_stored(mut response: Response) -> Response {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
