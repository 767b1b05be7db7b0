//! What commands write for people and scripts.
//!
//! A reader such as `head` may close the pipe before a command has printed everything. That is no failure: the command
//! ends there, without an error. Whatever else keeps output from being written is one.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// Why a line was not printed.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Nobody reads any more.
    #[error("standard output was closed")]
    Closed,
    /// The output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Failed(#[source] io::Error),
}

/// Prints a line, or several, to standard output.
pub(crate) fn print(text: impl Display) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => OutputError::Closed,
        _ => OutputError::Failed(error),
    })
}

/// Prints for a command whose exit code is a verdict: it does not depend on whether anybody reads to the end.
pub(crate) fn print_before_verdict(text: impl Display) -> Result<(), OutputError> {
    match print(text) {
        Err(OutputError::Closed) => Ok(()),
        printed => printed,
    }
}

/// Writes progress or a notice to standard error, as it is. One that cannot be written is dropped.
pub(crate) fn notify(text: impl Display) {
    let _ = write!(io::stderr(), "{text}");
}
