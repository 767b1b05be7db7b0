//! `ringfence_project_members`: authoritative, exactly these users in one project.

use std::collections::BTreeMap;

use ringfence_api::project::{Member, MemberRole, PutMembers};
use ringfence_api::{ProjectName, UserName};
use tfplugin_rs::prelude::*;

use crate::cluster_argument::{self, Reading};
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, failed};

/// The resource.
pub(crate) struct ProjectMembersResource;

/// All members of a project: a member who is not named here is removed.
///
/// Members who stay keep their identities and certificates; those of removed members are revoked at once. The resource
/// refuses to leave the project without a data owner, and to remove the user who applies it. Use either this or
/// `ringfence_project_member` for a project, not both. Before it is created, the plan warns of existing members who are
/// not named. Destroying it removes all members except the data owners, who are removed with the project.
#[derive(Clone, Model)]
pub(crate) struct ProjectMembersModel {
    /// Identifier: the name of the project.
    #[tf(computed, plan = keep_state())]
    id: Value<String>,
    /// Name of the project.
    #[tf(required, validate = check(ProjectName::parse), plan = requires_replace())]
    project: Value<String>,
    /// Role by user, `data_owner` or `data_scientist`, as in `ringfence_project_member`. At least one must be a data
    /// owner.
    #[tf(
        required,
        validate = keys(check(UserName::parse)),
        validate = each(one_of(MemberRole::ALL.map(MemberRole::as_str))),
        validate = custom(has_owner)
    )]
    members: Value<BTreeMap<String, String>>,
    /// Cluster it is in: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
    /// Identity of that cluster. A change of it forces replacement; a change of the cluster's address does not.
    #[tf(computed)]
    cluster_id: Value<String>,
    /// Identity of each user in the project, `PROJECT__USER`, by user.
    #[tf(computed)]
    project_users: Value<BTreeMap<String, String>>,
}

/// What tells the members of one project from all others.
#[derive(Clone, Model)]
pub(crate) struct MembersIdentity {
    /// Identity of the cluster. Default: that of the provider's `cluster`.
    #[tf(optional)]
    cluster_id: Value<String>,
    /// Name of the project.
    #[tf(required)]
    project: Value<String>,
}

fn has_owner(members: &BTreeMap<String, String>) -> std::result::Result<(), String> {
    let owner = MemberRole::DataOwner.as_str();
    if members.values().any(|role| role == owner) {
        return Ok(());
    }
    Err(format!("must name at least one `{owner}`: without one nobody of the project could manage it"))
}

impl Resource for ProjectMembersResource {
    type Model = ProjectMembersModel;
    type Identity = MembersIdentity;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_project_members";

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<ProjectMembersModel>) -> Result<()> {
        let prior = plan.prior.as_ref().map(|prior| prior.cluster_id.clone());
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        let (id, moved) = cluster_argument::plan_cluster_id(ctx.data(), &planned.cluster, prior.as_ref())?;
        planned.cluster_id = id;
        if let Some(project) = planned.project.known() {
            planned.id = project.as_str().into();
            planned.project_users = planned.members.as_ref().map(|members| {
                members.keys().map(|user| (user.clone(), format!("{project}__{user}"))).collect::<BTreeMap<_, _>>()
            });
        }
        if plan.prior.is_none() {
            ctx.data().check_credentials()?;
            warn_of_removals(ctx, planned).await?;
        }
        if moved {
            plan.require_replace(Path::root().attr("cluster_id"));
        }
        Ok(())
    }

    async fn create(&self, ctx: &ResourceContext<Self>, plan: ProjectMembersModel) -> Result<ProjectMembersModel> {
        put(ctx.data(), plan).await
    }

    async fn read(
        &self,
        ctx: &ResourceContext<Self>,
        state: ProjectMembersModel,
    ) -> Result<Option<ProjectMembersModel>> {
        match cluster_argument::reading(ctx.data(), &state.cluster)? {
            Reading::Keep => Ok(Some(state)),
            Reading::Gone => Ok(None),
            Reading::Ask(client) => {
                let cluster_id = client.connection().cluster_id.to_string();
                match client.members(&project(&state)?).await {
                    Err(error) if error.is_not_found() => Ok(None),
                    // Nobody is left, so there is nothing that this resource would stand for.
                    Ok(members) if members.is_empty() => Ok(None),
                    answer => Ok(Some(complete(state, &failed(ctx.data(), answer)?, cluster_id))),
                }
            }
        }
    }

    async fn update(
        &self,
        ctx: &ResourceContext<Self>,
        prior: ProjectMembersModel,
        plan: ProjectMembersModel,
    ) -> Result<ProjectMembersModel> {
        if prior.members == plan.members {
            // Only the way to the cluster has changed.
            let cluster_id = cluster_argument::resolve(ctx.data(), &plan.cluster)?.cluster_id.to_string().into();
            return Ok(ProjectMembersModel { cluster_id, ..plan });
        }
        put(ctx.data(), plan).await
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: ProjectMembersModel) -> Result<()> {
        let client = ctx.data().client(&cluster_argument::resolve(ctx.data(), &state.cluster)?)?;
        let project = project(&state)?;
        let members = match client.members(&project).await {
            Err(error) if error.is_not_found() => return Ok(()),
            answer => failed(ctx.data(), answer)?,
        };
        let owners = members.into_iter().filter(|member| member.role == MemberRole::DataOwner);
        let owners = PutMembers { members: owners.map(|owner| (owner.user, owner.role)).collect() };
        let put = client.put_members(&project, &owners).await;
        ctx.data().members.forget(&client, &project);
        match put {
            Err(error) if error.is_not_found() => Ok(()),
            answer => failed(ctx.data(), answer).map(drop),
        }
    }

    fn identity(&self, state: &ProjectMembersModel) -> Option<MembersIdentity> {
        Some(MembersIdentity { cluster_id: state.cluster_id.clone(), project: state.project.clone() })
            .filter(|identity| identity.cluster_id.is_known())
    }

    async fn import_identity(
        &self,
        ctx: &ResourceContext<Self>,
        identity: MembersIdentity,
    ) -> Result<ProjectMembersModel> {
        cluster_argument::import_identity(ctx.data(), &identity.cluster_id)?;
        Ok(ProjectMembersModel { project: identity.project, ..ProjectMembersModel::default() })
    }

    /// `PROJECT`, or `PROJECT@DIRECTORY` for a local cluster.
    async fn import(&self, ctx: &ResourceContext<Self>, id: &str) -> Result<ProjectMembersModel> {
        let (name, cluster) = cluster_argument::import(ctx.data(), id, "PROJECT")?;
        ProjectName::parse(&name)
            .map_err(|error| Diagnostic::error("The import id is not valid").detail(format!("{error}.")))?;
        Ok(ProjectMembersModel { project: name.into(), cluster, ..ProjectMembersModel::default() })
    }
}

