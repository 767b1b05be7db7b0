//! Members. Adding one makes the project user, its key and its certificate in the same transaction; removing one
//! revokes in the same transaction. Changing a role changes no certificate: that is identity only.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_api::project::{Member, PutMember};
use ringfence_api::{ProjectName, ProjectUser, UserName};
use ringfence_pki::PrivateKey;
use ringfence_store::{MemberKeyRow, Transaction};

use crate::Daemon;
use crate::authority::{Identity, issue, sealed_key_context};
use crate::http::{Body, Failure, OperatorCaller, Segment};
use crate::task::Wake;

/// The members of a project, by user.
#[utoipa::path(get, path = "/v1/projects/{project}/members", tag = "projects", params(("project" = String, Path, description = "The project")), responses((status = 200, body = Vec<Member>), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn list_members(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
    Segment(project): Segment<ProjectName>,
) -> Result<Json<Vec<Member>>, Failure> {
    let mut tx = daemon.store.read("list_members").await?;
    tx.find_project(&project).await?.ok_or_else(|| Failure::not_found(format!("project {project}")))?;
    Ok(Json(tx.list_members(&project).await?))
}

/// One member.
#[utoipa::path(get, path = "/v1/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), responses((status = 200, body = Member), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn read_member(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
) -> Result<Json<Member>, Failure> {
    let identity = ProjectUser { project, user };
    let member = daemon.store.read("read_member").await?.find_member(&identity).await?;
    member.map(Json).ok_or_else(|| unknown(&identity))
}

/// Makes a user a member, with an identity and a certificate of its own, or changes the role.
#[utoipa::path(put, path = "/v1/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), request_body = PutMember, responses((status = 200, body = Member), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn put_member(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Body(put): Body<PutMember>,
) -> Result<Json<Member>, Failure> {
    let now = daemon.now();
    let identity = ProjectUser { project, user };
    let name = identity.to_string();
    let mut tx = daemon.store.write("put_member").await?;
    match tx.find_member(&identity).await? {
        Some(member) if member.role == put.role => return Ok(Json(member)),
        Some(_) => {
            tx.update_member_role(&identity, put.role).await?;
            actor.record(&mut tx, "change_role", &name, put.role.as_str(), now).await?;
        }
        None => {
            let project = &identity.project;
            tx.find_project(project).await?.ok_or_else(|| Failure::not_found(format!("project {project}")))?;
            let key = make_key(&daemon, &mut tx, &identity).await?;
            tx.insert_member(&identity, put.role, &key, now).await?;
            let outcome = format!("{}, certificate {}", put.role, key.certificate);
            actor.record(&mut tx, "put_member", &name, &outcome, now).await?;
        }
    }
    let member = tx.find_member(&identity).await?.ok_or_else(|| unknown(&identity))?;
    tx.commit().await?;
    Ok(Json(member))
}

/// Removes a member and revokes its certificates.
#[utoipa::path(delete, path = "/v1/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), responses((status = 200, description = "Removed"), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn delete_member(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
) -> Result<Json<()>, Failure> {
    let now = daemon.now();
    let identity = ProjectUser { project, user };
    let name = identity.to_string();
    let mut tx = daemon.store.write("delete_member").await?;
    if !tx.delete_member_row(&identity).await? {
        return Err(unknown(&identity));
    }
    let reason = RevocationReason::PrivilegeWithdrawn;
    let revoked = tx.update_certificates_revoked_by_name(CertificateProfile::ProjectUser, &name, reason, now).await?;
    actor.record(&mut tx, "delete_member", &name, &format!("{revoked} certificates revoked"), now).await?;
    tx.commit().await?;
    daemon.tasks.wake(Wake::PublishCrls);
    Ok(Json(()))
}

/// Makes a key and its certificate for a project user, recorded in this transaction.
pub(crate) async fn make_key(
    daemon: &Daemon,
    tx: &mut Transaction,
    identity: &ProjectUser,
) -> Result<MemberKeyRow, Failure> {
    let key = PrivateKey::generate().map_err(Failure::internal)?;
    let lifetime = tx.cluster().await?.declared.authority.project_user_certificate_lifetime;
    let subject = Identity { common_name: identity.to_string(), ..Identity::default() };
    let issued = issue(
        daemon,
        tx,
        (CertificateProfile::ProjectUser, CertificateHolder::Daemon),
        &subject,
        &key.public(),
        lifetime,
    )
    .await?;
    let sealed_key = daemon.master_key.seal(daemon.rng(), &sealed_key_context(identity), key.to_pem().as_bytes());
    Ok(MemberKeyRow { certificate: issued.serial, sealed_key })
}

pub(crate) fn unknown(identity: &ProjectUser) -> Failure {
    Failure::not_found(format!("member {} in project {}", identity.user, identity.project))
}
