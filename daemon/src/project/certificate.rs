//! `POST …/members/{user}/certificates`: a short-lived certificate of a project user for a key that the caller made.
//! The member's own certificate and key stay as they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::{CertificateProfile, PostIdentityCertificate};
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{ProjectName, ProjectUser, UserName};
use ringfence_pki::Request;

use crate::Daemon;
use crate::authority::{Identity, hand_out};
use crate::http::{Body, Failure, OperatorCaller, Segment};
use crate::project::member::unknown;

/// Issues a certificate of a project user for a key of the caller's own.
#[utoipa::path(post, path = "/v1/projects/{project}/members/{user}/certificates", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), request_body = PostIdentityCertificate, responses((status = 200, body = IssuedCertificate), (status = 400, body = ringfence_api::Problem), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn post_member_certificate(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Body(post): Body<PostIdentityCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let request = Request::parse(&post.request)?;
    let user = ProjectUser { project, user };
    let name = user.to_string();
    let mut tx = daemon.store.write("hand_out_member_certificate").await?;
    tx.find_member(&user).await?.ok_or_else(|| unknown(&user))?;
    let declared = tx.cluster().await?.declared.authority.project_user_certificate_lifetime;
    let identity = Identity { common_name: name.clone(), ..Identity::default() };
    let profile = CertificateProfile::ProjectUser;
    let issued = hand_out(&daemon, &mut tx, profile, &identity, &request, (post.lifetime, declared)).await?;
    actor.record(&mut tx, "hand_out_certificate", &name, &issued.serial, daemon.now()).await?;
    tx.commit().await?;
    Ok(Json(issued))
}
