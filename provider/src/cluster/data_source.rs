//! Data source `ringfence_cluster`: a cluster that another configuration declares.

use tfplugin_rs::prelude::*;

use super::declaration::{NodeModel, nodes_of};
use crate::cluster_argument;
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, failed};
use crate::target::{self, Target as _};

/// The data source.
pub(crate) struct ClusterDataSource;

/// Reads an existing cluster, such as one that another configuration declares. Only the operator may read it.
#[derive(Clone, Model)]
pub(crate) struct ClusterDataModel {
    /// Directory of a local cluster. Default: the cluster is the provider's `cluster`.
    #[tf(optional)]
    directory: Value<String>,
    /// Identity of the cluster.
    #[tf(computed)]
    id: Value<String>,
    /// Name of the cluster.
    #[tf(computed)]
    name: Value<String>,
    /// Address of the daemon's API.
    #[tf(computed)]
    endpoint: Value<String>,
    /// Root certificate of the cluster, in PEM.
    #[tf(computed)]
    ca_certificate: Value<String>,
    /// What resources in this cluster take as their `cluster`.
    #[tf(computed)]
    connection: Value<ConnectionModel>,
    /// Nodes, the head first.
    #[tf(computed)]
    nodes: Value<Vec<NodeModel>>,
}

impl DataSource for ClusterDataSource {
    type Model = ClusterDataModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_cluster";

    async fn read(&self, ctx: &Context<Ringfence>, config: ClusterDataModel) -> Result<ClusterDataModel> {
        let connection = match config.directory.known() {
            Some(directory) => target::of_import_id(directory).connection()?,
            None => cluster_argument::resolve(ctx.data(), &Value::Null)?,
        };
        let client = ctx.data().client(&connection)?;
        failed(ctx.data(), client.health().await)?;
        let cluster = failed(ctx.data(), client.cluster().await)?;
        Ok(ClusterDataModel {
            id: cluster.id.to_string().into(),
            name: cluster.name.as_str().into(),
            endpoint: connection.endpoint.clone().into(),
            ca_certificate: connection.ca_certificate.clone().into(),
            connection: ConnectionModel::from(&connection).into(),
            nodes: nodes_of(&cluster).into(),
            ..config
        })
    }
}
