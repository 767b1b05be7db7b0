//! What commands write for people and scripts.
//!
//! A reader such as `head` may close the pipe before a command has printed everything. The command ends there without a
//! word, and its exit code is that of a program that SIGPIPE ends. Whatever else keeps output from being written is an
//! error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// Why a line was not printed.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Nobody reads any more.
    #[error("standard output was closed")]
    Closed,
    /// The output cannot be written.
    #[error("cannot write to standard output")]
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

/// Prints for a command whose exit code says more, such as a verdict or that a rotation is complete: the command goes
/// on to that, whether anybody reads or not.
pub(crate) fn print_if_read(text: impl Display) -> Result<(), OutputError> {
    match print(text) {
        Err(OutputError::Closed) => Ok(()),
        printed => printed,
    }
}

/// Writes progress or a notice to standard error, as it is. One that cannot be written is dropped.
pub(crate) fn notify(text: impl Display) {
    let _ = write!(io::stderr(), "{text}");
}
