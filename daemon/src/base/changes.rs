//! Notifies waiting requests of commits, here and in the other daemons on the database. A notification carries no data:
//! the receiver reads the database.

use ringfence_store::Announcer;
use tokio::sync::watch;

/// The words for the two kinds of change in notifications between daemons.
const DESIRED: &str = "desired";
const STATES: &str = "states";

/// Two channels: one for changes of what nodes should hold, on which every agent waits, and one for all changes.
#[derive(Debug)]
pub(crate) struct Changes {
    desired: watch::Sender<()>,
    all: watch::Sender<()>,
    announcer: Announcer,
}

impl Changes {
    pub(crate) fn new(announcer: Announcer) -> Self {
        Self { desired: watch::Sender::new(()), all: watch::Sender::new(()), announcer }
    }

    /// Notifies that what nodes should hold may have changed. Call it after the commit, never before.
    pub(crate) fn notify_desired(&self) {
        self.announcer.announce(DESIRED);
        self.wake(DESIRED);
    }

    /// Notifies that the state of nodes has changed, but not what they should hold. Call it after the commit, never
    /// before.
    pub(crate) fn notify_states(&self) {
        self.announcer.announce(STATES);
        self.wake(STATES);
    }

    /// Subscribes to all changes. A notification between this call and the wait is not lost.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.all.subscribe()
    }

    /// Subscribes to changes of what nodes should hold.
    pub(crate) fn subscribe_desired(&self) -> watch::Receiver<()> {
        self.desired.subscribe()
    }

    /// Relays a notification from another daemon. Returns whether it is of a kind that this type knows.
    pub(super) fn relay(&self, word: &str) -> bool {
        let is_known = [DESIRED, STATES].contains(&word);
        if is_known {
            self.wake(word);
        }
        is_known
    }

    /// Wakes all subscribers in this daemon.
    pub(super) fn wake_all(&self) {
        self.wake(DESIRED);
    }

    fn wake(&self, word: &str) {
        if word == DESIRED {
            self.desired.send_replace(());
        }
        self.all.send_replace(());
    }
}
