//! Telling those who wait that something was committed, here and at the other daemons of the database. Carries no data:
//! whoever wakes looks at the database.

use ringfence_store::Announcer;
use tokio::sync::watch;

/// What the other daemons are told when a bell rings.
const DESIRED: &str = "desired";
const STATES: &str = "states";

/// Two bells: one for what nodes should hold, for which every agent waits, and one for everything that may be waited for.
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

    /// What nodes should hold has changed, or may have. Call it after the commit, never before.
    pub(crate) fn ring_desired(&self) {
        self.announcer.announce(DESIRED);
        self.sound(DESIRED);
    }

    /// What is known of nodes has changed, and not what they should hold. Call it after the commit, never before.
    pub(crate) fn ring_states(&self) {
        self.announcer.announce(STATES);
        self.sound(STATES);
    }

    /// Listens to every change from now on: a ring between this call and the wait is heard.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.all.subscribe()
    }

    /// The same, for changes of what nodes should hold only.
    pub(crate) fn listen_desired(&self) -> watch::Receiver<()> {
        self.desired.subscribe()
    }

    /// Passes on what another daemon announced, if it is one of these.
    pub(super) fn hear(&self, word: &str) -> bool {
        let ours = [DESIRED, STATES].contains(&word);
        if ours {
            self.sound(word);
        }
        ours
    }

    /// Wakes everybody who waits here.
    pub(super) fn sound_all(&self) {
        self.sound(DESIRED);
    }

    fn sound(&self, word: &str) {
        if word == DESIRED {
            self.desired.send_replace(());
        }
        self.all.send_replace(());
    }
}
