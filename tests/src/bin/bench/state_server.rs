//! A server that keeps Terraform's state in memory, for its `http` backend.
//!
//! Terraform writes a state in a local file whole after every single resource; with thousands of resources that is
//! nearly all that is measured. A state that lies elsewhere, as that of most teams does, is written now and then.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::get;

type States = Arc<Mutex<HashMap<String, Bytes>>>;

/// Serves until the process ends. Every path is a state of its own.
pub(crate) async fn start() -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/{name}", get(read).post(write))
        .layer(DefaultBodyLimit::disable())
        .with_state(States::default());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn read(State(states): State<States>, Path(name): Path<String>) -> Result<Bytes, StatusCode> {
    let states = states.lock().unwrap_or_else(PoisonError::into_inner);
    states.get(&name).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn write(State(states): State<States>, Path(name): Path<String>, body: Bytes) {
    states.lock().unwrap_or_else(PoisonError::into_inner).insert(name, body);
}
