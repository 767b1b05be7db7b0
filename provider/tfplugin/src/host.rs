//! The contract with the process that starts a provider.
//!
//! Expected flow: check that Terraform started us and speaks protocol 6; bind a socket; print the handshake line; serve
//! until told to shut down, until SIGTERM, or until the parent is gone. With `-debug` there is no such process, and
//! `host/debug.rs` has the flow.
//!
//! Guarantees: nothing but the handshake line goes to standard output; with a client certificate given, only the holder
//! of exactly that certificate is served; Ctrl-C does not end the process, since Terraform asks politely; the socket is
//! removed on the way out.

mod connection;
mod control;
mod debug;
mod environment;
mod handshake;
mod listener;
mod log;
mod panic;
mod parent;
mod reattach;
mod stream;
mod tls;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::transport::Server as GrpcServer;
use tonic::transport::server::Router;

use crate::host::environment::Environment;
use crate::host::listener::Listener;
use crate::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use crate::proto::tfplugin6::provider_server::ProviderServer;
use crate::provider::Provider;
use crate::server::Server;

/// The largest message either way.
const MESSAGE_MAX: usize = 256 << 20;
/// How long calls in flight may take to end after a shutdown; Terraform kills after two seconds.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);
/// How long closing what Terraform left open may take after that.
const CLOSING_GRACE: Duration = Duration::from_millis(1_200);

/// Why a provider does not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(
        "This program is a Terraform provider: Terraform starts it, it does nothing on its own. Declare it in \
         `required_providers` and run `terraform init`. To hold it in a debugger, start it with `-debug`."
    )]
    NotStartedByTerraform,
    #[error("this provider speaks plugin protocol 6, which this version of Terraform does not offer")]
    NoCommonProtocol,
    #[error("the client certificate in PLUGIN_CLIENT_CERT is not a PEM certificate")]
    ClientCertificate,
    #[error("cannot make a server certificate")]
    ServerCertificate(#[source] rcgen::Error),
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("cannot listen, or cannot tell Terraform where")]
    Io(#[from] std::io::Error),
    #[error("cannot serve")]
    Serve(#[from] tonic::transport::Error),
}

/// Serves a provider as Terraform expects: the whole of `main`.
pub fn serve<P: Provider>(provider: P) -> ExitCode {
    match start(provider) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            // Terraform may be gone already, and its pipe with it.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

fn start<P: Provider>(provider: P) -> Result<(), StartError> {
    let parent = parent::Parent::now();
    let debug = debug::is_asked_for(std::env::args_os().skip(1));
    let environment = if debug { None } else { Some(Environment::read()?) };
    panic::install();
    log::install(environment::log_level(P::NAME));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = match environment {
        Some(environment) => runtime.block_on(run(provider, environment, parent)),
        None => runtime.block_on(debug::run(provider)),
    };
    // Work that did not end in time does not hold up the exit.
    runtime.shutdown_background();
    served
}

async fn run<P: Provider>(provider: P, environment: Environment, parent: parent::Parent) -> Result<(), StartError> {
    let shutdown = CancellationToken::new();
    watch_signals(Interrupt::Ignored, &shutdown)?;
    let listener = Listener::bind()?;
    let secured = environment.client_certificate.map(tls::secure).transpose()?;
    let certificate = secured.as_ref().map(|secured| secured.certificate.as_ref());
    handshake::announce(&mut std::io::stdout().lock(), listener.address(), certificate)?;

    tokio::spawn(parent.watch(shutdown.clone()));
    let incoming = connection::incoming(listener.socket(), secured.map(|secured| secured.config), shutdown.clone());
    let server = Arc::new(Server::new(Arc::new(provider)));
    let serving = services(Arc::clone(&server), &shutdown).serve_with_incoming_shutdown(incoming, shutdown.cancelled());
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    let served = tokio::select! {
        served = serving => Ok(served?),
        () = overdue => Ok(()),
    };
    let _ = tokio::time::timeout(CLOSING_GRACE, server.close_left_open()).await;
    served
}

/// All that a client finds: the provider, not configured yet, and what every plugin has.
fn services<P: Provider>(server: Arc<Server<P>>, shutdown: &CancellationToken) -> Router {
    let limited =
        ProviderServer::from_arc(server).max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX);
    GrpcServer::builder()
        .add_service(limited)
        .add_service(GrpcControllerServer::new(control::Controller::new(shutdown.clone())))
        .add_service(GrpcStdioServer::new(control::Idle::new(shutdown.clone())))
        .add_service(GrpcBrokerServer::new(control::Idle::new(shutdown.clone())))
}

/// What Ctrl-C does.
#[derive(Clone, Copy)]
enum Interrupt {
    /// Nothing: it reaches the whole process group, and Terraform will call `StopProvider`.
    Ignored,
    /// Ends the process, which nobody else would.
    Ends,
}

#[cfg(unix)]
fn watch_signals(on_interrupt: Interrupt, shutdown: &CancellationToken) -> Result<(), StartError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => match on_interrupt {
                    Interrupt::Ignored => {}
                    Interrupt::Ends => shutdown.cancel(),
                },
                _ = terminate.recv() => shutdown.cancel(),
                () = shutdown.cancelled() => return,
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn watch_signals(on_interrupt: Interrupt, shutdown: &CancellationToken) -> Result<(), StartError> {
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            match on_interrupt {
                Interrupt::Ignored => {}
                Interrupt::Ends => shutdown.cancel(),
            }
        }
    });
    Ok(())
}
