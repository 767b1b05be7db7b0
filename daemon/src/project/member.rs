//! One member. Adding one makes the project user, its key and its certificate in the same transaction; removing one
//! revokes in the same transaction. Changing a role changes no certificate: that is identity only.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_api::project::{Member, MemberRole, PutMember};
use ringfence_api::{ProblemCode, ProjectName, ProjectUser, UserName};
use ringfence_pki::{KeyAlgorithm, PrivateKey};
use ringfence_store::{MemberKeyRow, Transaction};

use crate::Daemon;
use crate::audit::Actor;
use crate::authority::{Identity, issue, sealed_key_context};
use crate::http::{Body, Creating, Failure, ProjectCaller, Segment};
use crate::master_key::seal;
use crate::project::members::roles;
use crate::project::membership::plan;
use crate::task::Wake;

/// One member. For the operator and the project's data owners.
#[utoipa::path(get, path = "/v1/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), responses((status = 200, body = Member), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn read_member(
    State(daemon): State<Arc<Daemon>>,
    _: ProjectCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
) -> Result<Json<Member>, Failure> {
    let identity = ProjectUser { project, user };
    let member = daemon.store.read("read_member").await?.find_member(&identity).await?;
    member.map(Json).ok_or_else(|| unknown(&identity))
}

/// Makes a user a member, with an identity and a certificate of its own, or changes the role.
///
/// For the operator, whom nothing stops from demoting the last data owner (`PUT …/members` guards against that), and
/// for the project's data owners, who stay what they are.
#[utoipa::path(put, path = "/v1/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user"), ("If-None-Match" = Option<String>, Header, description = "`*`: refuse to change what exists already and differs, with `already_exists`")), request_body = PutMember, responses((status = 200, body = Member), (status = 404, body = ringfence_api::Problem), (status = 409, description = "`already_exists`; `own_membership`, for a data owner", body = ringfence_api::Problem)))]
pub(crate) async fn put_member(
    State(daemon): State<Arc<Daemon>>,
    caller: ProjectCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Creating(creating): Creating,
    Body(put): Body<PutMember>,
) -> Result<Json<Member>, Failure> {
    let now = daemon.now();
    let identity = ProjectUser { project, user };
    let mut tx = daemon.store.write("put_member").await?;
    guard(&caller, &mut tx, &identity, Some(put.role)).await?;
    match tx.find_member(&identity).await? {
        Some(member) if member.role == put.role => return Ok(Json(member)),
        Some(member) if creating => {
            let detail = format!("{identity} is a member already, as {}", member.role);
            return Err(Failure::new(ProblemCode::AlreadyExists, detail));
        }
        Some(_) => change_role(&mut tx, &caller.actor, &identity, put.role, now).await?,
        None => {
            let project = &identity.project;
            tx.find_project(project).await?.ok_or_else(|| Failure::not_found(format!("project {project}")))?;
            add(&daemon, &mut tx, &caller.actor, &identity, put.role, now).await?;
        }
    }
    let member = tx.find_member(&identity).await?.ok_or_else(|| unknown(&identity))?;
    tx.commit().await?;
    Ok(Json(member))
}

/// Removes a member and revokes its certificates.
///
/// For the operator, whom nothing stops from removing the last data owner (`PUT …/members` guards against that), and
/// for the project's data owners, who cannot remove themselves.
#[utoipa::path(delete, path = "/v1/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), responses((status = 200, description = "Removed"), (status = 404, body = ringfence_api::Problem), (status = 409, description = "`own_membership`, for a data owner", body = ringfence_api::Problem)))]
pub(crate) async fn delete_member(
    State(daemon): State<Arc<Daemon>>,
    caller: ProjectCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
) -> Result<Json<()>, Failure> {
    let now = daemon.now();
    let identity = ProjectUser { project, user };
    let mut tx = daemon.store.write("delete_member").await?;
    guard(&caller, &mut tx, &identity, None).await?;
    remove(&mut tx, &caller.actor, &identity, now).await?;
    tx.commit().await?;
    daemon.tasks.wake(Wake::PublishCrls);
    Ok(Json(()))
}

/// Refuses what a data owner may not do to one member. The operator may do everything.
async fn guard(
    caller: &ProjectCaller,
    tx: &mut Transaction,
    identity: &ProjectUser,
    role: Option<MemberRole>,
) -> Result<(), Failure> {
    let Some(owner) = caller.still(tx).await? else { return Ok(()) };
    let before = roles(tx, &identity.project).await?;
    let mut after = before.clone();
    match role {
        Some(role) => after.insert(identity.user.clone(), role),
        None => after.remove(&identity.user),
    };
    plan(&before, &after, Some(owner))?;
    Ok(())
}

/// Makes a user a member, with a certificate, in this transaction.
pub(super) async fn add(
    daemon: &Daemon,
    tx: &mut Transaction,
    actor: &Actor,
    identity: &ProjectUser,
    role: MemberRole,
    now: Timestamp,
) -> Result<(), Failure> {
    let key = make_key(daemon, tx, identity).await?;
    tx.insert_member(identity, role, &key, now).await?;
    let outcome = format!("{role}, certificate {}", key.certificate);
    actor.record(tx, "put_member", &identity.to_string(), &outcome, now).await?;
    Ok(())
}

/// Changes a member's role, in this transaction.
pub(super) async fn change_role(
    tx: &mut Transaction,
    actor: &Actor,
    identity: &ProjectUser,
    role: MemberRole,
    now: Timestamp,
) -> Result<(), Failure> {
    tx.update_member_role(identity, role).await?;
    // They say what the user could do before.
    tx.update_tokens_ended_of(identity, None, now).await?;
    actor.record(tx, "change_role", &identity.to_string(), role.as_str(), now).await?;
    Ok(())
}

/// Removes a member and revokes its certificates, in this transaction. Afterwards the lists are to be published.
pub(super) async fn remove(
    tx: &mut Transaction,
    actor: &Actor,
    identity: &ProjectUser,
    now: Timestamp,
) -> Result<(), Failure> {
    if !tx.delete_member_row(identity).await? {
        return Err(unknown(identity));
    }
    let (name, reason) = (identity.to_string(), RevocationReason::PrivilegeWithdrawn);
    let revoked = tx.update_certificates_revoked_of_project_user(identity, reason, now).await?;
    tx.update_tokens_ended_of(identity, None, now).await?;
    actor.record(tx, "delete_member", &name, &format!("{revoked} certificates revoked"), now).await?;
    Ok(())
}

/// Makes a key and its certificate for a project user, recorded in this transaction.
pub(crate) async fn make_key(
    daemon: &Daemon,
    tx: &mut Transaction,
    identity: &ProjectUser,
) -> Result<MemberKeyRow, Failure> {
    let settings = tx.cluster().await?.declared.authority;
    let lifetime = settings.project_user_certificate_lifetime;
    let algorithm = KeyAlgorithm::from_word(settings.project_user_key_algorithm.as_str()).map_err(Failure::internal)?;
    let key = PrivateKey::generate_for(algorithm).map_err(Failure::internal)?;
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
    let (keys, context) = ((&daemon.master_key, &daemon.rng), sealed_key_context(identity));
    let sealed_key = seal(tx, keys, &context, key.to_pem().as_bytes()).await?;
    Ok(MemberKeyRow { certificate: issued.serial, sealed_key })
}

pub(crate) fn unknown(identity: &ProjectUser) -> Failure {
    Failure::not_found(format!("member {} in project {}", identity.user, identity.project))
}
