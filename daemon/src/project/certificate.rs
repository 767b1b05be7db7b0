//! Short-lived certificates of project users and their jobs, issued from the caller's CSR. They do not affect the
//! member's own certificate and key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::PostIdentityCertificate;
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{JobId, ProjectName, ProjectUser, UserName};
use ringfence_pki::Request;

use crate::access::OperatorCaller;
use crate::authority::Issuing;
use crate::base::{Body, Failure, Segment};
use crate::project::order::OfProject;

/// Issues a certificate of a project user for the caller's key.
pub(crate) async fn post_member_certificate(
    State(issuing): State<Arc<Issuing<OfProject>>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Body(post): Body<PostIdentityCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let (user, request) = (ProjectUser { project, user }, Request::parse(&post.request)?);
    issuing.issue(&actor, OfProject { user, job: None, request, lifetime: post.lifetime }).await.map(Json)
}

/// Issues a certificate of a job for the caller's key. Its organization is the job.
pub(crate) async fn post_job_certificate(
    State(issuing): State<Arc<Issuing<OfProject>>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Segment(job): Segment<JobId>,
    Body(post): Body<PostIdentityCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let (user, request) = (ProjectUser { project, user }, Request::parse(&post.request)?);
    issuing.issue(&actor, OfProject { user, job: Some(job), request, lifetime: post.lifetime }).await.map(Json)
}
