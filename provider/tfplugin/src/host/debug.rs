//! Serving for a developer: started by hand with `-debug`, so that a debugger can hold the process.
//!
//! Expected flow: print one line of JSON, the value that `TF_REATTACH_PROVIDERS` must have for Terraform to come here;
//! serve any number of runs, until SIGINT or SIGTERM.
//!
//! Guarantees: each connection has a provider of its own, as if Terraform had started a process for it, so neither the
//! configuration of an alias nor a stopped run touches another. The socket is removed on the way out.
//!
//! Assumptions: there is no cookie and no TLS here, and only the socket's private directory keeps others out. Calls in
//! flight end with the process.

use std::ffi::OsString;
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::{Interrupt, StartError, connection, listener::Listener, reattach, services, watch_signals};
use crate::provider::Provider;
use crate::server::Server;

/// Whether the arguments, without the program's name, ask for this.
pub(super) fn is_asked_for(mut arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.any(|argument| argument == "-debug" || argument == "--debug")
}

/// Serves until a signal.
pub(super) async fn run<P: Provider>(provider: P) -> Result<(), StartError> {
    let shutdown = CancellationToken::new();
    watch_signals(Interrupt::Ends, &shutdown)?;
    let listener = Listener::bind()?;
    reattach::announce(&mut std::io::stdout().lock(), P::SOURCE, listener.address(), std::process::id())?;
    let _ = writeln!(
        std::io::stderr(),
        "Run Terraform with this line as the environment variable TF_REATTACH_PROVIDERS. Ctrl-C ends the provider."
    );
    let provider = Arc::new(provider);
    let mut connections = pin!(connection::incoming(listener.socket(), None, shutdown.clone()));
    while let Some(connection) = connections.next().await {
        // Returns once it has the connection, which is served for as long as the client keeps it. A client that asks
        // for shutdown ends no more than that.
        services(Arc::new(Server::new(Arc::clone(&provider))), &shutdown.child_token())
            .serve_with_incoming(tokio_stream::once(connection))
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_flag_asks_for_it() {
        let asked = |arguments: &[&str]| is_asked_for(arguments.iter().map(OsString::from));
        assert!(asked(&["-debug"]) && asked(&["--debug"]) && asked(&["-x", "-debug"]));
        assert!(!asked(&[]) && !asked(&["debug"]) && !asked(&["-debugger"]));
    }
}
