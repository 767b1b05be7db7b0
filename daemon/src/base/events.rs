//! Events wake tasks. A task declares which events wake it; code that causes an event need not know the tasks.
//!
//! An event carries no data and may be lost: a task reads the database when it wakes, and runs again after its period
//! anyway. Tasks that only the leader runs are woken by events in every daemon on the database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringfence_store::Announcer;
use strum::{EnumString, IntoStaticStr};
use tokio::sync::Notify;

/// A kind of committed change. Its word stands for it in notifications between daemons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Event {
    /// A certificate was revoked.
    Revoked,
    /// A rotation of authorities was requested, or a node made progress towards one.
    RotationWanted,
    /// An authority was prepared, activated, retired or imported.
    AuthoritiesChanged,
    /// A saga was recorded.
    SagaRecorded,
    /// A saga ended.
    SagaEnded,
    /// A new version of the master key is active.
    MasterKeyRotated,
    /// This daemon became the leader.
    LeadTaken,
}

/// Notifies tasks of events.
#[derive(Debug)]
pub(crate) struct Events {
    announcer: Announcer,
    subscribers: Mutex<Vec<Subscriber>>,
}

/// A task, with the events that wake it.
#[derive(Debug, Clone)]
struct Subscriber {
    woken_by: &'static [Event],
    leads: bool,
    notify: Arc<Notify>,
}

impl Events {
    pub(crate) fn new(announcer: Announcer) -> Self {
        Self { announcer, subscribers: Mutex::default() }
    }

    /// Subscribes a task to these events. With `leads`, events of every daemon wake it in the leader.
    pub(crate) fn subscribe(&self, woken_by: &'static [Event], leads: bool) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.subscribers().push(Subscriber { woken_by, leads, notify: notify.clone() });
        notify
    }

    /// Wakes the tasks that subscribe to the event, here and in the leader. Call it after the commit, never before.
    pub(crate) fn notify(&self, event: Event) {
        let mut leads = false;
        for subscriber in self.subscribers().iter().filter(|subscriber| subscriber.woken_by.contains(&event)) {
            subscriber.notify.notify_one();
            leads |= subscriber.leads;
        }
        if leads {
            self.announcer.announce(event.into());
        }
    }

    /// Relays an event from another daemon to tasks that only the leader runs. Tasks that every daemon runs were woken
    /// there.
    pub(super) fn relay(&self, word: &str) {
        let event = word.parse::<Event>().ok();
        let concerns = |subscriber: &&Subscriber| {
            subscriber.leads && event.is_some_and(|event| subscriber.woken_by.contains(&event))
        };
        self.subscribers().iter().filter(concerns).for_each(|subscriber| subscriber.notify.notify_one());
    }

    /// Wakes every task of this daemon.
    pub(super) fn wake_all(&self) {
        self.subscribers().iter().for_each(|subscriber| subscriber.notify.notify_one());
    }

    fn subscribers(&self) -> MutexGuard<'_, Vec<Subscriber>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
