//! A log in memory, for the tests of those who write sagas. It gives the same refusals as a
//! database, and keeps nothing when the process ends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{AppendError, Epoch, Event, LoadError, Log, SagaId};

/// Logs kept in memory. A saga nobody wrote about has an empty log.
#[derive(Debug, Default)]
pub struct MemoryLog(Mutex<HashMap<SagaId, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    events: Vec<Event>,
    newest: Option<Epoch>,
}

impl MemoryLog {
    /// Starts with no saga.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts with one saga that has already come so far.
    pub fn with(saga: SagaId, events: Vec<Event>) -> Self {
        Self(Mutex::new(HashMap::from([(saga, Entry { events, newest: None })])))
    }

    /// The events of one saga, in order.
    pub fn events(&self, saga: &SagaId) -> Vec<Event> {
        self.entries().get(saga).map(|entry| entry.events.clone()).unwrap_or_default()
    }

    /// Gives the saga to a new owner, as a lease that changes hands does: older epochs are
    /// refused from now on.
    pub fn hand_over(&self, saga: &SagaId, epoch: Epoch) {
        let mut entries = self.entries();
        let newest = &mut entries.entry(saga.clone()).or_default().newest;
        *newest = (*newest).max(Some(epoch));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<SagaId, Entry>> {
        // Every change is a single push, so a panic elsewhere leaves nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn load(&self, saga: &SagaId) -> Result<Vec<Event>, LoadError> {
        Ok(self.events(saga))
    }

    async fn append(&self, saga: &SagaId, epoch: Epoch, seq: u32, event: &Event) -> Result<(), AppendError> {
        let mut entries = self.entries();
        let entry = entries.entry(saga.clone()).or_default();
        if let Some(newest) = entry.newest.filter(|newest| *newest > epoch) {
            return Err(AppendError::Replaced { saga: saga.clone(), epoch, newest });
        }
        if entry.events.len() != seq as usize {
            return Err(AppendError::SeqTaken { saga: saga.clone(), seq });
        }
        entry.newest = Some(epoch);
        entry.events.push(event.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replaced_owner_and_a_taken_number_are_refused() {
        let (log, id) = (MemoryLog::new(), SagaId::new("s"));
        let event = Event::StepStarted { step: "a".into() };
        log.append(&id, Epoch(1), 0, &event).await.unwrap();
        assert!(matches!(log.append(&id, Epoch(1), 0, &event).await, Err(AppendError::SeqTaken { seq: 0, .. })));
        log.hand_over(&id, Epoch(2));
        assert!(matches!(
            log.append(&id, Epoch(1), 1, &event).await,
            Err(AppendError::Replaced { newest: Epoch(2), .. })
        ));
        assert_eq!(log.events(&id), [event]);
    }
}
