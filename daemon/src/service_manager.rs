//! Notifies systemd (`sd_notify(3)`) that the process is ready, alive and stopping. Without a service manager this does
//! nothing.

use sd_notify::{NotifyState, notify};
use tracing::debug;

/// The process is ready.
pub(crate) fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The process is alive. Without this notification systemd restarts it (`WatchdogSec`).
pub(crate) fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// The process is stopping.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping]);
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        debug!(%error, "notifying the service manager failed");
    }
}
