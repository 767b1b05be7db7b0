//! Going when the parent goes.
//!
//! A Terraform that was killed cannot say so, and an orphaned provider would stay for ever. The kernel's parent-death
//! signal is tied to the thread that started us, and the threads of Terraform come and go; so we look.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

const PERIOD: Duration = Duration::from_secs(1);

/// The process that started us.
pub(super) struct Parent(#[cfg(unix)] Option<rustix::process::Pid>);

impl Parent {
    /// To be asked before the handshake: right after it the parent may be gone.
    pub(super) fn now() -> Self {
        Self(
            #[cfg(unix)]
            rustix::process::getppid(),
        )
    }

    #[cfg(unix)]
    fn is_gone(&self) -> bool {
        rustix::process::getppid() != self.0
    }

    /// Elsewhere a process keeps its parent; there the closed connection has to do.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "as on Unix")]
    fn is_gone(&self) -> bool {
        false
    }

    /// Fires the token when the parent is gone.
    pub(super) async fn watch(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.cancelled() => return,
            }
            if self.is_gone() {
                tracing::warn!("the process that started the provider is gone");
                return shutdown.cancel();
            }
        }
    }
}
