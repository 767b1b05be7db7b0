//! `POST /v1/nodes/{node}/services/{service}/certificates`: a short-lived certificate of a service, issued from the caller's
//! CSR. Its names are the declaration's; what the node's agent holds is not touched.

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

/// Issues a certificate of a service on a node for a key of the caller's own.
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
