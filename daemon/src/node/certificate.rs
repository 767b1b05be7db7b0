//! `POST /v1/nodes/{node}/certificates`: an agent gets a certificate for its node or for a service declared there,
//! and for nothing else. Names come from the declaration.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::node::{IssuedCertificate, NodeState, PostCertificate};
use ringfence_api::{ProblemCode, ServiceName};
use ringfence_pki::Request;
use ringfence_store::{ClusterRow, NodeRow};

use crate::Daemon;
use crate::authority::{Identity, issue};
use crate::http::{AgentCaller, Body, Failure};
use crate::node::desired::services_of;
use crate::node::join::issue_node;

/// Issues a certificate for the node or one of its services.
#[utoipa::path(post, path = "/v1/nodes/{node}/certificates", tag = "nodes", params(("node" = String, Path, description = "The node")), request_body = PostCertificate, responses((status = 200, body = IssuedCertificate), (status = 403, body = ringfence_api::Problem)))]
pub(crate) async fn post_certificate(
    State(daemon): State<Arc<Daemon>>,
    caller: AgentCaller,
    Body(post): Body<PostCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let request = Request::parse(&post.csr)?;
    let now = daemon.now();
    let mut tx = daemon.store.write("issue_certificate").await?;
    let cluster = tx.cluster().await?;
    let node = tx.find_node(&caller.node).await?.filter(|node| node.state != NodeState::Removing);
    let node = node.ok_or_else(|| Failure::not_found(format!("node {}", caller.node)))?;
    let issued = match &post.service {
        None => issue_node(&daemon, &mut tx, &caller.node, &request).await?,
        Some(name) => {
            let identity = service_identity(&cluster, &node, name).ok_or_else(|| {
                Failure::new(ProblemCode::Forbidden, format!("service {name} is not declared on node {}", caller.node))
            })?;
            let lifetime = cluster.declared.authority.service_certificate_lifetime;
            issue(
                &daemon,
                &mut tx,
                (CertificateProfile::Service, CertificateHolder::Agent),
                &identity,
                request.public_key(),
                lifetime,
            )
            .await?
        }
    };
    let holder = post.service.map_or_else(|| caller.node.to_string(), |service| format!("{service}@{}", caller.node));
    caller.actor.record(&mut tx, "issue_certificate", &holder, &issued.serial, now).await?;
    tx.commit().await?;
    Ok(Json(issued))
}

/// What a certificate of this service says on this node, if the service is declared there.
pub(super) fn service_identity(cluster: &ClusterRow, node: &NodeRow, name: &ServiceName) -> Option<Identity> {
    let services = services_of(&cluster.declared, &node.name, &node.group, &cluster.name);
    let service = services.into_iter().find(|service| service.name == *name)?;
    Some(Identity {
        common_name: node.name.dns_name(&cluster.name).to_string(),
        system_user: Some(service.user.to_string()),
        dns_names: service.dns_names.iter().map(ToString::to_string).collect(),
        ip_addresses: service.ip_addresses.into_iter().collect(),
        node: Some(node.name.clone()),
        service: Some(name.clone()),
        job: None,
    })
}
