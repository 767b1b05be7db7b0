//! Listening to the other daemons of the database: what is committed there wakes those who wait here.

use std::sync::Arc;

use ringfence_store::Announcements;
use tokio_util::sync::CancellationToken;

use crate::base::Base;

/// Passes on what the other daemons announce, until told to stop.
pub(crate) async fn listen_to_others(base: Arc<Base>, mut heard: Announcements, stop: CancellationToken) {
    while let Some(Some(word)) = stop.run_until_cancelled(heard.recv()).await {
        match word.as_deref() {
            Some(word) if base.changes.hear(word) => {}
            Some(word) => base.events.hear(word),
            // Something may have been announced that was not heard.
            None => {
                base.changes.sound_all();
                base.events.wake_all();
            }
        }
    }
}
