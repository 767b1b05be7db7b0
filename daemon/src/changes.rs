//! Telling those who wait that something was committed, here and at the other daemons of the database. Carries no data:
//! whoever wakes looks at the database.

use std::sync::Arc;

use ringfence_store::{Announcer, Heard};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Daemon;

/// What the other daemons are told when the bell rings.
const WORD: &str = "changes";

/// A bell that everybody who waits can hear.
#[derive(Debug)]
pub(crate) struct Changes {
    bell: watch::Sender<()>,
    announcer: Announcer,
}

impl Changes {
    pub(crate) fn new(announcer: Announcer) -> Self {
        Self { bell: watch::Sender::new(()), announcer }
    }

    /// Rings. Call it after the commit, never before.
    pub(crate) fn ring(&self) {
        self.bell.send_replace(());
        self.announcer.say(WORD);
    }

    /// Listens from now on: a ring between this call and the wait is heard.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }
}

/// Passes on what the other daemons say, until told to stop.
pub(crate) async fn hear(daemon: Arc<Daemon>, mut heard: Heard, stop: CancellationToken) {
    while let Some(Some(word)) = stop.run_until_cancelled(heard.recv()).await {
        match word.as_deref() {
            Some(WORD) => {
                daemon.changes.bell.send_replace(());
            }
            Some(task) => daemon.tasks.wake_named(task),
            // Something may have been said that was not heard.
            None => {
                daemon.changes.bell.send_replace(());
                daemon.tasks.wake_all();
            }
        }
    }
}
