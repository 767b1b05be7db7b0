//! `POST /v1/nodes/{node}/rotate` replaces everything that a node's agent holds, and `GET …/rotation` shows the
//! progress. The agent requests and installs certificates as always; its report revokes the replaced ones.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use ringfence_api::certificate::Certificate;
use ringfence_api::client::LONG_POLL;
use ringfence_api::node::{NodeRotation, NodeState, RotatedCertificate};
use ringfence_api::{NodeName, ProblemCode, ServiceName};
use ringfence_place::NodeObserved;
use ringfence_store::Transaction;

use crate::access::OperatorCaller;
use crate::base::{After, Base, Failure, Segment};
use crate::node::Nodes;

/// Requests that everything that the node's agent holds be replaced. While a rotation is in progress, another request
/// changes nothing.
pub(crate) async fn rotate_node(
    State(nodes): State<Arc<Nodes>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(name): Segment<NodeName>,
) -> Result<Json<NodeRotation>, Failure> {
    let observed = nodes.place.observe_node(name.as_str()).await.map_err(Failure::internal)?;
    let runs = matches!(observed, NodeObserved::Running { .. } | NodeObserved::Starting);
    let base = &nodes.base;
    let mut tx = base.store.write("rotate_node").await?;
    let now = base.now();
    let node = tx.nodes().find(&name).await?.ok_or_else(|| Failure::not_found(format!("node {name}")))?;
    if let Some(why) = cannot_rotate(node.state, runs) {
        return Err(Failure::new(ProblemCode::Conflict, format!("node {name} {why}")));
    }
    let before = load(&mut tx, &name, now).await?;
    if let Some(before) = before.filter(|before| !before.done) {
        return Ok(Json(before));
    }
    tx.rotations().delete(&name).await?;
    tx.rotations().insert(&name, now).await?;
    tx.nodes().update_rotation_requested(&name, now).await?;
    tx.cluster().increment_generation().await?;
    let rotation = load(&mut tx, &name, now).await?.ok_or_else(|| none(&name))?;
    let outcome = format!("{} certificates to replace", rotation.certificates.len());
    actor.record(&mut tx, "rotate_node", name.as_str(), &outcome, now).await?;
    tx.commit().await?;
    base.changes.notify_desired();
    Ok(Json(rotation))
}

/// The node's last rotation. With `after`, waits for a later revision of the cluster, for at most 25 seconds.
pub(crate) async fn read_rotation(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Segment(name): Segment<NodeName>,
    After(after): After,
) -> Result<Json<NodeRotation>, Failure> {
    let deadline = tokio::time::Instant::now() + LONG_POLL;
    let mut changes = base.changes.subscribe();
    loop {
        let mut tx = base.store.read("read_rotation").await?;
        let rotation = load(&mut tx, &name, base.now()).await?.ok_or_else(|| none(&name))?;
        drop(tx);
        let is_newer = after.is_none_or(|after| rotation.revision > after);
        if is_newer || tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
            return Ok(Json(rotation));
        }
    }
}

fn none(name: &NodeName) -> Failure {
    Failure::not_found(format!("rotation of a node {name}"))
}

/// Why a node cannot be rotated now.
fn cannot_rotate(state: NodeState, runs: bool) -> Option<&'static str> {
    match state {
        NodeState::Launching => Some("has not joined yet and holds nothing; wait until the cluster is ready"),
        NodeState::Removing => Some("is being removed, and its certificates are revoked"),
        NodeState::Joined | NodeState::Ready if !runs => {
            Some("is stopped; the head starts its agent within seconds, unless the node shows a fault: try again then")
        }
        NodeState::Joined | NodeState::Ready => None,
    }
}

/// The last rotation of a node, if there is one since it was declared.
async fn load(tx: &mut Transaction, name: &NodeName, now: Timestamp) -> Result<Option<NodeRotation>, Failure> {
    let Some(requested_at) = tx.nodes().find(name).await?.and_then(|node| node.rotation_requested_at) else {
        return Ok(None);
    };
    let rows = tx.rotations().list(name).await?;
    let certificates: Vec<RotatedCertificate> = rows.into_iter().map(|row| rotated(row, now)).collect();
    Ok(Some(NodeRotation {
        node: name.clone(),
        requested_at,
        done: certificates.iter().all(|certificate| certificate.replaced),
        certificates,
        revision: tx.cluster().get().await?.revision,
    }))
}

fn rotated(row: Certificate, now: Timestamp) -> RotatedCertificate {
    RotatedCertificate {
        service: row.service.and_then(|text| ServiceName::parse(&text).ok()),
        serial: row.serial,
        issued_at: row.issued_at,
        replaced: row.revoked_at.is_some() || row.not_after < now,
    }
}
