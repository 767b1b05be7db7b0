//! `GET /v1/nodes/{node}/desired`: everything that a node should hold, by long poll.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::Certificate;
use ringfence_api::client::LONG_POLL;
use ringfence_api::cluster::{PutCluster, Service};
use ringfence_api::incarnation::Point;
use ringfence_api::node::{DesiredCrl, DesiredNode, DesiredService};
use ringfence_api::{ClusterName, DnsName, Lifetime, NodeName, ServiceName};
use ringfence_pki::pem_crl;
use ringfence_store::Transaction;
use ringfence_store::crl::CrlRow;
use ringfence_store::node::NodeRow;

use crate::access::AgentCaller;
use crate::base::{Failure, Since};
use crate::node::Nodes;
use crate::node::service_token::tokens_to_replace;

/// How often an agent reports when nothing changes.
const REPORT_EVERY: Lifetime = Lifetime::from_secs(5);

/// What the node should hold. With `after`, waits for another generation, for at most 25 seconds. A generation that the
/// database does not have yet, or another history, means that the database has gone back: the answer comes at once.
pub(crate) async fn read_desired(
    State(nodes): State<Arc<Nodes>>,
    caller: AgentCaller,
    Since { after, incarnation }: Since,
) -> Result<Json<DesiredNode>, Failure> {
    let deadline = tokio::time::Instant::now() + LONG_POLL;
    let mut changes = nodes.base.changes.subscribe_desired();
    loop {
        let database = nodes.base.store.read("read_generation").await?.cluster().get().await?.point();
        // An agent of an earlier version names no history.
        let incarnation = || incarnation.clone().unwrap_or_else(|| database.incarnation.clone());
        let known = after.map(|generation| Point { incarnation: incarnation(), generation });
        let is_outdated = known.is_none_or(|known| known.is_outdated(&database));
        if is_outdated || tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
            return Ok(Json(load(&nodes, &caller.node).await?));
        }
    }
}

async fn load(nodes: &Nodes, name: &NodeName) -> Result<DesiredNode, Failure> {
    let mut tx = nodes.base.store.read("read_desired").await?;
    let cluster = tx.cluster().get().await?;
    let node = tx.nodes().find(name).await?.ok_or_else(|| Failure::not_found(format!("node {name}")))?;
    let crls = tx.crls().list().await?;
    let (ended, rotate) = tokens_to_replace(&mut tx, name, node.rotation_requested_at, nodes.base.now()).await?;
    let revoked = tx.certificates().list_revoked_serials_of_node(name.as_str(), nodes.base.now()).await?;
    let certificates = to_rotate(
        tx.rotations().list(name).await?,
        tx.certificates().list_distrusted_serials_of_node(name.as_str(), nodes.base.now()).await?,
    );
    let unknown = unknown_serials(&mut tx, &node).await?;
    Ok(DesiredNode {
        generation: cluster.generation,
        incarnation: Some(cluster.incarnation),
        cluster_id: cluster.id,
        services: services_of(&cluster.declared, name, &node.group, &cluster.name),
        ca_bundle: nodes.authorities.fresh(&mut tx).await?.ca_bundle(),
        crls: crls
            .into_iter()
            .map(|CrlRow { head, der, .. }| DesiredCrl {
                issuer: head.issuer,
                shard: head.shard,
                number: head.number,
                pem: pem_crl(&der),
            })
            .collect(),
        report_every: REPORT_EVERY,
        rotate: certificates.into_iter().chain(rotate).collect(),
        revoked: revoked.into_iter().chain(ended).chain(unknown).collect(),
    })
}

/// What the node has reported and the database does not know: certificates of a history that is lost. Nobody can revoke
/// them, so they must be replaced.
pub(super) async fn unknown_serials(tx: &mut Transaction, node: &NodeRow) -> Result<Vec<String>, Failure> {
    let mut unknown = Vec::new();
    for held in &node.held {
        if tx.certificates().find(&held.serial).await?.is_none() {
            unknown.push(held.serial.clone());
        }
    }
    Ok(unknown)
}

/// The certificates that a rotation still waits for, and those that a distrusted authority signed.
fn to_rotate(rotation: Vec<Certificate>, distrusted: Vec<String>) -> BTreeSet<String> {
    let waiting = rotation.into_iter().filter(|certificate| certificate.revoked_at.is_none());
    waiting.map(|certificate| certificate.serial).chain(distrusted).collect()
}

/// The services that run on a node.
pub(crate) fn services_of(
    declared: &PutCluster,
    node: &NodeName,
    group: &str,
    cluster: &ClusterName,
) -> Vec<DesiredService> {
    let here = declared.services.iter().filter(|(_, service)| service.runs_in(group));
    here.map(|(name, service)| desired_service(name, service, &node.dns_name(cluster))).collect()
}

fn desired_service(name: &ServiceName, service: &Service, node: &DnsName) -> DesiredService {
    let mut dns_names = vec![node.clone()];
    dns_names.extend(service.dns_names.iter().filter(|name| *name != node).cloned());
    DesiredService {
        name: name.clone(),
        user: service.user.clone(),
        dns_names,
        ip_addresses: service.ip_addresses.iter().copied().collect(),
        key_algorithm: service.key_algorithm,
        files: service.files.clone(),
        token: service.token.clone(),
        check: service.check.clone(),
        reload: service.reload.clone(),
    }
}
