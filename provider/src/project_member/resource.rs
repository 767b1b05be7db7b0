//! `ringfence_project_member`: additive, one user in one project.

use ringfence_api::project::{Member, MemberRole, PutMember};
use ringfence_api::{Client, ClientError, ClusterId, Connection, ProjectName, ProjectUser, UserName};
use tfplugin_rs::prelude::*;

use crate::cluster_argument::{self, Reading};
use crate::connection::ConnectionModel;
use crate::fault;
use crate::ringfence::{Ringfence, failed};

/// The resource.
pub(crate) struct ProjectMemberResource;

/// A user in a project, with a role.
///
/// Adding a member creates an identity, `PROJECT__USER`, with a certificate of its own. Removing the member revokes the
/// certificate at once. Other members of the project are left alone. A project can lose its last data owner this way.
#[derive(Clone, Model)]
pub(crate) struct ProjectMemberModel {
    /// Identifier: the project user.
    #[tf(computed, plan = keep_state())]
    id: Value<String>,
    /// Name of the project.
    #[tf(required, validate = check(ProjectName::parse), plan = requires_replace())]
    project: Value<String>,
    /// Name of the user: 1 to 32 lower-case letters, digits and underscores, beginning and ending with a letter or
    /// digit, without two underscores in a row.
    #[tf(required, validate = check(UserName::parse), plan = requires_replace())]
    user: Value<String>,
    /// Role: `data_owner` reads and writes everything in the project, manages members and exports data;
    /// `data_scientist` reads and runs programs, and exports nothing.
    #[tf(required, validate = one_of(MemberRole::ALL.map(MemberRole::as_str)))]
    role: Value<String>,
    /// Cluster it is in: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
    /// Identity of that cluster. A change of it forces replacement; a change of the cluster's address does not.
    #[tf(computed)]
    cluster_id: Value<String>,
    /// Identity of the user in the project, `PROJECT__USER`: the common name of the certificate. It is known once the
    /// member exists; give it to what needs the member to exist, such as an ephemeral `ringfence_certificate`.
    #[tf(computed, plan = keep_state())]
    project_user: Value<String>,
}

/// What tells a member from all others.
#[derive(Clone, Model)]
pub(crate) struct MemberIdentity {
    /// Identity of the cluster. Default: that of the provider's `cluster`.
    #[tf(optional)]
    cluster_id: Value<String>,
    /// Name of the project.
    #[tf(required)]
    project: Value<String>,
    /// Name of the user.
    #[tf(required)]
    user: Value<String>,
}

impl MemberIdentity {
    pub(crate) fn of(connection: &Connection, member: &Member) -> Self {
        Self {
            cluster_id: connection.cluster_id.to_string().into(),
            project: member.project.as_str().into(),
            user: member.user.as_str().into(),
        }
    }
}

impl ProjectMemberModel {
    /// A member that nobody has declared yet.
    pub(crate) fn found(member: &Member, cluster: Value<ConnectionModel>, cluster_id: ClusterId) -> Self {
        complete(Self { cluster, ..Self::default() }, member, cluster_id.to_string())
    }
}

