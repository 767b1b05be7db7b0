//! List resource `ringfence_project_member`.

use ringfence_api::project::Project;
use ringfence_api::{NameError, ProjectName};
use tfplugin_rs::prelude::*;

use super::resource::{MemberIdentity, ProjectMemberModel, ProjectMemberResource};
use crate::cluster_argument;
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, failed};

/// The list resource.
pub(crate) struct ProjectMemberList;

/// Finds the members of one project or of all projects of a cluster, by project and user.
#[derive(Clone, Model)]
pub(crate) struct ProjectMemberListModel {
    /// Name of the project. Default: all projects.
    #[tf(optional, validate = check(ProjectName::parse))]
    project: Value<String>,
    /// Cluster to look in: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
}

impl ListResource for ProjectMemberList {
    type Resource = ProjectMemberResource;
    type Model = ProjectMemberListModel;

    async fn list(
        &self,
        ctx: &Context<Ringfence>,
        config: ProjectMemberListModel,
        listing: &mut Listing<ProjectMemberResource>,
    ) -> Result<()> {
        let connection = cluster_argument::resolve(ctx.data(), &config.cluster)?;
        let client = ctx.data().client(&connection)?;
        let projects = if let Some(name) = config.project.known() {
            let invalid = |error: NameError| Diagnostic::error("The project is not valid").detail(format!("{error}."));
            vec![ProjectName::parse(name).map_err(|error| invalid(error).at(Path::root().attr("project")))?]
        } else {
            let all: Vec<Project> = failed(ctx.data(), client.projects().await)?;
            all.into_iter().map(|project| project.name).collect()
        };
        for project in projects {
            for member in failed(ctx.data(), client.members(&project).await)? {
                let listed = Listed {
                    display_name: member.project_user.to_string(),
                    identity: MemberIdentity::of(&connection, &member),
                    resource: listing
                        .wants_resource()
                        .then(|| ProjectMemberModel::found(&member, config.cluster.clone(), connection.cluster_id)),
                };
                if listing.add(listed).await.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
