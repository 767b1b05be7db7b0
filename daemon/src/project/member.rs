//! One member. Adding it creates the project user with a key and a certificate; removing it revokes the certificates in
//! the same transaction. A change of its role affects no certificate, because those contain the identity only.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::project::{Member, MemberRole, PutMember};
use ringfence_api::{ProblemCode, ProjectName, ProjectUser, UserName};
use ringfence_store::Transaction;

use crate::access::ProjectCaller;
use crate::authority::Authorities;
use crate::base::{Base, Body, Creating, Event, Failure, Segment};
use crate::project::change::{add, change_role, remove, roles};
use crate::project::identity::NewIdentities;
use crate::project::membership::{plan, unknown};

/// One member. For the operator and the project's data owners.
pub(crate) async fn read_member(
    State(base): State<Arc<Base>>,
    _: ProjectCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
) -> Result<Json<Member>, Failure> {
    let identity = ProjectUser { project, user };
    let member = base.store.read("read_member").await?.members().find(&identity).await?;
    member.map(Json).ok_or_else(|| unknown(&identity))
}

/// Adds a member with a certificate of its own, or changes its role.
///
/// For the operator, who may demote even the last data owner (`PUT …/members` prevents that), and for the project's
/// data owners, who cannot change their own role.
pub(crate) async fn put_member(
    State(authorities): State<Arc<Authorities>>,
    caller: ProjectCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Creating(creating): Creating,
    Body(put): Body<PutMember>,
) -> Result<Json<Member>, Failure> {
    let base = &authorities.base;
    let identity = ProjectUser { project, user };
    let wanted = Wanted { caller: &caller, identity: &identity, role: put.role, creating };
    let mut new = NewIdentities::new(&authorities);
    // Bound, so that the reader is free again before keys are made.
    let needed = wanted.needs(&mut base.store.read("look_at_member").await?).await?;
    if matches!(needed, Needed::Identity) {
        new.prepare(std::slice::from_ref(&identity)).await?;
    }
    loop {
        let now = base.now();
        let mut tx = base.store.write("put_member").await?;
        match wanted.needs(&mut tx).await? {
            Needed::Nothing(member) => return Ok(Json(member)),
            Needed::Role => change_role(&mut tx, &caller.actor, &identity, put.role, now).await?,
            Needed::Identity => {
                let recorded = new.record(&mut tx, std::slice::from_ref(&identity)).await?;
                let Some(key) = recorded.and_then(|mut rows| rows.remove(&identity)) else {
                    drop(tx);
                    new.prepare(std::slice::from_ref(&identity)).await?;
                    continue;
                };
                add(&mut tx, &caller.actor, &identity, (put.role, &key), now).await?;
            }
        }
        let member = tx.members().find(&identity).await?.ok_or_else(|| unknown(&identity))?;
        tx.commit().await?;
        return Ok(Json(member));
    }
}

/// The requested member, and who requests it.
struct Wanted<'a> {
    caller: &'a ProjectCaller,
    identity: &'a ProjectUser,
    role: MemberRole,
    creating: bool,
}

/// What a put has to do.
enum Needed {
    /// Nothing: the member is as requested.
    Nothing(Member),
    /// Change the role.
    Role,
    /// Add a member.
    Identity,
}

impl Wanted<'_> {
    /// Decides in this transaction, or refuses.
    async fn needs(&self, tx: &mut Transaction) -> Result<Needed, Failure> {
        guard(self.caller, tx, self.identity, Some(self.role)).await?;
        match tx.members().find(self.identity).await? {
            Some(member) if member.role == self.role => Ok(Needed::Nothing(member)),
            Some(member) if self.creating => {
                let detail = format!("{} is a member already, as {}", self.identity, member.role);
                Err(Failure::new(ProblemCode::AlreadyExists, detail))
            }
            Some(_) => Ok(Needed::Role),
            None => {
                let project = &self.identity.project;
                tx.projects().find(project).await?.ok_or_else(|| Failure::not_found(format!("project {project}")))?;
                Ok(Needed::Identity)
            }
        }
    }
}

/// Removes a member and revokes its certificates.
///
/// For the operator, who may remove even the last data owner (`PUT …/members` prevents that), and for the project's
/// data owners, who cannot remove themselves.
pub(crate) async fn delete_member(
    State(base): State<Arc<Base>>,
    caller: ProjectCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
) -> Result<Json<()>, Failure> {
    let now = base.now();
    let identity = ProjectUser { project, user };
    let mut tx = base.store.write("delete_member").await?;
    guard(&caller, &mut tx, &identity, None).await?;
    remove(&mut tx, &caller.actor, &identity, now).await?;
    tx.commit().await?;
    base.events.notify(Event::Revoked);
    Ok(Json(()))
}

/// Refuses what a data owner may not do to one member. The operator may do everything.
async fn guard(
    caller: &ProjectCaller,
    tx: &mut Transaction,
    identity: &ProjectUser,
    role: Option<MemberRole>,
) -> Result<(), Failure> {
    let Some(owner) = caller.recheck(tx).await? else { return Ok(()) };
    let before = roles(tx, &identity.project).await?;
    let mut after = before.clone();
    match role {
        Some(role) => after.insert(identity.user.clone(), role),
        None => after.remove(&identity.user),
    };
    plan(&before, &after, Some(owner))?;
    Ok(())
}
