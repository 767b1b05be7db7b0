//! Logs to standard error, one line per event, filtered by `RINGFENCE_LOG` (default `info`).

use tracing_subscriber::EnvFilter;

/// Starts logging for this process.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("RINGFENCE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
}
