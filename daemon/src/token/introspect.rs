//! `POST /v1/tokens/introspect`: whether a token is active now (RFC 7662), for verifiers that must know when a token is
//! ended early. The first introspection of a one-time token uses it up.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use ringfence_api::ProblemCode;
use ringfence_api::token::{Introspection, PostIntrospection, TokenSubject};
use ringfence_pki::{ReadToken, token_kid};
use ringfence_store::Transaction;
use ringfence_store::token::TokenRow;

use crate::access::{AnyCaller, OperatorCaller};
use crate::base::{Base, Body, Failure};

/// Returns whether a token is active now, and its claims.
pub(crate) async fn introspect(
    State(base): State<Arc<Base>>,
    AnyCaller { actor, .. }: AnyCaller,
    Body(post): Body<PostIntrospection>,
) -> Result<Json<Introspection>, Failure> {
    let mut tx = base.store.read("introspect").await?;
    let Some((row, read)) = valid(&base, &mut tx, &post.token).await? else {
        return Ok(Json(Introspection::inactive()));
    };
    drop(tx);
    if row.one_time {
        let mut tx = base.store.write("use_token").await?;
        // Of concurrent requests, only one ends it.
        if !tx.tokens().end(&row.id, base.now()).await? {
            return Ok(Json(Introspection::inactive()));
        }
        actor.record(&mut tx, "use_token", &row.subject.to_string(), &format!("token {}", row.id), base.now()).await?;
        tx.commit().await?;
    }
    Ok(Json(Introspection {
        active: true,
        sub: Some(read.sub),
        iss: Some(read.iss),
        aud: Some(read.aud),
        exp: Some(read.exp),
        iat: Some(read.iat),
        jti: Some(read.jti),
        project: read.project,
        user: read.user,
        roles: read.roles,
        job: read.job,
        service: read.service,
        node: read.node,
    }))
}

/// The token, if a live key of this cluster signed it, it is neither expired nor ended, and its holder is still a
/// member.
async fn valid(base: &Base, tx: &mut Transaction, token: &str) -> Result<Option<(TokenRow, ReadToken)>, Failure> {
    let now = base.now();
    let Some(kid) = token_kid(token) else { return Ok(None) };
    let keys = tx.token_keys().list_live().await?;
    let Some(key) = keys.into_iter().find(|key| key.view.kid == kid) else { return Ok(None) };
    let Ok(read) = ReadToken::verify(token, &key.public_key) else { return Ok(None) };
    let Some(row) = tx.tokens().find(&read.jti).await? else { return Ok(None) };
    let in_time = read.nbf <= now.as_second() && now.as_second() < read.exp;
    if !in_time || row.kid != kid || row.ended_at.is_some() {
        return Ok(None);
    }
    // The tokens of a service end with the service and with its node.
    if let TokenSubject::ProjectUser(identity) = &row.subject
        && tx.members().find(identity).await?.is_none()
    {
        return Ok(None);
    }
    Ok(Some((row, read)))
}

/// Ends a token early, by its id. Verifiers that do not introspect accept it until it expires.
pub(crate) async fn delete_token(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<()>, Failure> {
    let Path(id) = path.map_err(|rejection| Failure::new(ProblemCode::InvalidRequest, rejection.body_text()))?;
    let now = base.now();
    let mut tx = base.store.write("end_token").await?;
    let row = tx.tokens().find(&id).await?.ok_or_else(|| Failure::not_found(format!("token {id}")))?;
    if tx.tokens().end(&id, now).await? {
        actor.record(&mut tx, "end_token", &row.subject.to_string(), &format!("token {id}"), now).await?;
        tx.commit().await?;
    }
    Ok(Json(()))
}
