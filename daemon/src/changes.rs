//! Telling those who wait that something was committed. Carries no data: whoever wakes looks at the database.

use tokio::sync::watch;

/// A bell that everybody who waits can hear.
#[derive(Debug)]
pub(crate) struct Changes(watch::Sender<()>);

impl Changes {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Rings. Call it after the commit, never before.
    pub(crate) fn ring(&self) {
        self.0.send_replace(());
    }

    /// Listens from now on: a ring between this call and the wait is heard.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}