/// Says whom a creation removes, which Terraform cannot show: to it, nobody was there before.
async fn warn_of_removals(ctx: &ResourceContext<ProjectMembersResource>, planned: &ProjectMembersModel) -> Result<()> {
    let (Some(members), true) = (planned.members.known(), planned.project.is_known()) else { return Ok(()) };
    let Reading::Ask(client) = cluster_argument::reading(ctx.data(), &planned.cluster)? else { return Ok(()) };
    // What cannot be asked now is said when it is applied.
    let present = client.members(&project(planned)?).await.unwrap_or_default();
    let removed: Vec<&str> =
        present.iter().map(|member| member.user.as_str()).filter(|user| !members.contains_key(*user)).collect();
    if !removed.is_empty() {
        ctx.warn(
            Diagnostic::warning(format!("{} members of the project are removed", removed.len()))
                .detail(format!("They are members now and are not named here: {}.", removed.join(", ")))
                .at(Path::root().attr("members")),
        );
    }
    Ok(())
}

async fn put(data: &Ringfence, plan: ProjectMembersModel) -> Result<ProjectMembersModel> {
    let connection = cluster_argument::resolve(data, &plan.cluster)?;
    let client = data.client(&connection)?;
    let members = plan.members.known().into_iter().flatten().map(|(user, role)| {
        let at = || Path::root().attr("members").key(user.as_str());
        let invalid = |detail: String| Diagnostic::error("The member is not valid").detail(detail).at(at());
        let user = UserName::parse(user).map_err(|error| invalid(format!("{error}.")))?;
        let role = MemberRole::from_word(role).ok_or_else(|| invalid(format!("There is no role {role:?}.")))?;
        Ok((user, role))
    });
    let put = PutMembers { members: members.collect::<Result<_>>()? };
    let project = project(&plan)?;
    let members = client.put_members(&project, &put).await;
    data.members.forget(&client, &project);
    Ok(complete(plan, &failed(data, members)?, connection.cluster_id.to_string()))
}

fn project(model: &ProjectMembersModel) -> Result<ProjectName> {
    ProjectName::parse(model.project.as_str().unwrap_or_default()).map_err(|error| {
        Diagnostic::error("The project is not valid")
            .detail(format!("{error}."))
            .at(Path::root().attr("project"))
            .into()
    })
}

fn complete(model: ProjectMembersModel, members: &[Member], cluster_id: String) -> ProjectMembersModel {
    let by_user = |value: fn(&Member) -> String| {
        members.iter().map(|member| (member.user.to_string(), value(member))).collect::<BTreeMap<_, _>>()
    };
    ProjectMembersModel {
        id: model.project.clone(),
        members: by_user(|member| member.role.to_string()).into(),
        project_users: by_user(|member| member.project_user.to_string()).into(),
        cluster_id: cluster_id.into(),
        ..model
    }
}
