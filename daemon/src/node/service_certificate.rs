//! `POST /v1/nodes/{node}/services/{service}/certificates`: a short-lived certificate of a service for a key that the
//! caller made. Its names are the declaration's; what the node's agent holds is not touched.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::{CertificateProfile, PostIdentityCertificate};
use ringfence_api::node::{IssuedCertificate, NodeState};
use ringfence_api::{NodeName, ServiceName};
use ringfence_pki::Request;

use crate::Daemon;
use crate::authority::hand_out;
use crate::http::{Body, Failure, OperatorCaller, Segment};
use crate::node::certificate::service_identity;

/// Issues a certificate of a service on a node for a key of the caller's own.
#[utoipa::path(post, path = "/v1/nodes/{node}/services/{service}/certificates", tag = "nodes", params(("node" = String, Path, description = "The node"), ("service" = String, Path, description = "The service")), request_body = PostIdentityCertificate, responses((status = 200, body = IssuedCertificate), (status = 400, body = ringfence_api::Problem), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn post_service_certificate(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(name): Segment<NodeName>,
    Segment(service): Segment<ServiceName>,
    Body(post): Body<PostIdentityCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let request = Request::parse(&post.request)?;
    let mut tx = daemon.store.write("hand_out_service_certificate").await?;
    let cluster = tx.cluster().await?;
    let node = tx.find_node(&name).await?.filter(|node| node.state != NodeState::Removing);
    let node = node.ok_or_else(|| Failure::not_found(format!("node {name}")))?;
    let identity = service_identity(&cluster, &node, &service)
        .ok_or_else(|| Failure::not_found(format!("service {service} declared on node {name}")))?;
    let declared = cluster.declared.authority.service_certificate_lifetime;
    let profile = CertificateProfile::Service;
    let issued = hand_out(&daemon, &mut tx, profile, &identity, &request, (post.lifetime, declared)).await?;
    let holder = format!("{service}@{name}");
    actor.record(&mut tx, "hand_out_certificate", &holder, &issued.serial, daemon.now()).await?;
    tx.commit().await?;
    Ok(Json(issued))
}
