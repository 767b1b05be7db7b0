//! `POST /v1/nodes/{node}/services/{service}/certificates`: issues a short-lived certificate of a service from the
//! caller's CSR. Its names come from the declaration; it does not affect what the node's agent holds.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::PostIdentityCertificate;
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{NodeName, ServiceName};
use ringfence_pki::Request;

use crate::access::OperatorCaller;
use crate::authority::Issuing;
use crate::base::{Body, Failure, Segment};
use crate::node::issue::{OnNode, Purpose};

/// Issues a certificate of a service on a node for the caller's key.
pub(crate) async fn post_service_certificate(
    State(issuing): State<Arc<Issuing<OnNode>>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(node): Segment<NodeName>,
    Segment(service): Segment<ServiceName>,
    Body(post): Body<PostIdentityCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let request = Request::parse(&post.request)?;
    let order = OnNode { node, service: Some(service), request, purpose: Purpose::Csr(post.lifetime) };
    issuing.issue(&actor, order).await.map(Json)
}
