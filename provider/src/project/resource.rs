//! `ringfence_project`.

use ringfence_api::project::{Project, PutProject};
use ringfence_api::{Client, ClientError, ClusterId, Connection, ProjectName};
use tfplugin_rs::prelude::*;

use crate::cluster_argument::{self, Reading};
use crate::connection::ConnectionModel;
use crate::fault;
use crate::ringfence::{Ringfence, failed};

/// The resource.
pub(crate) struct ProjectResource;

/// A project: a sandbox of members, data and programs.
///
/// A user has a separate identity in each project, so data that is readable in one cannot be taken into another.
/// Deleting a project removes its members and revokes their certificates.
#[derive(Clone, Model)]
pub(crate) struct ProjectModel {
    /// Identifier: the name.
    #[tf(computed, plan = keep_state())]
    id: Value<String>,
    /// Name: 2 to 24 letters, digits and underscores, beginning and ending with a letter or digit, without two
    /// underscores in a row, and not only digits. Some names are reserved.
    #[tf(required, validate = check(ProjectName::parse), plan = requires_replace())]
    name: Value<String>,
    /// Description for people, at most 500 characters.
    #[tf(optional, default = "", validate = length(0..=500))]
    description: Value<String>,
    /// Cluster it is in: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
    /// Identity of that cluster. A change of it forces replacement; a change of the cluster's address does not.
    #[tf(computed)]
    cluster_id: Value<String>,
    /// When it was created (RFC 3339).
    #[tf(computed, plan = keep_state())]
    created_at: Value<String>,
}

/// What tells a project from all others.
#[derive(Clone, Model)]
pub(crate) struct ProjectIdentity {
    /// Identity of the cluster. Default: that of the provider's `cluster`.
    #[tf(optional)]
    cluster_id: Value<String>,
    /// Name.
    #[tf(required)]
    name: Value<String>,
}

impl ProjectIdentity {
    pub(crate) fn of(connection: &Connection, name: &ProjectName) -> Self {
        Self { cluster_id: connection.cluster_id.to_string().into(), name: name.as_str().into() }
    }
}

impl ProjectModel {
    /// A project that nobody has declared yet.
    pub(crate) fn found(project: Project, cluster: Value<ConnectionModel>, cluster_id: ClusterId) -> Self {
        complete(Self { cluster, ..Self::default() }, project, cluster_id.to_string())
    }
}

impl Resource for ProjectResource {
    type Model = ProjectModel;
    type Identity = ProjectIdentity;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_project";

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<ProjectModel>) -> Result<()> {
        let prior = plan.prior.as_ref().map(|prior| prior.cluster_id.clone());
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        let (id, moved) = cluster_argument::plan_cluster_id(ctx.data(), &planned.cluster, prior.as_ref())?;
        planned.cluster_id = id;
        if plan.is_create() {
            ctx.data().check_credentials()?;
        }
        if moved {
            plan.require_replace(Path::root().attr("cluster_id"));
        }
        Ok(())
    }

    async fn create(&self, ctx: &ResourceContext<Self>, plan: ProjectModel) -> Result<ProjectModel> {
        let id = plan.name.as_str().unwrap_or_default().to_owned();
        let created = put(ctx.data(), plan, Client::creating).await?;
        created.map_err(|error| fault::of_creating(&ctx.data().token, &error, Self::NAME, &id))
    }

    async fn read(&self, ctx: &ResourceContext<Self>, state: ProjectModel) -> Result<Option<ProjectModel>> {
        match cluster_argument::reading(ctx.data(), &state.cluster)? {
            Reading::Keep => Ok(Some(state)),
            Reading::Gone => Ok(None),
            Reading::Ask(client) => match client.project(&name(&state)?).await {
                Err(error) if error.is_not_found() => Ok(None),
                answer => {
                    let cluster_id = client.connection().cluster_id.to_string();
                    Ok(Some(complete(state, failed(ctx.data(), answer)?, cluster_id)))
                }
            },
        }
    }

    async fn update(
        &self,
        ctx: &ResourceContext<Self>,
        prior: ProjectModel,
        plan: ProjectModel,
    ) -> Result<ProjectModel> {
        if prior.description == plan.description {
            // Only the way to the cluster has changed.
            let cluster_id = cluster_argument::resolve(ctx.data(), &plan.cluster)?.cluster_id.to_string().into();
            return Ok(ProjectModel { cluster_id, ..plan });
        }
        failed(ctx.data(), put(ctx.data(), plan, Client::clone).await?)
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: ProjectModel) -> Result<()> {
        let client = ctx.data().client(&cluster_argument::resolve(ctx.data(), &state.cluster)?)?;
        let name = name(&state)?;
        let deleted = client.delete_project(&name).await;
        ctx.data().members.forget(&client, &name);
        match deleted {
            Err(error) if error.is_not_found() => Ok(()),
            answer => failed(ctx.data(), answer),
        }
    }

    fn identity(&self, state: &ProjectModel) -> Option<ProjectIdentity> {
        Some(ProjectIdentity { cluster_id: state.cluster_id.clone(), name: state.name.clone() })
            .filter(|identity| identity.cluster_id.is_known() && identity.name.is_known())
    }

    async fn import_identity(&self, ctx: &ResourceContext<Self>, identity: ProjectIdentity) -> Result<ProjectModel> {
        cluster_argument::import_identity(ctx.data(), &identity.cluster_id)?;
        Ok(ProjectModel { name: identity.name, ..ProjectModel::default() })
    }

    /// `NAME`, or `NAME@DIRECTORY` for a local cluster.
    async fn import(&self, ctx: &ResourceContext<Self>, id: &str) -> Result<ProjectModel> {
        let (name, cluster) = cluster_argument::import(ctx.data(), id, "NAME")?;
        let name = ProjectName::parse(&name)
            .map_err(|error| Diagnostic::error("The import id is not valid").detail(format!("{error}.")))?;
        Ok(ProjectModel { name: name.as_str().into(), cluster, ..ProjectModel::default() })
    }
}

/// Puts it, with the client for creating or for changing.
async fn put(
    data: &Ringfence,
    plan: ProjectModel,
    mode: fn(&Client) -> Client,
) -> Result<std::result::Result<ProjectModel, ClientError>> {
    let connection = cluster_argument::resolve(data, &plan.cluster)?;
    let put = PutProject { description: plan.description.clone().known_or(String::new()) };
    let project = mode(&data.client(&connection)?).put_project(&name(&plan)?, &put).await;
    Ok(project.map(|project| complete(plan, project, connection.cluster_id.to_string())))
}

fn name(model: &ProjectModel) -> Result<ProjectName> {
    let text = model.name.known().map_or("", String::as_str);
    ProjectName::parse(text).map_err(|error| {
        Diagnostic::error("The project name is not valid")
            .detail(format!("{error}."))
            .at(Path::root().attr("name"))
            .into()
    })
}

fn complete(model: ProjectModel, project: Project, cluster_id: String) -> ProjectModel {
    ProjectModel {
        id: project.name.as_str().into(),
        name: project.name.as_str().into(),
        description: project.description.into(),
        cluster_id: cluster_id.into(),
        created_at: project.created_at.to_string().into(),
        ..model
    }
}
