//! The project itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::RevocationReason;
use ringfence_api::project::{Project, PutProject};
use ringfence_api::{ProblemCode, ProjectName};
use ringfence_store::StoreError;
use ringfence_store::certificate::Revoke;
use ringfence_store::token::End;

use crate::access::OperatorCaller;
use crate::base::{Base, Body, Creating, Event, Failure, Segment};

/// The maximum length of a description, in characters.
const DESCRIPTION_LIMIT: usize = 500;

/// All projects, by name.
pub(crate) async fn list_projects(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
) -> Result<Json<Vec<Project>>, Failure> {
    Ok(Json(base.store.read("list_projects").await?.projects().list().await?))
}

/// One project.
pub(crate) async fn read_project(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Segment(name): Segment<ProjectName>,
) -> Result<Json<Project>, Failure> {
    let project = base.store.read("read_project").await?.projects().find(&name).await?;
    project.map(Json).ok_or_else(|| Failure::not_found(format!("project {name}")))
}

/// Creates a project, or changes its description. A name that differs from another's only in case is refused.
pub(crate) async fn put_project(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(name): Segment<ProjectName>,
    Creating(creating): Creating,
    Body(put): Body<PutProject>,
) -> Result<Json<Project>, Failure> {
    let length = put.description.chars().count();
    if length > DESCRIPTION_LIMIT {
        let detail = format!("the description has {length} characters and may have {DESCRIPTION_LIMIT}");
        return Err(Failure::new(ProblemCode::InvalidRequest, detail));
    }
    let now = base.now();
    let mut tx = base.store.write("put_project").await?;
    let before = tx.projects().find(&name).await?;
    if let Some(before) = before {
        if before.description == put.description {
            return Ok(Json(before));
        }
        if creating {
            let detail = format!("project {name} exists already, with another description");
            return Err(Failure::new(ProblemCode::AlreadyExists, detail));
        }
    }
    let project = tx.projects().upsert(&name, &put.description, now).await.map_err(|error| match error {
        StoreError::Exists(_) => Failure::new(
            ProblemCode::Conflict,
            format!("a project whose name differs from {name} only in case exists already"),
        ),
        other => other.into(),
    })?;
    actor.record(&mut tx, "put_project", name.as_str(), "put", now).await?;
    tx.commit().await?;
    Ok(Json(project))
}

/// Deletes a project with its members, and revokes their certificates.
pub(crate) async fn delete_project(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(name): Segment<ProjectName>,
) -> Result<Json<()>, Failure> {
    let now = base.now();
    let mut tx = base.store.write("delete_project").await?;
    let members = tx.members().list(&name).await?;
    let mut revoked = 0;
    for member in &members {
        let reason = RevocationReason::PrivilegeWithdrawn;
        revoked += tx.certificates().revoke_all(Revoke::OfProjectUser(&member.project_user), reason, now).await?;
        tx.tokens().end_all(End::OfProjectUser(&member.project_user), now).await?;
    }
    if !tx.projects().delete(&name).await? {
        return Err(Failure::not_found(format!("project {name}")));
    }
    let outcome = format!("{} members removed, {revoked} certificates revoked", members.len());
    actor.record(&mut tx, "delete_project", name.as_str(), &outcome, now).await?;
    tx.commit().await?;
    base.events.notify(Event::Revoked);
    Ok(Json(()))
}
