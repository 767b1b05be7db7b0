//! The OpenAPI document, generated from the operations that are served. `docs/openapi.json` is a committed copy.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::FromRef;
use http::header::CONTENT_TYPE;
use ringfence_api::document;
use ringfence_api::inspect::route::READ_OPENAPI;
use ringfence_api::route::Operation;

use crate::access::{Access, Routes};

/// Adds the route that serves the document of all routes. The document is generated once.
pub(crate) fn with_document<S: Clone + Send + Sync + 'static>(routes: Routes<S>) -> Routes<S>
where
    Arc<Access>: FromRef<S>,
{
    let operations: Vec<Operation> = routes.operations().iter().copied().chain([READ_OPENAPI.operation()]).collect();
    // Answers that wait for slow readers share it.
    let text = Bytes::from(document_text(&operations));
    routes.add(&READ_OPENAPI, async move || ([(CONTENT_TYPE, "application/json")], text.clone()))
}

/// The document of these operations, as pretty JSON.
pub(crate) fn document_text(operations: &[Operation]) -> String {
    let document = document(operations, env!("CARGO_PKG_VERSION"));
    let mut text = document.to_pretty_json().expect("the document serializes");
    text.push('\n');
    text
}
