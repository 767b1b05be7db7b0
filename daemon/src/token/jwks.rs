//! `GET /v1/jwks`: the public keys for verifiers. They may cache it for as long as a new key is published before it
//! signs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use ringfence_api::token::Jwks;

use crate::base::{Base, Failure};
use crate::token::JWKS_MAX_AGE;

/// The keys that verify tokens (RFC 7517). Public.
pub(crate) async fn read_jwks(State(base): State<Arc<Base>>) -> Result<impl IntoResponse, Failure> {
    let keys = base.store.read("read_jwks").await?.token_keys().list_live().await?;
    let keys = keys.into_iter().map(|key| key.public_key).collect();
    let cache = format!("public, max-age={}", JWKS_MAX_AGE.as_secs());
    Ok(([(header::CACHE_CONTROL, cache)], Json(Jwks { keys })))
}
