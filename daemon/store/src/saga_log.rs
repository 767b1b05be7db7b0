//! The log of sagas, an implementation of [`ringfence_saga::Log`]: a replaced owner and a number that is taken are
//! refused in the transaction that appends.

use async_trait::async_trait;
use ringfence_saga::{AppendError, Epoch, Event, LoadError, Log, SagaId};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{json, to_json};
use crate::transaction::{Store, Transaction};

/// The events of sagas in this store, appended by the owner of one lease.
#[derive(Debug, Clone)]
pub struct SagaLog {
    store: Store,
    lease: &'static str,
}

impl SagaLog {
    /// A log that the owner of this lease appends to.
    pub fn new(store: Store, lease: &'static str) -> Self {
        Self { store, lease }
    }

    async fn append_event(
        &self,
        saga: &SagaId,
        epoch: Epoch,
        seq: u32,
        event: &Event,
    ) -> Result<Result<(), AppendError>, StoreError> {
        let mut tx = self.store.write("append_saga_event").await?;
        let newest = tx.leases().epoch(self.lease).await?;
        if newest > epoch {
            return Ok(Err(AppendError::Replaced { saga: saga.clone(), epoch, newest }));
        }
        match tx.saga_events().insert(saga, seq, event).await {
            Ok(()) => tx.commit().await.map(Ok),
            Err(StoreError::Exists(_)) => Ok(Err(AppendError::SeqTaken { saga: saga.clone(), seq })),
            Err(error) => Err(error),
        }
    }
}

/// Statements about the events of sagas.
#[derive(Debug)]
pub struct SagaEvents<'t>(&'t mut Transaction);

impl Transaction {
    /// The events of sagas.
    pub fn saga_events(&mut self) -> SagaEvents<'_> {
        SagaEvents(self)
    }
}

impl SagaEvents<'_> {
    /// Appends one event. A number that is taken is refused.
    pub(crate) async fn insert(&mut self, saga: &SagaId, seq: u32, event: &Event) -> Result<(), StoreError> {
        query("INSERT INTO saga_event (saga, seq, event) VALUES ($1, $2, $3)")
            .bind(saga.as_str())
            .bind(i64::from(seq))
            .bind(to_json(event))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the event", e))?;
        Ok(())
    }

    /// All events of a saga, in order; nothing if the saga is not recorded.
    pub async fn list(&mut self, saga: &SagaId) -> Result<Option<Vec<Event>>, StoreError> {
        let known = query("SELECT 1 FROM saga WHERE id = $1")
            .bind(saga.as_str())
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        if known.is_none() {
            return Ok(None);
        }
        let rows = query("SELECT event FROM saga_event WHERE saga = $1 ORDER BY seq")
            .bind(saga.as_str())
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| json(row, "event")).collect::<Result<_, _>>().map(Some)
    }
}

#[async_trait]
impl Log for SagaLog {
    async fn load(&self, saga: &SagaId) -> Result<Vec<Event>, LoadError> {
        let unavailable = |source: StoreError| LoadError::Unavailable { saga: saga.clone(), source: source.into() };
        let mut tx = self.store.read("load_saga").await.map_err(unavailable)?;
        let events = tx.saga_events().list(saga).await.map_err(unavailable)?;
        events.ok_or_else(|| LoadError::NotFound { saga: saga.clone() })
    }

    async fn append(&self, saga: &SagaId, epoch: Epoch, seq: u32, event: &Event) -> Result<(), AppendError> {
        self.append_event(saga, epoch, seq, event)
            .await
            .unwrap_or_else(|error| Err(AppendError::Unavailable { saga: saga.clone(), seq, source: error.into() }))
    }
}
