//! Logs to standard error, one line per event, filtered by `RINGFENCE_LOG` (default `info`). A line that cannot be
//! written, such as on a full disk, is dropped: by default the library reports that on standard error too, and panics.

use tracing_subscriber::EnvFilter;

/// Starts logging for this process.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("RINGFENCE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    let _ = lines.log_internal_errors(false).try_init();
}
