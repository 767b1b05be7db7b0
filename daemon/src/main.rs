//! The program: reads the command line and runs one command. Exit codes: 0, 1 for failure, 64 for bad usage or
//! configuration (`EX_USAGE`), 141 when nobody reads the output any more.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use ringfenced::command::{Command, CommandLine, OutputError};
use ringfenced::config::ConfigError;

/// The signal that ends programs which write into a closed pipe.
const SIGPIPE: u8 = 13;

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    // Daemon and agent mostly wait; few threads keep them small.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let threads = if matches!(line.command, Command::Serve(_)) { 2 } else { 1 };
    let runtime = builder.worker_threads(threads).enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let outcome = runtime.block_on(line.command.run());
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if matches!(error.downcast_ref(), Some(OutputError::Closed)) => ExitCode::from(128 + SIGPIPE),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "ringfenced: {error:#}");
            if error.downcast_ref::<ConfigError>().is_some() { ExitCode::from(64) } else { ExitCode::FAILURE }
        }
    }
}
