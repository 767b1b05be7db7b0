//! `POST /v1/nodes/{node}/services/{service}/tokens`: issues a token of a service to the agent of its node, if the
//! service is declared there with a token. The audience comes from the declaration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use ringfence_api::cluster::PutCluster;
use ringfence_api::node::NodeState;
use ringfence_api::token::{IssuedToken, TokenSubject};
use ringfence_api::{NodeName, ProblemCode, ServiceName};
use ringfence_pki::About;
use ringfence_store::{StoreError, Transaction};

use crate::access::AgentCaller;
use crate::base::{Base, Failure, Segment};
use crate::token::{NewToken, describe, sign_token};

/// Signs a token of a service on the agent's node.
pub(crate) async fn post_service_token(
    State(base): State<Arc<Base>>,
    caller: AgentCaller,
    Segment(service): Segment<ServiceName>,
) -> Result<Json<IssuedToken>, Failure> {
    let AgentCaller { node, actor } = caller;
    let mut tx = base.store.write("issue_service_token").await?;
    let declared = tx.cluster().get().await?.declared;
    let row = tx.nodes().find(&node).await?.filter(|row| row.state != NodeState::Removing);
    let row = row.ok_or_else(|| Failure::not_found(format!("node {node}")))?;
    let here = declared.services.get(&service).filter(|service| service.runs_in(&row.group));
    let token = here.and_then(|service| service.token.as_ref()).ok_or_else(|| {
        Failure::new(ProblemCode::Forbidden, format!("service {service} is not declared with a token on node {node}"))
    })?;
    let now = base.now();
    let subject = TokenSubject::Service { service: service.clone(), node: node.clone() };
    let requested = row.rotation_requested_at;
    for before in tx.tokens().list_of_node(&node, now).await? {
        // A token from before a requested rotation is replaced now.
        if before.subject == subject && before.ended_at.is_none() && requested.is_some_and(|at| before.issued_at <= at)
        {
            tx.tokens().end(&before.id, now).await?;
        }
    }
    let new = NewToken {
        sub: subject.to_string(),
        subject,
        about: About::Service { service: service.as_str(), node: node.as_str() },
        more: &BTreeMap::new(),
        audience: &token.audience,
        lifetime: declared.authority.token_lifetime,
        job: None,
        one_time: false,
    };
    let issued = sign_token(&base, &mut tx, &new).await?;
    actor.record(&mut tx, "issue_token", &new.sub, &describe(&issued, &token.audience), now).await?;
    tx.commit().await?;
    Ok(Json(issued))
}

/// Ends the tokens of services that are no longer declared with a token. Returns how many.
pub(crate) async fn end_undeclared_tokens(
    tx: &mut Transaction,
    put: &PutCluster,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut ended = 0;
    for node in tx.nodes().list().await? {
        for token in tx.tokens().list_of_node(&node.name, now).await? {
            let TokenSubject::Service { service, .. } = &token.subject else { continue };
            let declared = put.services.get(service).filter(|service| service.runs_in(&node.group));
            if declared.is_none_or(|service| service.token.is_none()) && tx.tokens().end(&token.id, now).await? {
                ended += 1;
            }
        }
    }
    Ok(ended)
}

/// The tokens of a node that its agent must replace: those that are ended, and live ones from before a requested
/// rotation.
pub(crate) async fn tokens_to_replace(
    tx: &mut Transaction,
    node: &NodeName,
    rotation_requested_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(BTreeSet<String>, BTreeSet<String>), StoreError> {
    let (ended, live): (Vec<_>, Vec<_>) =
        tx.tokens().list_of_node(node, now).await?.into_iter().partition(|token| token.ended_at.is_some());
    let rotate = live.into_iter().filter(|token| rotation_requested_at.is_some_and(|at| token.issued_at <= at));
    Ok((ended.into_iter().map(|token| token.id).collect(), rotate.map(|token| token.id).collect()))
}
