//! `POST /v1/nodes/{node}/join`: a ticket and a proven key become the node's own certificate.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::node::{IssuedCertificate, NodeState, PutJoin};
use ringfence_api::{NodeName, ProblemCode};
use ringfence_pki::{Request, fingerprint};

use crate::Daemon;
use crate::audit::Actor;
use crate::authority::{Identity, issue};
use crate::http::{Body, Failure, Segment};
use crate::node::launch::ticket_hash;

/// Trades a ticket for the node's certificate.
#[utoipa::path(post, path = "/v1/nodes/{node}/join", tag = "nodes", params(("node" = String, Path, description = "The node")), request_body = PutJoin, responses((status = 200, body = IssuedCertificate), (status = 401, body = ringfence_api::Problem)))]
pub(crate) async fn join_node(
    State(daemon): State<Arc<Daemon>>,
    Segment(name): Segment<NodeName>,
    Body(put): Body<PutJoin>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let refused = || {
        // One answer for every cause: a guesser learns nothing.
        Failure::new(ProblemCode::TicketRefused, "the ticket is unknown, over, or was used by another key")
    };
    let request = Request::parse(&put.csr)?;
    let key = fingerprint(request.public_key());
    let now = daemon.now();
    // Whoever has no ticket must not get into a writer's way.
    let shown = ticket_hash(&put.ticket);
    let ticket = daemon.store.read("look_at_ticket").await?.find_ticket(&name).await?;
    ticket.filter(|ticket| ticket.hash == shown).ok_or_else(refused)?;
    let mut tx = daemon.store.write("join_node").await?;
    let node = tx.find_node(&name).await?.ok_or_else(refused)?;
    let ticket = tx.find_ticket(&name).await?.ok_or_else(refused)?;
    let good = ticket.hash == shown && now <= ticket.expires_at && node.state != NodeState::Removing;
    if !good || ticket.owner_key.as_ref().is_some_and(|owner| *owner != key) {
        return Err(refused());
    }
    tx.update_ticket_owner(&name, &key).await?;
    let issued = issue_node(&daemon, &mut tx, &name, &request).await?;
    if node.state == NodeState::Launching {
        tx.update_node_state(&name, NodeState::Joined, None).await?;
    }
    tx.update_revision().await?;
    Actor::caller(format!("node/{name}"), "ticket")
        .record(&mut tx, "join_node", name.as_str(), &issued.serial, now)
        .await?;
    tx.commit().await?;
    daemon.changes.ring_states();
    Ok(Json(issued))
}

/// Issues a node's own certificate.
pub(crate) async fn issue_node(
    daemon: &Daemon,
    tx: &mut ringfence_store::Transaction,
    name: &NodeName,
    request: &Request,
) -> Result<IssuedCertificate, Failure> {
    let lifetime = tx.cluster().await?.declared.authority.node_certificate_lifetime;
    let dns_name = name.dns_name(&daemon.cluster_name).to_string();
    let identity = Identity {
        common_name: dns_name.clone(),
        dns_names: BTreeSet::from([dns_name]),
        node: Some(name.clone()),
        ..Identity::default()
    };
    issue(daemon, tx, (CertificateProfile::Node, CertificateHolder::Agent), &identity, request.public_key(), lifetime)
        .await
}