impl Resource for ProjectMemberResource {
    type Model = ProjectMemberModel;
    type Identity = MemberIdentity;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_project_member";

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<ProjectMemberModel>) -> Result<()> {
        let prior = plan.prior.as_ref().map(|prior| prior.cluster_id.clone());
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        let (id, moved) = cluster_argument::plan_cluster_id(ctx.data(), &planned.cluster, prior.as_ref())?;
        planned.cluster_id = id;
        // There is no such identity before the member is there, and what needs it is to wait for that: a certificate
        // that lives only while Terraform runs is opened while planning if its user is known. (The function
        // `project_user` says what it will be.)
        let replaced = plan.prior.as_ref().is_some_and(|prior| {
            prior.project != planned.project || prior.user != planned.user || prior.cluster_id != planned.cluster_id
        });
        if replaced || plan.prior.is_none() {
            planned.id = Value::Unknown;
            planned.project_user = Value::Unknown;
        }
        if plan.is_create() {
            ctx.data().check_credentials()?;
        }
        if moved {
            plan.require_replace(Path::root().attr("cluster_id"));
        }
        Ok(())
    }

    async fn create(&self, ctx: &ResourceContext<Self>, plan: ProjectMemberModel) -> Result<ProjectMemberModel> {
        let id = identity(&plan)?.to_string();
        let created = put(ctx.data(), plan, Client::creating).await?;
        created.map_err(|error| fault::of_creating(&ctx.data().token, &error, Self::NAME, &id))
    }

    async fn read(&self, ctx: &ResourceContext<Self>, state: ProjectMemberModel) -> Result<Option<ProjectMemberModel>> {
        match cluster_argument::reading(ctx.data(), &state.cluster)? {
            Reading::Keep => Ok(Some(state)),
            Reading::Gone => Ok(None),
            Reading::Ask(client) => {
                let found = ctx.data().members.read(&client, &identity(&state)?).await;
                let cluster_id = client.connection().cluster_id.to_string();
                Ok(failed(ctx.data(), found)?.map(|member| complete(state, &member, cluster_id)))
            }
        }
    }

    async fn update(
        &self,
        ctx: &ResourceContext<Self>,
        prior: ProjectMemberModel,
        plan: ProjectMemberModel,
    ) -> Result<ProjectMemberModel> {
        if prior.role == plan.role {
            // Only the way to the cluster has changed.
            let cluster_id = cluster_argument::resolve(ctx.data(), &plan.cluster)?.cluster_id.to_string().into();
            return Ok(ProjectMemberModel { cluster_id, ..plan });
        }
        failed(ctx.data(), put(ctx.data(), plan, Client::clone).await?)
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: ProjectMemberModel) -> Result<()> {
        let client = ctx.data().client(&cluster_argument::resolve(ctx.data(), &state.cluster)?)?;
        let ProjectUser { project, user } = identity(&state)?;
        let deleted = client.delete_member(&project, &user).await;
        ctx.data().members.forget(&client, &project);
        match deleted {
            Err(error) if error.is_not_found() => Ok(()),
            answer => failed(ctx.data(), answer),
        }
    }

    fn identity(&self, state: &ProjectMemberModel) -> Option<MemberIdentity> {
        let ProjectMemberModel { cluster_id, project, user, .. } = state;
        Some(MemberIdentity { cluster_id: cluster_id.clone(), project: project.clone(), user: user.clone() })
            .filter(|identity| identity.cluster_id.is_known())
    }

    async fn import_identity(
        &self,
        ctx: &ResourceContext<Self>,
        identity: MemberIdentity,
    ) -> Result<ProjectMemberModel> {
        cluster_argument::import_identity(ctx.data(), &identity.cluster_id)?;
        Ok(ProjectMemberModel { project: identity.project, user: identity.user, ..ProjectMemberModel::default() })
    }

    /// `PROJECT__USER`, or `PROJECT__USER@DIRECTORY` for a local cluster.
    async fn import(&self, ctx: &ResourceContext<Self>, id: &str) -> Result<ProjectMemberModel> {
        let (name, cluster) = cluster_argument::import(ctx.data(), id, "PROJECT__USER")?;
        let ProjectUser { project, user } = ProjectUser::parse(&name)
            .map_err(|error| Diagnostic::error("The import id is not valid").detail(format!("{error}.")))?;
        let (project, user) = (project.as_str().into(), user.as_str().into());
        Ok(ProjectMemberModel { project, user, cluster, ..ProjectMemberModel::default() })
    }
}

/// Puts it, with the client for creating or for changing.
async fn put(
    data: &Ringfence,
    plan: ProjectMemberModel,
    mode: fn(&Client) -> Client,
) -> Result<std::result::Result<ProjectMemberModel, ClientError>> {
    let connection = cluster_argument::resolve(data, &plan.cluster)?;
    let ProjectUser { project, user } = identity(&plan)?;
    let role = plan
        .role
        .known()
        .and_then(|word| MemberRole::from_word(word))
        .ok_or_else(|| Diagnostic::error("The role is not known").at(Path::root().attr("role")))?;
    let client = data.client(&connection)?;
    let put = mode(&client).put_member(&project, &user, &PutMember { role }).await;
    data.members.forget(&client, &project);
    Ok(put.map(|member| complete(plan, &member, connection.cluster_id.to_string())))
}

fn identity(model: &ProjectMemberModel) -> Result<ProjectUser> {
    let text = |value: &Value<String>| value.known().cloned().unwrap_or_default();
    let invalid = |error: ringfence_api::NameError, attribute: &str| {
        Diagnostic::error("The member is not valid").detail(format!("{error}.")).at(Path::root().attr(attribute))
    };
    Ok(ProjectUser {
        project: ProjectName::parse(&text(&model.project)).map_err(|error| invalid(error, "project"))?,
        user: UserName::parse(&text(&model.user)).map_err(|error| invalid(error, "user"))?,
    })
}

fn complete(model: ProjectMemberModel, member: &Member, cluster_id: String) -> ProjectMemberModel {
    ProjectMemberModel {
        id: member.project_user.to_string().into(),
        project: member.project.as_str().into(),
        user: member.user.as_str().into(),
        role: member.role.as_str().into(),
        cluster_id: cluster_id.into(),
        project_user: member.project_user.to_string().into(),
        ..model
    }
}
