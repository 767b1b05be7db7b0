//! A panic in one call is that call's error, not the end of the provider.
//!
//! The panic hook has already printed message and backtrace by the time these functions see the panic.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;

use crate::diagnostic::{Diagnostic, Result};

/// Runs the work of a call.
pub(crate) async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(panicked().into()))
}

/// Runs the work of a call that never waits.
pub(crate) fn guarded_now<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked().into()))
}

fn panicked() -> Diagnostic {
    Diagnostic::error("The provider failed unexpectedly").detail(
        "This is a defect of the provider. The log (TF_LOG=error) has a message that starts with \"panic:\"; please \
         report it.",
    )
}
