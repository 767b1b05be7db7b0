//! List resource `ringfence_project`.

use ringfence_api::project::Project;
use tfplugin_rs::prelude::*;

use super::resource::{ProjectIdentity, ProjectModel, ProjectResource};
use crate::cluster_argument;
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, failed};

/// The list resource.
pub(crate) struct ProjectList;

/// Finds the projects of a cluster, by name.
#[derive(Clone, Model)]
pub(crate) struct ProjectListModel {
    /// Cluster to look in: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
}

impl ListResource for ProjectList {
    type Resource = ProjectResource;
    type Model = ProjectListModel;

    async fn list(
        &self,
        ctx: &Context<Ringfence>,
        config: ProjectListModel,
        listing: &mut Listing<ProjectResource>,
    ) -> Result<()> {
        let connection = cluster_argument::resolve(ctx.data(), &config.cluster)?;
        let client = ctx.data().client(&connection)?;
        let projects: Vec<Project> = failed(ctx.data(), client.projects().await)?;
        for project in projects {
            let listed = Listed {
                display_name: project.name.to_string(),
                identity: ProjectIdentity::of(&connection, &project.name),
                resource: listing
                    .wants_resource()
                    .then(|| ProjectModel::found(project, config.cluster.clone(), connection.cluster_id)),
            };
            if listing.add(listed).await.is_break() {
                break;
            }
        }
        Ok(())
    }
}
