//! Accepts connections: TLS, then HTTP, with the peer's certificate and address as an extension of each request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::debug;

use crate::access::Peer;

/// How long a peer may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a peer may take for the head of a request.
const REQUEST_HEAD: Duration = Duration::from_secs(30);
/// The maximum number of open connections. Beyond it, new ones wait in the kernel.
const CONNECTIONS: usize = 4_096;

/// Serves until `stop` is cancelled, which closes all connections.
pub(crate) async fn listen(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    stop: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let serving = serve(acceptor.clone(), stream, address, router.clone(), stop.clone());
                tokio::spawn(async move {
                    serving.await;
                    drop(slot);
                });
            }
            // Out of file descriptors, or a peer that left: neither is a reason to stop listening.
            Err(error) => {
                debug!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, address: SocketAddr, router: Router, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
    let Ok(Ok(stream)) = handshake else {
        debug!(%address, "a TLS handshake failed");
        return;
    };
    let certificate =
        stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|der| Arc::from(&der[..]));
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let peer = Peer { certificate, address: Some(address) };
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request.map(axum::body::Body::new)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The protocol is negotiated; detecting it from the first bytes would wait for them without a limit.
    builder = if h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(REQUEST_HEAD);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(REQUEST_HEAD).keep_alive_timeout(HANDSHAKE);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::select! {
        outcome = connection => if let Err(error) = outcome {
            debug!(%address, %error, "a connection ended with an error");
        },
        () = stop.cancelled() => {}
    }
}
