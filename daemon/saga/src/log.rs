//! Where a saga's events are kept, as a trait: the database implements it elsewhere.
//!
//! An implementation owes two refusals, both decided in the same transaction that appends: an
//! owner older than the newest is refused, and so is a number already taken. With these a daemon
//! that lost its lease can neither write nor, since acting needs a logged intent, begin to act.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use crate::Event;

/// The append-only logs of sagas.
#[async_trait]
pub trait Log: Send + Sync {
    /// Every event of one saga, in order. A saga that exists and has not begun has none.
    async fn load(&self, saga: &SagaId) -> Result<Vec<Event>, LoadError>;

    /// Makes one event durable as number `seq` (from 0) of its saga.
    async fn append(&self, saga: &SagaId, epoch: Epoch, seq: u32, event: &Event) -> Result<(), AppendError>;
}

/// Names one saga: one run of one operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SagaId(String);

impl SagaId {
    /// Takes the id that the database gave the saga.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of its successive owners a saga is run by; a later owner has a greater epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No such saga was ever recorded.
    #[error("saga {saga} is not recorded")]
    NotFound {
        /// The saga asked for.
        saga: SagaId,
    },
    /// The log could not be reached or understood; nothing is known about the saga.
    #[error("cannot read the log of saga {saga}")]
    Unavailable {
        /// The saga asked for.
        saga: SagaId,
        /// What the storage said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Why an event was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another owner has taken over; this one stops at once and leaves the saga alone.
    #[error("saga {saga} belongs to the owner of epoch {newest}; the owner of epoch {epoch} was replaced")]
    Replaced {
        /// The saga.
        saga: SagaId,
        /// The epoch of the refused owner.
        epoch: Epoch,
        /// The epoch of the present owner.
        newest: Epoch,
    },
    /// The number is taken: somebody else runs this saga, or an append whose answer was lost had
    /// succeeded. Run the saga again from its log.
    #[error("saga {saga} already has an event {seq}")]
    SeqTaken {
        /// The saga.
        saga: SagaId,
        /// The number that is taken.
        seq: u32,
    },
    /// It is unknown whether the event was stored. Run the saga again from its log.
    #[error("cannot append event {seq} to the log of saga {saga}")]
    Unavailable {
        /// The saga.
        saga: SagaId,
        /// The number of the event.
        seq: u32,
        /// What the storage said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
