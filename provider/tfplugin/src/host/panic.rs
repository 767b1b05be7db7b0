//! Panics in the form that Terraform shows: a line that starts with `panic: `, then the backtrace.

use std::backtrace::Backtrace;
use std::io::Write;
use std::panic::PanicHookInfo;

/// Replaces the panic hook.
pub(super) fn install() {
    std::panic::set_hook(Box::new(|panic| {
        let report = report(panic, &Backtrace::force_capture());
        // One write, so that lines of other threads stay out of it.
        let _ = std::io::stderr().lock().write_all(report.as_bytes());
    }));
}

fn report(panic: &PanicHookInfo<'_>, backtrace: &Backtrace) -> String {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    format!("panic: {message}\n\nat {place}\n{backtrace}\n")
}
