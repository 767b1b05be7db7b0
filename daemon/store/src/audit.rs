//! The audit log: append-only, each row chained to the one before by its hash.

use jiff::Timestamp;
use ringfence_api::inspect::AuditEntry;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, time, value};
use crate::transaction::Transaction;

/// What happened. Written in the transaction of the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditRow<'a> {
    /// Who.
    pub actor: &'a str,
    /// From where.
    pub source: &'a str,
    /// What was done.
    pub action: &'a str,
    /// To what.
    pub object: &'a str,
    /// How it ended.
    pub outcome: &'a str,
}

/// A row of the log.
pub type AuditRow = AuditEntry;

/// The hash before the first row.
const GENESIS: &str = "ringfence audit v1";

/// SHA-256 over the previous hash and every field, each preceded by its length so that no two rows read alike.
fn chain(previous: &str, sequence: i64, at: Timestamp, new: &NewAuditRow<'_>) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let (sequence, at) = (sequence.to_string(), millis(at).to_string());
    for field in [previous, &sequence, &at, new.actor, new.source, new.action, new.object, new.outcome] {
        context.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(field.as_bytes());
    }
    hex::encode(context.finish())
}

impl Transaction {
    /// Appends a row.
    pub async fn insert_audit(&mut self, new: &NewAuditRow<'_>, now: Timestamp) -> Result<(), StoreError> {
        let last = query("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        let (sequence, previous): (i64, String) = match last {
            Some(row) => (value(&row, "sequence")?, value(&row, "hash")?),
            None => (0, GENESIS.to_owned()),
        };
        let sequence = sequence + 1;
        let hash = chain(&previous, sequence, now, new);
        query(
            "INSERT INTO audit (sequence, at, actor, source, action, object, outcome, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(sequence)
        .bind(millis(now))
        .bind(new.actor)
        .bind(new.source)
        .bind(new.action)
        .bind(new.object)
        .bind(new.outcome)
        .bind(hash)
        .execute(self.connection())
        .await
        .map_err(|e| self.refused("the audit row", e))?;
        Ok(())
    }

    /// The newest rows, at most so many.
    pub async fn list_audit(&mut self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows = query(
            "SELECT sequence, at, actor, source, action, object, outcome, hash FROM audit \
             ORDER BY sequence DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter()
            .map(|row| {
                Ok(AuditEntry {
                    sequence: value(row, "sequence")?,
                    at: time(row, "at")?,
                    actor: value(row, "actor")?,
                    source: value(row, "source")?,
                    action: value(row, "action")?,
                    object: value(row, "object")?,
                    outcome: value(row, "outcome")?,
                    hash: value(row, "hash")?,
                })
            })
            .collect()
    }

    /// Walks the whole chain. Returns the number of the first row that does not fit, if any.
    pub async fn find_audit_break(&mut self) -> Result<Option<i64>, StoreError> {
        let rows =
            query("SELECT sequence, at, actor, source, action, object, outcome, hash FROM audit ORDER BY sequence")
                .fetch_all(self.connection())
                .await
                .map_err(|e| self.failed(e))?;
        let mut previous = GENESIS.to_owned();
        for (expected, row) in (1_i64..).zip(&rows) {
            let fields: [String; 5] = [
                value(row, "actor")?,
                value(row, "source")?,
                value(row, "action")?,
                value(row, "object")?,
                value(row, "outcome")?,
            ];
            let [actor, source, action, object, outcome] = &fields;
            let new = NewAuditRow { actor, source, action, object, outcome };
            let sequence: i64 = value(row, "sequence")?;
            let hash: String = value(row, "hash")?;
            if sequence != expected || hash != chain(&previous, sequence, time(row, "at")?, &new) {
                return Ok(Some(expected));
            }
            previous = hash;
        }
        Ok(None)
    }
}
