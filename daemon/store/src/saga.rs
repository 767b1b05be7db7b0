//! Sagas: what is to be done, and how it ended. Their events are in [`crate::saga_log`].

use jiff::Timestamp;
use ringfence_api::inspect::Saga;
use ringfence_saga::{Event, SagaId};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{json, millis, number, optional_time, time, to_json, value};
use crate::transaction::Transaction;

/// A saga to run. Inserted in the transaction of the change that needs it, it is certain to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSaga<'a> {
    /// Its identity.
    pub id: &'a SagaId,
    /// The kind of operation.
    pub kind: &'a str,
    /// Its subject, for example a node. A subject has at most one unfinished saga.
    pub subject: &'a str,
    /// Its input.
    pub input: serde_json::Value,
}

/// An unfinished saga.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaRow {
    /// Its identity.
    pub id: SagaId,
    /// The kind of operation.
    pub kind: String,
    /// Its subject.
    pub subject: String,
    /// Its input.
    pub input: serde_json::Value,
}

/// The last saga of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSaga {
    /// Its identity.
    pub id: SagaId,
    /// The kind of operation.
    pub kind: String,
    /// How often it has been begun since somebody asked for it.
    pub attempts: u32,
    /// When it finished; nothing while it is running.
    pub finished_at: Option<Timestamp>,
}

/// Statements about sagas.
#[derive(Debug)]
pub struct Sagas<'t>(&'t mut Transaction);

impl Transaction {
    /// Sagas.
    pub fn sagas(&mut self) -> Sagas<'_> {
        Sagas(self)
    }
}

impl Sagas<'_> {
    /// Records a saga.
    pub async fn insert(&mut self, new: &NewSaga<'_>, now: Timestamp) -> Result<(), StoreError> {
        query("INSERT INTO saga (id, kind, subject, input, state, created_at) VALUES ($1, $2, $3, $4, 'running', $5)")
            .bind(new.id.as_str())
            .bind(new.kind)
            .bind(new.subject)
            .bind(to_json(&new.input))
            .bind(millis(now))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the saga", e))?;
        Ok(())
    }

    /// Unfinished sagas, oldest first.
    pub async fn list_unfinished(&mut self) -> Result<Vec<SagaRow>, StoreError> {
        let rows = query(
            "SELECT id, kind, subject, input FROM saga WHERE finished_at IS NULL ORDER BY created_at, id LIMIT 10000",
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter()
            .map(|row| {
                Ok(SagaRow {
                    id: SagaId::new(value::<String>(row, "id")?),
                    kind: value(row, "kind")?,
                    subject: value(row, "subject")?,
                    input: json(row, "input")?,
                })
            })
            .collect()
    }

    /// Records how a saga finished: `done`, `undone` or `stuck`.
    pub async fn finish(&mut self, id: &SagaId, state: &str, now: Timestamp) -> Result<(), StoreError> {
        query("UPDATE saga SET state = $1, finished_at = $2 WHERE id = $3")
            .bind(state)
            .bind(millis(now))
            .bind(id.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Whether a subject has ever had a saga.
    pub async fn exists_of(&mut self, subject: &str) -> Result<bool, StoreError> {
        let row = query("SELECT id FROM saga WHERE subject = $1 LIMIT 1")
            .bind(subject)
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(row.is_some())
    }

    /// The last saga of a subject.
    pub async fn find_last(&mut self, subject: &str) -> Result<Option<LastSaga>, StoreError> {
        let row = query(
            "SELECT id, kind, attempts, finished_at FROM saga WHERE subject = $1 ORDER BY created_at DESC, id LIMIT 1",
        )
        .bind(subject)
        .fetch_optional(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        row.map(|row| {
            Ok(LastSaga {
                id: SagaId::new(value::<String>(&row, "id")?),
                kind: value(&row, "kind")?,
                attempts: number(&row, "attempts")?,
                finished_at: optional_time(&row, "finished_at")?,
            })
        })
        .transpose()
    }

    /// Begins a finished saga again, from its first step. What its last attempt did is forgotten.
    pub async fn begin_again(&mut self, id: &SagaId) -> Result<(), StoreError> {
        query("DELETE FROM saga_event WHERE saga = $1")
            .bind(id.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        query("UPDATE saga SET state = 'running', finished_at = NULL, attempts = attempts + 1 WHERE id = $1")
            .bind(id.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Forgets how often the sagas of a subject have failed, so that the next attempt is not delayed.
    pub async fn forget_attempts(&mut self, subject: &str) -> Result<(), StoreError> {
        query("UPDATE saga SET attempts = 0 WHERE subject = $1 AND finished_at IS NOT NULL")
            .bind(subject)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// The newest sagas, at most `limit`.
    pub async fn list(&mut self, limit: u32) -> Result<Vec<Saga>, StoreError> {
        let rows = query(
            "SELECT id, kind, subject, state, created_at, finished_at, \
             (SELECT event FROM saga_event WHERE saga = saga.id ORDER BY seq DESC LIMIT 1) AS last_event \
             FROM saga ORDER BY created_at DESC, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter()
            .map(|row| {
                let last: Option<String> = value(row, "last_event")?;
                let last = last.and_then(|text| serde_json::from_str::<Event>(&text).ok());
                Ok(Saga {
                    id: value(row, "id")?,
                    kind: value(row, "kind")?,
                    subject: value(row, "subject")?,
                    state: value(row, "state")?,
                    last_event: last.map(|event| format!("{}: {}", event.step(), event.kind())),
                    created_at: time(row, "created_at")?,
                    finished_at: optional_time(row, "finished_at")?,
                })
            })
            .collect()
    }
}
