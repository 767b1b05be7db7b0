//! The audit log: append-only, each row chained to the previous one by its hash.

use jiff::Timestamp;
use ringfence_api::inspect::{AuditCheckpoint, AuditEntry};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{ROWS, Row, millis, time, value, values};
use crate::transaction::Transaction;

/// A row to append, in the transaction of the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditRow<'a> {
    /// Who did it.
    pub actor: &'a str,
    /// Where the request came from.
    pub source: &'a str,
    /// What was done.
    pub action: &'a str,
    /// What it was done to.
    pub object: &'a str,
    /// How it ended.
    pub outcome: &'a str,
}

/// A row of the log.
pub type AuditRow = AuditEntry;

/// How many rows are read at once to verify the whole log.
const BATCH: u32 = 1_000;

fn read(row: &Row) -> Result<AuditRow, StoreError> {
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
}

fn read_checkpoint(row: &Row) -> Result<AuditCheckpoint, StoreError> {
    Ok(AuditCheckpoint {
        sequence: value(row, "sequence")?,
        at: time(row, "at")?,
        hash: value(row, "hash")?,
        kid: value(row, "kid")?,
        signature: value(row, "signature")?,
    })
}

/// Statements about the audit log.
#[derive(Debug)]
pub struct Audit<'t>(&'t mut Transaction);

impl Transaction {
    /// The audit log.
    pub fn audit(&mut self) -> Audit<'_> {
        Audit(self)
    }
}

impl Audit<'_> {
    /// Appends rows, in order.
    pub async fn insert(&mut self, new: &[NewAuditRow<'_>], now: Timestamp) -> Result<(), StoreError> {
        let last = query("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        let (mut sequence, mut previous): (i64, String) = match last {
            Some(row) => (value(&row, "sequence")?, value(&row, "hash")?),
            None => (0, AuditEntry::GENESIS.to_owned()),
        };
        for new in new.chunks(ROWS) {
            let values = values(new.len(), 8);
            let mut insert = query(sqlx::AssertSqlSafe(format!(
                "INSERT INTO audit (sequence, at, actor, source, action, object, outcome, hash) VALUES {values}"
            )));
            for new in new {
                sequence += 1;
                let entry = AuditEntry {
                    sequence,
                    at: now,
                    actor: new.actor.to_owned(),
                    source: new.source.to_owned(),
                    action: new.action.to_owned(),
                    object: new.object.to_owned(),
                    outcome: new.outcome.to_owned(),
                    hash: String::new(),
                };
                previous = entry.hash_after(&previous);
                insert = insert
                    .bind(sequence)
                    .bind(millis(now))
                    .bind(new.actor)
                    .bind(new.source)
                    .bind(new.action)
                    .bind(new.object)
                    .bind(new.outcome)
                    .bind(previous.clone());
            }
            insert.execute(self.0.connection()).await.map_err(|e| self.0.refused("the audit row", e))?;
        }
        Ok(())
    }

    /// The newest rows, at most `limit`.
    pub async fn list(&mut self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows = query(
            "SELECT sequence, at, actor, source, action, object, outcome, hash FROM audit \
             ORDER BY sequence DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// The rows after a sequence number, oldest first, at most `limit`.
    pub async fn list_after(&mut self, sequence: i64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows = query(
            "SELECT sequence, at, actor, source, action, object, outcome, hash FROM audit WHERE sequence > $1 \
             ORDER BY sequence LIMIT $2",
        )
        .bind(sequence)
        .bind(i64::from(limit))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// Records a checkpoint. A second checkpoint of a row is refused.
    pub async fn insert_checkpoint(&mut self, new: &AuditCheckpoint) -> Result<(), StoreError> {
        query("INSERT INTO audit_checkpoint (sequence, at, hash, kid, signature) VALUES ($1, $2, $3, $4, $5)")
            .bind(new.sequence)
            .bind(millis(new.at))
            .bind(&new.hash)
            .bind(&new.kid)
            .bind(&new.signature)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the checkpoint", e))?;
        Ok(())
    }

    /// The checkpoints of rows after a sequence number, oldest first, at most `limit`.
    pub async fn list_checkpoints(&mut self, sequence: i64, limit: u32) -> Result<Vec<AuditCheckpoint>, StoreError> {
        let rows = query(
            "SELECT sequence, at, hash, kid, signature FROM audit_checkpoint WHERE sequence > $1 \
             ORDER BY sequence LIMIT $2",
        )
        .bind(sequence)
        .bind(i64::from(limit))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(read_checkpoint).collect()
    }

    /// The last checkpoint.
    pub async fn find_last_checkpoint(&mut self) -> Result<Option<AuditCheckpoint>, StoreError> {
        let row =
            query("SELECT sequence, at, hash, kid, signature FROM audit_checkpoint ORDER BY sequence DESC LIMIT 1")
                .fetch_optional(self.0.connection())
                .await
                .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(read_checkpoint).transpose()
    }

    /// Verifies the whole chain. Returns the sequence number of the first row that breaks it, if any.
    pub async fn find_first_break(&mut self) -> Result<Option<i64>, StoreError> {
        let mut previous = AuditEntry::GENESIS.to_owned();
        let mut last = 0;
        loop {
            let rows = self.list_after(last, BATCH).await?;
            if rows.is_empty() {
                return Ok(None);
            }
            for row in rows {
                last += 1;
                if row.sequence != last || row.hash != row.hash_after(&previous) {
                    return Ok(Some(last));
                }
                previous = row.hash;
            }
        }
    }
}
