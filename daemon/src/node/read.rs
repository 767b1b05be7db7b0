//! Reading nodes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::NodeName;
use ringfence_api::node::Node;

use crate::Daemon;
use crate::http::{Failure, OperatorCaller, Segment};
use crate::node::view;

/// All nodes, by name.
#[utoipa::path(get, path = "/v1/nodes", tag = "nodes", responses((status = 200, body = Vec<Node>)))]
pub(crate) async fn list_nodes(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
) -> Result<Json<Vec<Node>>, Failure> {
    let rows = daemon.store.read("list_nodes").await?.list_nodes().await?;
    Ok(Json(rows.into_iter().map(|row| view(row, &daemon.cluster_name)).collect()))
}

/// One node.
#[utoipa::path(get, path = "/v1/nodes/{node}", tag = "nodes", params(("node" = String, Path, description = "The node")), responses((status = 200, body = Node), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn read_node(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
    Segment(name): Segment<NodeName>,
) -> Result<Json<Node>, Failure> {
    let row = daemon.store.read("read_node").await?.find_node(&name).await?;
    let row = row.ok_or_else(|| Failure::not_found(format!("node {name}")))?;
    Ok(Json(view(row, &daemon.cluster_name)))
}
