//! Receives notifications from the other daemons on the database, and wakes what waits for them here.

use std::sync::Arc;

use ringfence_store::Announcements;
use tokio_util::sync::CancellationToken;

use crate::base::Base;

/// Relays the notifications of the other daemons until `stop` is cancelled.
pub(crate) async fn listen_to_others(base: Arc<Base>, mut announcements: Announcements, stop: CancellationToken) {
    while let Some(Some(word)) = stop.run_until_cancelled(announcements.recv()).await {
        match word.as_deref() {
            Some(word) if base.changes.relay(word) => {}
            Some(word) => base.events.relay(word),
            // Notifications may have been lost.
            None => {
                base.changes.wake_all();
                base.events.wake_all();
            }
        }
    }
}
