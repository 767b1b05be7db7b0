//! `POST /v1/nodes/{node}/join`: exchanges a ticket and the proof of a key for the node's own certificate.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use ringfence_api::node::{IssuedCertificate, NodeState, PutJoin};
use ringfence_api::{NodeName, ProblemCode};
use ringfence_pki::{Request, fingerprint};
use ringfence_store::ticket::TicketRow;

use crate::authority::{Recording, Signed};
use crate::base::{Actor, Body, Failure, Segment};
use crate::node::Nodes;
use crate::node::issue::sign_for_node;
use crate::node::launch::ticket_hash;

/// Exchanges a ticket for the node's certificate.
pub(crate) async fn join_node(
    State(nodes): State<Arc<Nodes>>,
    Segment(name): Segment<NodeName>,
    Body(put): Body<PutJoin>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let refused = || {
        // The same answer for every cause, so that guessing reveals nothing.
        Failure::new(ProblemCode::TicketRefused, "the ticket is unknown, expired, or was used by another key")
    };
    let request = Request::parse(&put.csr)?;
    let key = fingerprint(request.public_key());
    // A caller without a ticket must not occupy the store's writer.
    let shown = ticket_hash(&put.ticket);
    let ticket = nodes.base.store.read("look_at_ticket").await?.tickets().find(&name).await?;
    ticket.filter(|ticket| ticket.hash == shown).ok_or_else(refused)?;
    loop {
        let signed = sign_for_node(&nodes.authorities, &nodes.authorities.cached(), &name, &request)?;
        if record(&nodes, &name, (&shown, &key), &signed).await?.ok_or_else(refused)? {
            return Ok(Json(signed.issued));
        }
    }
}

/// Whether whoever shows this ticket and proves this key may join: the first key that is shown with it owns it.
pub(crate) fn may_join(ticket: &TicketRow, key: &str, now: Timestamp) -> bool {
    now <= ticket.expires_at && ticket.owner_key.as_ref().is_none_or(|owner| owner == key)
}

/// Records that the node has joined with this certificate. Returns `None` when the ticket is not valid for this key,
/// and `false` when the certificate must be signed again.
async fn record(
    nodes: &Nodes,
    name: &NodeName,
    (ticket, key): (&str, &str),
    signed: &Signed,
) -> Result<Option<bool>, Failure> {
    let base = &nodes.base;
    let now = base.now();
    let mut tx = base.store.write("join_node").await?;
    let Some(node) = tx.nodes().find(name).await? else { return Ok(None) };
    let Some(shown) = tx.tickets().find(name).await?.filter(|shown| shown.hash == ticket) else { return Ok(None) };
    if node.state == NodeState::Removing || !may_join(&shown, key, now) {
        return Ok(None);
    }
    tx.tickets().update_owner(name, key).await?;
    if nodes.authorities.record(&mut tx, &[signed]).await? == Recording::Outdated {
        return Ok(Some(false));
    }
    if node.state == NodeState::Launching {
        tx.nodes().update_state(name, NodeState::Joined, None).await?;
    }
    tx.cluster().increment_revision().await?;
    Actor::caller(format!("node/{name}"), "ticket")
        .record(&mut tx, "join_node", name.as_str(), &signed.issued.serial, now)
        .await?;
    tx.commit().await?;
    base.changes.notify_states();
    Ok(Some(true))
}
