//! Checkpoints of the audit log: the hash of its last row, signed by the key that signs tokens. An attacker who can
//! write to the database can recompute the hashes of the log, but cannot sign.
//!
//! A checkpoint is a JWS (RFC 7515) of the type `ringfence-audit+jwt`. It has no audience and no expiry, so that no
//! verifier accepts it as a token.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::ProblemCode;
use ringfence_api::inspect::{AuditCheckpoint, AuditEntry};
use ringfence_api::token::Jwks;
use ringfence_pki::Checkpoint;
use ringfence_store::Transaction;

use crate::access::OperatorCaller;
use crate::base::crash_point::signed;
use crate::base::{Base, Failure, Range, Task};
use crate::token::active_key;

/// A growing log is signed at least this often.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// The log is also signed after this many new rows.
const ROWS: i64 = 1_000;

/// The checkpoints after a row, oldest first.
pub(crate) async fn list_checkpoints(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Range { after, limit }: Range,
) -> Result<Json<Vec<AuditCheckpoint>>, Failure> {
    let mut tx = base.store.read("list_checkpoints").await?;
    Ok(Json(tx.audit().list_checkpoints(after.unwrap_or_default(), limit).await?))
}

/// Signs a checkpoint of the log now.
pub(crate) async fn post_checkpoint(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
) -> Result<Json<AuditCheckpoint>, Failure> {
    let mut tx = base.store.write("sign_checkpoint").await?;
    let checkpoint = sign(&base, &mut tx, base.now()).await?;
    tx.commit().await?;
    Ok(Json(checkpoint))
}

/// Every key that ever signed tokens or checkpoints, including erased ones. Public.
pub(crate) async fn list_audit_keys(State(base): State<Arc<Base>>) -> Result<Json<Jwks>, Failure> {
    let keys = base.store.read("list_audit_keys").await?.token_keys().list_public().await?;
    Ok(Json(Jwks { keys }))
}

/// Signs checkpoints when they are due.
pub(crate) struct SignCheckpoints(pub(super) Arc<Base>);

#[async_trait]
impl Task for SignCheckpoints {
    fn name(&self) -> &'static str {
        "sign_checkpoints"
    }

    fn purpose(&self) -> &'static str {
        "signs a checkpoint of the audit log, once an hour and after a thousand rows"
    }

    fn period(&self) -> Duration {
        Duration::from_mins(1)
    }

    async fn run(&self) -> anyhow::Result<String> {
        let Self(base) = self;
        let now = base.now();
        let mut tx = base.store.read("look_at_checkpoints").await?;
        let due = is_due(&mut tx, now).await?;
        drop(tx);
        if !due {
            return Ok(String::new());
        }
        let mut tx = base.store.write("sign_checkpoint").await?;
        // Another daemon may have been faster.
        if !is_due(&mut tx, now).await? {
            return Ok(String::new());
        }
        let checkpoint = sign(base, &mut tx, now).await?;
        tx.commit().await?;
        Ok(format!("signed row {}", checkpoint.sequence))
    }
}

async fn is_due(tx: &mut Transaction, now: Timestamp) -> Result<bool, Failure> {
    let rows = tx.audit().list(1).await?;
    let Some(last) = rows.first() else { return Ok(false) };
    let (signed, at) = match tx.audit().find_last_checkpoint().await? {
        Some(checkpoint) => (checkpoint.sequence, checkpoint.at),
        None => (0, Timestamp::UNIX_EPOCH),
    };
    // A log that has become shorter is due too: `sign` reports it.
    Ok(last.sequence < signed
        || last.sequence > signed && (last.sequence >= signed + ROWS || now.duration_since(at).abs() >= EVERY))
}

/// Signs the last row, unless it is signed. The caller commits.
async fn sign(base: &Base, tx: &mut Transaction, now: Timestamp) -> Result<AuditCheckpoint, Failure> {
    let rows = tx.audit().list(1).await?;
    let last = rows.first().context("a cluster begins with a row of the log").map_err(Failure::internal)?;
    if let Some(present) = tx.audit().find_last_checkpoint().await? {
        let still = tx.audit().list_after(present.sequence - 1, 1).await?;
        let stands = still.first().is_some_and(|row| (row.sequence, &row.hash) == (present.sequence, &present.hash));
        if stands && present.sequence == last.sequence {
            return Ok(present);
        }
        if stands {
            return sign_row(base, tx, last, now).await;
        }
        let detail = format!(
            "row {} of the audit log was signed, and has been changed or removed since; the log ends with row {}. \
             Export it, and compare it with an earlier export",
            present.sequence, last.sequence
        );
        return Err(Failure::new(ProblemCode::Conflict, detail));
    }
    sign_row(base, tx, last, now).await
}

async fn sign_row(
    base: &Base,
    tx: &mut Transaction,
    last: &AuditEntry,
    now: Timestamp,
) -> Result<AuditCheckpoint, Failure> {
    let (kid, key) = active_key(base, tx).await?;
    let issuer = format!("urn:ringfence:{}", base.cluster_id);
    let content = Checkpoint { issuer, signed_at: now.as_second(), sequence: last.sequence, hash: last.hash.clone() };
    let signature = key.sign_checkpoint(&content).map_err(Failure::internal)?;
    signed("checkpoint");
    // In milliseconds, as the database records it.
    let at = Timestamp::from_millisecond(now.as_millisecond()).map_err(Failure::internal)?;
    let (sequence, hash) = (last.sequence, last.hash.clone());
    let checkpoint = AuditCheckpoint { sequence, at, hash, kid, signature };
    tx.audit().insert_checkpoint(&checkpoint).await?;
    Ok(checkpoint)
}
