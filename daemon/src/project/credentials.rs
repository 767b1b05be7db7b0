//! `GET …/members/{user}/credentials`: the certificate and key of a project user, for the operator. Each read is
//! recorded in the audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::project::MemberCredentials;
use ringfence_api::{ProjectName, ProjectUser, UserName};
use ringfence_pki::pem_certificate;

use crate::access::OperatorCaller;
use crate::authority::Authorities;
use crate::base::{Failure, Segment, open};
use crate::project::identity::sealed_of;
use crate::project::membership::unknown;

/// The current certificate and key of a project user.
pub(crate) async fn read_credentials(
    State(authorities): State<Arc<Authorities>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
) -> Result<Json<MemberCredentials>, Failure> {
    let identity = ProjectUser { project, user };
    let base = &authorities.base;
    let mut tx = base.store.write("read_credentials").await?;
    let row = tx.members().find_key(&identity).await?.ok_or_else(|| unknown(&identity))?;
    let certificate = tx.certificates().find(&row.certificate).await?.ok_or_else(|| unknown(&identity))?;
    let key = open(base, &sealed_of(&identity), &row.sealed_key)?;
    let private_key = String::from_utf8(key.to_vec()).map_err(Failure::internal)?;
    let now = base.now();
    let issuers = authorities.fresh(&mut tx).await?;
    actor.record(&mut tx, "read_credentials", &identity.to_string(), &row.certificate, now).await?;
    tx.commit().await?;
    let behind = issuers.find(&certificate.view.issuer).map_or_else(String::new, |issuer| issuers.chain(issuer, now));
    let chain = format!("{}{behind}", pem_certificate(&certificate.der));
    let not_after = certificate.view.not_after;
    Ok(Json(MemberCredentials { project_user: identity, serial: row.certificate, not_after, chain, private_key }))
}
