//! All members of a project at once: one transaction makes exactly these the members, or changes nothing.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::project::{Member, PutMembers};
use ringfence_api::{ProjectName, ProjectUser};
use ringfence_store::Transaction;

use crate::Daemon;
use crate::http::{Body, Failure, ProjectCaller, Segment};
use crate::project::member::{add, change_role, remove};
use crate::project::membership::{Change, Roles, plan};
use crate::task::Wake;

/// The members of a project, by user. For the operator and the project's data owners.
#[utoipa::path(get, path = "/v1/projects/{project}/members", tag = "projects", params(("project" = String, Path, description = "The project")), responses((status = 200, body = Vec<Member>), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn list_members(
    State(daemon): State<Arc<Daemon>>,
    _: ProjectCaller,
    Segment(project): Segment<ProjectName>,
) -> Result<Json<Vec<Member>>, Failure> {
    let mut tx = daemon.store.read("list_members").await?;
    tx.find_project(&project).await?.ok_or_else(|| Failure::not_found(format!("project {project}")))?;
    Ok(Json(tx.list_members(&project).await?))
}

/// Makes exactly these the members: adds, changes roles and removes in one transaction, and answers with all of them.
///
/// For the operator and the project's data owners. A project that has a data owner keeps one (`last_data_owner`), and
/// a data owner who calls stays one (`own_membership`).
#[utoipa::path(put, path = "/v1/projects/{project}/members", tag = "projects", params(("project" = String, Path, description = "The project")), request_body = PutMembers, responses((status = 200, body = Vec<Member>), (status = 404, body = ringfence_api::Problem), (status = 409, description = "`last_data_owner` or `own_membership`", body = ringfence_api::Problem)))]
pub(crate) async fn put_members(
    State(daemon): State<Arc<Daemon>>,
    caller: ProjectCaller,
    Segment(project): Segment<ProjectName>,
    Body(put): Body<PutMembers>,
) -> Result<Json<Vec<Member>>, Failure> {
    let now = daemon.now();
    let mut tx = daemon.store.write("put_members").await?;
    tx.find_project(&project).await?.ok_or_else(|| Failure::not_found(format!("project {project}")))?;
    let changes = plan(&roles(&mut tx, &project).await?, &put.members, caller.still(&mut tx).await?)?;
    let (project, actor) = (&project, &caller.actor);
    let mut revoked = false;
    for (user, change) in changes {
        let identity = ProjectUser { project: project.clone(), user };
        match change {
            Change::Add(role) => add(&daemon, &mut tx, actor, &identity, role, now).await?,
            Change::Role(role) => change_role(&mut tx, actor, &identity, role, now).await?,
            Change::Remove => {
                remove(&mut tx, actor, &identity, now).await?;
                revoked = true;
            }
        }
    }
    let members = tx.list_members(project).await?;
    tx.commit().await?;
    if revoked {
        daemon.tasks.wake(Wake::PublishCrls);
    }
    Ok(Json(members))
}

/// Who the members are now, in the transaction that may change them.
pub(super) async fn roles(tx: &mut Transaction, project: &ProjectName) -> Result<Roles, Failure> {
    let members = tx.list_members(project).await?;
    Ok(members.into_iter().map(|member| (member.user, member.role)).collect())
}
