//! What happened that tasks look at the world for. A task says which events wake it; whoever causes an event need not know
//! which tasks there are.
//!
//! An event carries no data and may be lost: whoever wakes looks at the database, and looks again after its period anyway.
//! Tasks of the daemon that leads are woken from every daemon of the database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringfence_store::Announcer;
use tokio::sync::Notify;

/// Something that was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A certificate was revoked.
    Revoked,
    /// A rotation of authorities was requested, or nodes came closer to one.
    RotationWanted,
    /// An authority was prepared, activated, retired or imported.
    AuthoritiesChanged,
    /// A saga was recorded.
    SagaRecorded,
    /// A saga ended.
    SagaEnded,
    /// Another version of the master key seals.
    MasterKeyRotated,
    /// This daemon leads from now on.
    LeadTaken,
}

impl Event {
    const ALL: [Self; 7] = [
        Self::Revoked,
        Self::RotationWanted,
        Self::AuthoritiesChanged,
        Self::SagaRecorded,
        Self::SagaEnded,
        Self::MasterKeyRotated,
        Self::LeadTaken,
    ];

    /// The word for it between daemons.
    const fn word(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::RotationWanted => "rotation_wanted",
            Self::AuthoritiesChanged => "authorities_changed",
            Self::SagaRecorded => "saga_recorded",
            Self::SagaEnded => "saga_ended",
            Self::MasterKeyRotated => "master_key_rotated",
            Self::LeadTaken => "lead_taken",
        }
    }
}

/// Who is woken by what.
#[derive(Debug)]
pub(crate) struct Events {
    announcer: Announcer,
    sleepers: Mutex<Vec<Sleeper>>,
}

/// A task that waits.
#[derive(Debug, Clone)]
struct Sleeper {
    woken_by: &'static [Event],
    leads: bool,
    bell: Arc<Notify>,
}

impl Events {
    pub(crate) fn new(announcer: Announcer) -> Self {
        Self { announcer, sleepers: Mutex::default() }
    }

    /// A bell that these events ring. One of a task that only the daemon that leads runs rings there from every daemon.
    pub(crate) fn subscribe(&self, woken_by: &'static [Event], leads: bool) -> Arc<Notify> {
        let bell = Arc::new(Notify::new());
        self.sleepers().push(Sleeper { woken_by, leads, bell: bell.clone() });
        bell
    }

    /// Wakes whom it concerns, here and at the daemon that leads. Call it after the commit, never before.
    pub(crate) fn happened(&self, event: Event) {
        let mut leads = false;
        for sleeper in self.sleepers().iter().filter(|sleeper| sleeper.woken_by.contains(&event)) {
            sleeper.bell.notify_one();
            leads |= sleeper.leads;
        }
        if leads {
            self.announcer.announce(event.word());
        }
    }

    /// Passes on what another daemon announced. Tasks that every daemon runs were woken where it happened.
    pub(super) fn hear(&self, word: &str) {
        let event = Event::ALL.into_iter().find(|event| event.word() == word);
        let concerns =
            |sleeper: &&Sleeper| sleeper.leads && event.is_some_and(|event| sleeper.woken_by.contains(&event));
        self.sleepers().iter().filter(concerns).for_each(|sleeper| sleeper.bell.notify_one());
    }

    /// Wakes every task here.
    pub(super) fn wake_all(&self) {
        self.sleepers().iter().for_each(|sleeper| sleeper.bell.notify_one());
    }

    fn sleepers(&self) -> MutexGuard<'_, Vec<Sleeper>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Event::ALL.into_iter().map(Event::word).collect();
        assert_eq!(words.len(), Event::ALL.len());
    }
}
