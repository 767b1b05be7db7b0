//! Sagas as rows: what is to be done, and how it ended. Their events are in [`crate::saga_log`].

use jiff::Timestamp;
use ringfence_api::inspect::Saga;
use ringfence_saga::{Event, SagaId};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{json, millis, optional_time, time, to_json, value};
use crate::transaction::Transaction;

/// A saga to be run. Inserting it in the transaction of the change that wants it is what makes it sure to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSaga<'a> {
    /// Its identity.
    pub id: &'a SagaId,
    /// Which operation.
    pub kind: &'a str,
    /// What it works on. Only one unfinished saga may work on a subject.
    pub subject: &'a str,
    /// Its input.
    pub input: serde_json::Value,
}

/// An unfinished saga.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaRow {
    /// Its identity.
    pub id: SagaId,
    /// Which operation.
    pub kind: String,
    /// What it works on.
    pub subject: String,
    /// Its input.
    pub input: serde_json::Value,
}

impl Transaction {
    /// Records a saga.
    pub async fn insert_saga(&mut self, new: &NewSaga<'_>, now: Timestamp) -> Result<(), StoreError> {
        query("INSERT INTO saga (id, kind, subject, input, state, created_at) VALUES ($1, $2, $3, $4, 'running', $5)")
            .bind(new.id.as_str())
            .bind(new.kind)
            .bind(new.subject)
            .bind(to_json(&new.input))
            .bind(millis(now))
            .execute(self.connection())
            .await
            .map_err(|e| self.refused("the saga", e))?;
        Ok(())
    }

    /// Sagas that have not ended, oldest first.
    pub async fn list_unfinished_sagas(&mut self) -> Result<Vec<SagaRow>, StoreError> {
        let rows = query(
            "SELECT id, kind, subject, input FROM saga WHERE finished_at IS NULL ORDER BY created_at, id LIMIT 10000",
        )
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
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

    /// Records how a saga ended: `done`, `undone` or `stuck`.
    pub async fn update_saga_finished(&mut self, id: &SagaId, state: &str, now: Timestamp) -> Result<(), StoreError> {
        query("UPDATE saga SET state = $1, finished_at = $2 WHERE id = $3")
            .bind(state)
            .bind(millis(now))
            .bind(id.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// When the last saga that worked on a subject ended. Nothing if there was none or it runs.
    pub async fn find_last_saga_end(&mut self, subject: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = query("SELECT finished_at FROM saga WHERE subject = $1 ORDER BY created_at DESC, id LIMIT 1")
            .bind(subject)
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        row.map_or(Ok(None), |row| optional_time(&row, "finished_at"))
    }

    /// The newest sagas, at most so many.
    pub async fn list_sagas(&mut self, limit: u32) -> Result<Vec<Saga>, StoreError> {
        let rows = query(
            "SELECT id, kind, subject, state, created_at, finished_at, \
             (SELECT event FROM saga_event WHERE saga = saga.id ORDER BY seq DESC LIMIT 1) AS last_event \
             FROM saga ORDER BY created_at DESC, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
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
