//! All members of a project: one transaction sets exactly these members, or changes nothing.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::project::{MOST_MEMBERS, Member, PutMembers};
use ringfence_api::{ProblemCode, ProjectName, ProjectUser, UserName};
use ringfence_store::Transaction;

use crate::access::ProjectCaller;
use crate::authority::Authorities;
use crate::base::{Base, Body, Event, Failure, Segment};
use crate::project::change::{add, change_role, remove, roles};
use crate::project::identity::NewIdentities;
use crate::project::membership::{Change, plan, unknown};

/// The members of a project, by user. For the operator and the project's data owners.
pub(crate) async fn list_members(
    State(base): State<Arc<Base>>,
    _: ProjectCaller,
    Segment(project): Segment<ProjectName>,
) -> Result<Json<Vec<Member>>, Failure> {
    let mut tx = base.store.read("list_members").await?;
    tx.projects().find(&project).await?.ok_or_else(|| Failure::not_found(format!("project {project}")))?;
    Ok(Json(tx.members().list(&project).await?))
}

/// Sets exactly these members: adds, changes roles and removes in one transaction. Returns all members.
///
/// For the operator and the project's data owners. A project that has a data owner keeps one (`last_data_owner`), and a
/// data owner who calls remains one (`own_membership`).
pub(crate) async fn put_members(
    State(authorities): State<Arc<Authorities>>,
    caller: ProjectCaller,
    Segment(project): Segment<ProjectName>,
    Body(put): Body<PutMembers>,
) -> Result<Json<Vec<Member>>, Failure> {
    if put.members.len() > MOST_MEMBERS {
        let detail = format!(
            "the request has {} members and may have {MOST_MEMBERS}; put more of them one by one",
            put.members.len()
        );
        return Err(Failure::new(ProblemCode::InvalidRequest, detail));
    }
    let base = &authorities.base;
    let mut new = NewIdentities::new(&authorities);
    let wanted = changes(&mut base.store.read("look_at_members").await?, &caller, &project, &put).await?;
    new.prepare(&added(&project, &wanted)).await?;
    loop {
        let mut tx = base.store.write("put_members").await?;
        let wanted = changes(&mut tx, &caller, &project, &put).await?;
        let added = added(&project, &wanted);
        let Some(keys) = new.record(&mut tx, &added).await? else {
            drop(tx);
            new.prepare(&added).await?;
            continue;
        };
        let now = base.now();
        let mut revoked = false;
        for (user, change) in wanted {
            let identity = ProjectUser { project: project.clone(), user };
            match change {
                Change::Add(role) => {
                    let key = keys.get(&identity).ok_or_else(|| unknown(&identity))?;
                    add(&mut tx, &caller.actor, &identity, (role, key), now).await?;
                }
                Change::Role(role) => change_role(&mut tx, &caller.actor, &identity, role, now).await?,
                Change::Remove => {
                    remove(&mut tx, &caller.actor, &identity, now).await?;
                    revoked = true;
                }
            }
        }
        let members = tx.members().list(&project).await?;
        tx.commit().await?;
        if revoked {
            base.events.notify(Event::Revoked);
        }
        return Ok(Json(members));
    }
}

/// The changes that the request needs in this transaction, or why it is refused.
async fn changes(
    tx: &mut Transaction,
    caller: &ProjectCaller,
    project: &ProjectName,
    put: &PutMembers,
) -> Result<Vec<(UserName, Change)>, Failure> {
    tx.projects().find(project).await?.ok_or_else(|| Failure::not_found(format!("project {project}")))?;
    let before = roles(tx, project).await?;
    Ok(plan(&before, &put.members, caller.recheck(tx).await?)?)
}

/// The users who need a key and a certificate.
fn added(project: &ProjectName, changes: &[(UserName, Change)]) -> Vec<ProjectUser> {
    let added = changes.iter().filter(|(_, change)| matches!(change, Change::Add(_)));
    added.map(|(user, _)| ProjectUser { project: project.clone(), user: user.clone() }).collect()
}
