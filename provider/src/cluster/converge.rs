//! Making the cluster as planned: claim the place, start the head, declare, wait until everything is there. Each step
//! finds what an earlier, interrupted one has left, so the whole may be repeated.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ringfence_api::cluster::{AuthoritySettings, Cluster, ClusterState};
use ringfence_api::node::NodeState;
use ringfence_api::{Client, ClientError, ClusterId, ClusterName, Connection};
use tfplugin_rs::prelude::*;

use super::ClusterResource;
use super::declaration::{Declared, nodes_of, planned_nodes};
use super::model::{ClusterModel, DELETE, cluster_name, declared};
use crate::fault;
use crate::ringfence::{Ringfence, Seen, failed};
use crate::target::{Claimed, Lost, Owner, Sight, Target, TargetModel};

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
pub(super) fn claim(data: &Ringfence, plan: &ClusterModel) -> Result<(Box<dyn Target>, Claimed)> {
    let target = plan.known_target()?;
    let claimed = target.claim(&cluster_name(plan)?, &data.token.public_key()?)?;
    Ok((target, claimed))
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
    plan.target_model().map_or(Ok(()), TargetModel::check)?;
    let (target, Claimed::Made(owner) | Claimed::Found(owner)) = claim(data, &plan)?;
    let latest = Mutex::new(None);
    let converging = ctx.within(doing.words(), limit, async {
        let connection = target.ensure_head(&owner, &declared.authority).await?;
        if plan.running == Value::Known(false) {
            // A cluster that is declared stopped is made nevertheless, so that it has an authority, and then stopped.
            target.stop().await?;
            return Ok(stopped(plan, Some(&connection)));
        }
        let (client, connection) = reach(data, &*target, (&owner, &declared.authority), connection).await?;
        let cluster = match doing {
            Doing::Creating => {
                let put = client.creating().put_cluster(&declared).await;
                put.map_err(|error| fault::of_creating(&data.token, &error, ClusterResource::NAME, target.import_id()))?
            }
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

/// A client of the head, which answers. A head of an earlier version is restarted with this one.
async fn reach(
    data: &Ringfence,
    target: &dyn Target,
    (owner, authority): (&Owner, &AuthoritySettings),
    connection: Connection,
) -> Result<(Client, Connection)> {
    let client = data.client(&connection)?;
    let healthy = client.health().await;
    if healthy.is_err() && !matches!(target.look()?, Sight::Running(_)) {
        return Err(target.ended_early());
    }
    if !matches!(healthy, Err(ClientError::NotTheApi { .. })) {
        failed(data, healthy)?;
        return Ok((client, connection));
    }
    target.stop_head().await?;
    let connection = target.ensure_head(owner, authority).await?;
    let client = data.client(&connection)?;
    failed(data, client.health().await)?;
    Ok((client, connection))
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
    let target = plan.known_target()?;
    if let Sight::Lost(Lost { id: None, fault }) = target.look()? {
        return Err(fault.into());
    }
    ctx.within("stopping the cluster", plan.timeouts.update_or(DELETE), target.stop()).await?;
    // A head that is gone, or has never been able to start, does not say how it is reached.
    let connection = target.connection().ok();
    if let Some(id) = plan.id.known().and_then(|id| ClusterId::parse(id).ok()) {
        ctx.data().note(id, Seen::Stopped);
    }
    Ok(stopped(plan.clone(), connection.as_ref()))
}

/// The state of a cluster that does not run, and of what its head has said if it has.
pub(super) fn stopped(model: ClusterModel, connection: Option<&Connection>) -> ClusterModel {
    let name = model.name.known().and_then(|text| ClusterName::parse(text).ok());
    let nodes = name.map_or(Value::Null, |name| planned_nodes(&model.worker_groups, &name));
    let model = match connection {
        Some(connection) => model.connected(connection),
        None => model,
    };
    ClusterModel { state: "stopped".into(), nodes, ..model }
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
        ..model.connected(connection)
    }
}
