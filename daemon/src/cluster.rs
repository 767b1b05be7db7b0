//! The cluster: its declaration and its state.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, State};
use jiff::Timestamp;
use ringfence_api::certificate::RevocationReason;
use ringfence_api::client::LONG_POLL;
use ringfence_api::cluster::{Cluster, ClusterState, PutCluster, route};
use ringfence_api::node::{Node, NodeState};
use ringfence_api::{ProblemCode, ServiceName};
use ringfence_store::Transaction;

use crate::access::{Access, OperatorCaller, Routes};
use crate::base::{Actor, After, Base, Body, Creating, Event, Failure, Faults, Task};
use crate::node::{end_undeclared_tokens, nodes_differ, reconcile_nodes, view};

/// The routes of the cluster.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Base>: FromRef<S>,
{
    Routes::new().add(&route::READ_CLUSTER, read_cluster).add(&route::PUT_CLUSTER, put_cluster)
}

/// What is declared is made so by the tasks of nodes.
pub(crate) fn tasks<S>(_: &S) -> Vec<Box<dyn Task>> {
    Vec::new()
}

/// The cluster. With `after`, waits for a later revision, for at most 25 seconds.
pub(crate) async fn read_cluster(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    After(after): After,
) -> Result<Json<Cluster>, Failure> {
    let deadline = tokio::time::Instant::now() + LONG_POLL;
    let mut changes = base.changes.subscribe();
    loop {
        let cluster = load(&mut base.store.read("read_cluster").await?, &base.faults).await?;
        if after.is_none_or(|after| cluster.revision > after) {
            return Ok(Json(cluster));
        }
        if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
            return Ok(Json(cluster));
        }
    }
}

/// Declares the cluster. Nodes are launched and removed afterwards; `state` shows the progress.
pub(crate) async fn put_cluster(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    Creating(creating): Creating,
    Body(put): Body<PutCluster>,
) -> Result<Json<Cluster>, Failure> {
    put.check().map_err(|error| Failure::new(ProblemCode::InvalidRequest, error.to_string()))?;
    let cluster = declare(&base, &actor, &put, creating).await?;
    base.changes.notify_desired();
    base.events.notify(Event::SagaRecorded);
    base.events.notify(Event::Revoked);
    Ok(Json(cluster))
}

/// One transaction: the declaration, the nodes to launch and remove, their sagas, and the audit row.
async fn declare(base: &Base, actor: &Actor, put: &PutCluster, creating: bool) -> Result<Cluster, Failure> {
    let now = base.now();
    let mut tx = base.store.write("put_cluster").await?;
    let before = tx.cluster().get().await?;
    if before.declared != *put {
        // A cluster that has never been declared has generation 1.
        if creating && before.declared_generation > 1 {
            let detail = format!("cluster {} already exists, with another declaration", before.name);
            return Err(Failure::new(ProblemCode::AlreadyExists, detail));
        }
        tx.cluster().update_declared(put).await?;
        if before.declared.services != put.services {
            tx.nodes().update_ready_to_joined().await?;
            revoke_undeclared(&mut tx, put, actor, now).await?;
            end_undeclared_tokens(&mut tx, put, now).await?;
        }
        actor.record(&mut tx, "put_cluster", before.name.as_str(), "declared", now).await?;
    }
    reconcile_nodes(&mut tx, actor, now).await?;
    let cluster = load(&mut tx, &base.faults).await?;
    tx.commit().await?;
    Ok(cluster)
}

/// Revokes the certificates of services that are no longer declared on their node.
async fn revoke_undeclared(
    tx: &mut Transaction,
    put: &PutCluster,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Failure> {
    let declared = |service: &str, group: &str| {
        let service = ServiceName::parse(service).ok().and_then(|name| put.services.get(&name));
        service.is_some_and(|service| service.runs_in(group))
    };
    for node in tx.nodes().list().await? {
        for certificate in tx.certificates().list_live_of_node(node.name.as_str(), now).await? {
            if certificate.service.as_deref().is_some_and(|service| !declared(service, &node.group)) {
                let reason = RevocationReason::CessationOfOperation;
                tx.certificates().revoke(&certificate.serial, reason, now).await?;
                actor.record(tx, "revoke_certificate", &certificate.serial, reason.as_str(), now).await?;
            }
        }
    }
    Ok(())
}

async fn load(tx: &mut Transaction, faults: &Faults) -> Result<Cluster, Failure> {
    let row = tx.cluster().get().await?;
    let rows = tx.nodes().list().await?;
    let complete = !nodes_differ(&row.declared, &rows);
    let mut nodes: Vec<Node> = rows.into_iter().map(|node| view(node, &row.name)).collect();
    // The head first, then workers by group and in numeric order of their indices.
    nodes.sort_by_key(|node| (node.group != "head", node.group.clone(), node.name.as_str().len(), node.name.clone()));
    Ok(Cluster {
        id: row.id,
        name: row.name,
        revision: row.revision,
        state: state_of(complete, &nodes),
        declared: row.declared,
        nodes,
        faults: faults.list(),
    })
}

fn state_of(complete: bool, nodes: &[Node]) -> ClusterState {
    if nodes.iter().any(|node| node.fault.is_some()) {
        ClusterState::Degraded
    } else if complete && !nodes.is_empty() && nodes.iter().all(|node| node.state == NodeState::Ready) {
        ClusterState::Ready
    } else {
        ClusterState::Converging
    }
}
