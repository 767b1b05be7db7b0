//! `GET …/members/{user}/credentials`: the certificate and key of a project user, for whoever hands them out. Each
//! reading stands in the audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::project::MemberCredentials;
use ringfence_api::{ProjectName, ProjectUser, UserName};
use ringfence_pki::pem_certificate;

use crate::Daemon;
use crate::authority::sealed_key_context;
use crate::http::{Failure, OperatorCaller, Segment};
use crate::project::member::unknown;

/// The present certificate and key of a project user.
#[utoipa::path(get, path = "/v1/projects/{project}/members/{user}/credentials", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), responses((status = 200, body = MemberCredentials), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn read_credentials(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
) -> Result<Json<MemberCredentials>, Failure> {
    let identity = ProjectUser { project, user };
    let mut tx = daemon.store.write("read_credentials").await?;
    let row = tx.find_member_key(&identity).await?.ok_or_else(|| unknown(&identity))?;
    let certificate = tx.find_certificate(&row.certificate).await?.ok_or_else(|| unknown(&identity))?;
    let key = daemon.master_key.open(&sealed_key_context(&identity), &row.sealed_key)?;
    let private_key = String::from_utf8(key.to_vec()).map_err(Failure::internal)?;
    let now = daemon.now();
    let issuers = daemon.authorities.fresh(&mut tx, &daemon.master_key).await?;
    actor.record(&mut tx, "read_credentials", &identity.to_string(), &row.certificate, now).await?;
    tx.commit().await?;
    let behind = issuers.find(&certificate.view.issuer).map_or_else(String::new, |issuer| issuers.chain(issuer, now));
    let chain = format!("{}{behind}", pem_certificate(&certificate.der));
    let not_after = certificate.view.not_after;
    Ok(Json(MemberCredentials { project_user: identity, serial: row.certificate, not_after, chain, private_key }))
}
