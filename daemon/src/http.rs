//! The API over HTTPS: connections, the router, the OpenAPI document, and error responses.

mod connection;
mod descriptors;
mod drain;
mod handshake;
mod health;
mod listener;
mod nul;
mod openapi;
mod problem;
mod router;
mod slots;

use std::sync::Arc;

use axum::extract::FromRef;
use ringfence_api::inspect::route::READ_HEALTH;

use crate::access::{Access, Routes};
use crate::base::Base;

pub(crate) use descriptors::raise_descriptor_limit;
pub(crate) use listener::listen;
pub(crate) use openapi::{document_text, with_document};
pub(crate) use router::router;

/// The route that reports whether the daemon is up.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Base>: FromRef<S>,
{
    Routes::new().add(&READ_HEALTH, health::read_health)
}
