//! Making the cluster as planned: claim the place, start the head, declare, wait until everything is there. Each step
//! finds what an earlier, interrupted one has left, so the whole may be repeated.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ringfence_api::cluster::{Cluster, ClusterState};
use ringfence_api::node::NodeState;
use ringfence_api::{Client, ClusterName, Connection};
use tfplugin_rs::prelude::*;

use super::declaration::{Declared, nodes_of};
use super::model::{ClusterModel, LocalModel, cluster_name, declared};
use super::resource::{ClusterResource, DELETE};
use crate::connection::ConnectionModel;
use crate::fault;
use crate::ringfence::{Ringfence, Seen, failed};
use crate::target::local::{Claimed, Local, Sight, program};

/// What is done to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Creating,
    Updating,
}

impl Doing {
    fn words(self) -> &'static str {
        match self {
            Self::Creating => "creating the cluster",
            Self::Updating => "updating the cluster",
        }
    }
}

/// Makes the target's place the cluster's, or finds that it is.
pub(super) fn claim(data: &Ringfence, plan: &ClusterModel) -> Result<(Local, Claimed)> {
    let Some(directory) = plan.local.known().and_then(|local| local.directory.known()) else {
        return Err(Diagnostic::error("The cluster has no target").at(Path::root().attr("local")).into());
    };
    let local = Local::at(directory);
    let claimed = local.claim(&cluster_name(plan)?, &data.token.public_key()?)?;
    Ok((local, claimed))
}

/// Makes the cluster as planned and waits until it is. Creating leaves a cluster alone that is there and declared
/// otherwise.
pub(super) async fn converge(
    ctx: &ResourceContext<ClusterResource>,
    plan: ClusterModel,
    doing: Doing,
    limit: Duration,
) -> Result<ClusterModel> {
    let data = ctx.data();
    let declared = declared(&plan).to_put()?;
    let target = plan.local.known().cloned().unwrap_or_default();
    let program = program(&target.daemon)?;
    let listen = target.port.known().and_then(|port| u16::try_from(*port).ok()).unwrap_or(0);
    let (local, Claimed::Made(owner) | Claimed::Found(owner)) = claim(data, &plan)?;
    let latest = Mutex::new(None);
    let converging = ctx.within(doing.words(), limit, async {
        let connection = local.ensure_head(&owner, &program, listen, &declared.authority).await?;
        if plan.running == Value::Known(false) {
            // A cluster that is declared stopped is made nevertheless, so that it has an authority, and then stopped.
            local.stop().await?;
            return Ok(stopped(plan, &connection));
        }
        let client = data.client(&connection)?;
        let healthy = client.health().await;
        if healthy.is_err() && !matches!(local.look()?, Sight::Running(_)) {
            return Err(local.ended_early());
        }
        failed(data, healthy)?;
        let cluster = match doing {
            Doing::Creating => client.creating().put_cluster(&declared).await.map_err(|error| {
                fault::of_creating(
                    &data.token,
                    &error,
                    ClusterResource::NAME,
                    target.directory.as_str().unwrap_or_default(),
                )
            })?,
            Doing::Updating => failed(data, client.put_cluster(&declared).await)?,
        };
        let cluster = wait_until_ready(data, &client, cluster, &latest).await?;
        data.note(owner.id, Seen::Running(connection.clone()));
        Ok(complete(plan, &cluster, &connection))
    });
    converging.await.map_err(|error| {
        if ctx.cancelled().is_cancelled() {
            // Whoever interrupts knows why it is not ready.
            return error;
        }
        let cluster = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.into_iter().chain(cluster.iter().flat_map(unready_nodes)).collect()
    })
}

/// What each node that is not ready lacks, for the error of an operation that took too long.
pub(super) fn unready_nodes(cluster: &Cluster) -> Vec<Diagnostic> {
    let unready = cluster.nodes.iter().filter(|node| node.state != NodeState::Ready || node.fault.is_some());
    unready
        .map(|node| {
            let fault = node.fault.clone().unwrap_or_else(|| "its agent reports no fault; see its log".to_owned());
            Diagnostic::error(format!("Node {} is not ready", node.name))
                .detail(format!("It is {}: {fault}.", node.state.as_str()))
        })
        .collect()
}

/// Follows the daemon's progress. A fault of a node is not the end: the daemon goes on trying, and so do we until the
/// time is over.
pub(super) async fn wait_until_ready(
    data: &Ringfence,
    client: &Client,
    mut cluster: Cluster,
    latest: &Mutex<Option<Cluster>>,
) -> Result<Cluster> {
    while cluster.state != ClusterState::Ready {
        *latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster.clone());
        cluster = failed(data, client.cluster_after(cluster.revision).await)?;
    }
    Ok(cluster)
}

pub(super) async fn stop(ctx: &ResourceContext<ClusterResource>, plan: &ClusterModel) -> Result<ClusterModel> {
    let directory = plan.local.known().and_then(|local| local.directory.known()).map_or("", String::as_str);
    let local = Local::at(directory);
    ctx.within("stopping the cluster", plan.timeouts.update_or(DELETE), local.stop()).await?;
    let connection = local.connection()?;
    ctx.data().note(connection.cluster_id, Seen::Stopped);
    Ok(stopped(plan.clone(), &connection))
}

pub(super) fn stopped(model: ClusterModel, connection: &Connection) -> ClusterModel {
    let name = model.name.known().and_then(|text| ClusterName::parse(text).ok());
    let nodes = name.map_or(Value::Null, |name| declared(&model).planned_nodes(&name));
    ClusterModel { state: "stopped".into(), nodes, ..connected(model, connection) }
}

/// The state of a running cluster.
pub(super) fn complete(model: ClusterModel, cluster: &Cluster, connection: &Connection) -> ClusterModel {
    let before = declared(&model);
    let Declared { worker_groups, services, token_audiences, authority } =
        Declared::from_put(&cluster.declared, &before);
    ClusterModel {
        name: cluster.name.as_str().into(),
        running: true.into(),
        worker_groups,
        services,
        token_audiences,
        authority,
        nodes: nodes_of(cluster).into(),
        state: "running".into(),
        ..connected(model, connection)
    }
}

pub(super) fn connected(model: ClusterModel, connection: &Connection) -> ClusterModel {
    let port = connection.endpoint.rsplit_once(':').and_then(|(_, port)| port.parse::<i64>().ok());
    // A port that is planned for the next start is not the one of the last.
    let local = model.local.map(|local| match local.port {
        Value::Known(_) => local,
        Value::Null | Value::Unknown => LocalModel { port: port.into(), ..local },
    });
    ClusterModel {
        id: connection.cluster_id.to_string().into(),
        endpoint: connection.endpoint.clone().into(),
        ca_certificate: connection.ca_certificate.clone().into(),
        connection: ConnectionModel::from(connection).into(),
        local,
        ..model
    }
}
