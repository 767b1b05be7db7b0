//! `POST /v1/nodes/{node}/certificates`: issues a certificate to an agent, for its node or for a service declared
//! there, and for nothing else. Names come from the declaration.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::node::{IssuedCertificate, PostCertificate};
use ringfence_pki::Request;

use crate::access::AgentCaller;
use crate::authority::Issuing;
use crate::base::{Body, Failure};
use crate::node::issue::{OnNode, Purpose};

/// Issues a certificate for the node or one of its services.
pub(crate) async fn post_certificate(
    State(issuing): State<Arc<Issuing<OnNode>>>,
    caller: AgentCaller,
    Body(post): Body<PostCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let request = Request::parse(&post.csr)?;
    let order = OnNode { node: caller.node, service: post.service, request, purpose: Purpose::Agent };
    issuing.issue(&caller.actor, order).await.map(Json)
}
