//! Reading nodes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::NodeName;
use ringfence_api::inspect::Saga;
use ringfence_api::node::Node;

use crate::access::OperatorCaller;
use crate::base::{Base, Failure, Limit, Segment};
use crate::node::view;

/// All nodes, by name.
pub(crate) async fn list_nodes(State(base): State<Arc<Base>>, _: OperatorCaller) -> Result<Json<Vec<Node>>, Failure> {
    let rows = base.store.read("list_nodes").await?.nodes().list().await?;
    Ok(Json(rows.into_iter().map(|row| view(row, &base.cluster_name)).collect()))
}

/// One node.
pub(crate) async fn read_node(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Segment(name): Segment<NodeName>,
) -> Result<Json<Node>, Failure> {
    let row = base.store.read("read_node").await?.nodes().find(&name).await?;
    let row = row.ok_or_else(|| Failure::not_found(format!("node {name}")))?;
    Ok(Json(view(row, &base.cluster_name)))
}

/// Sagas, newest first.
pub(crate) async fn list_sagas(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Limit(limit): Limit,
) -> Result<Json<Vec<Saga>>, Failure> {
    Ok(Json(base.store.read("list_sagas").await?.sagas().list(limit).await?))
}
