//! Telling systemd how it goes (`sd_notify(3)`): that the work has begun, that it goes on, that it ends. Without a service
//! manager nobody is told.

use sd_notify::{NotifyState, notify};
use tracing::debug;

/// The work has begun.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It goes on. Whoever stops saying so is started again (`WatchdogSec`).
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// It ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        debug!(%error, "the service manager cannot be told");
    }
}
