//! One connection: TLS, then HTTP, with the peer as an extension of each request. How much it may ask for at the same
//! time, and how long it may be idle, depends on whether the peer is known.

use std::fmt::Display;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use ringfence_api::{Clock as _, SystemClock};
use tokio::net::TcpStream;
use tower::ServiceExt as _;
use tracing::debug;

use crate::access::{Connection as _, Peer};
use crate::base::Seldom;
use crate::http::handshake::Handshakes;
use crate::http::slots::Slot;

/// How long a peer may take for the head of a request, and how often HTTP/2 asks whether it is there.
const REQUEST_HEAD: Duration = Duration::from_secs(30);
/// How long a peer may take to say that it is there.
const PING: Duration = Duration::from_secs(10);
/// How long an idle peer has to notice that its connection is closed.
const GOODBYE: Duration = Duration::from_secs(1);

/// What HTTP/1 buffers of a connection, in bytes.
const BUFFER: usize = 64 * 1024;
/// The maximum size of a request's fields in HTTP/2, in bytes.
const FIELDS: u32 = 16 * 1024;
/// The maximum number of requests at the same time on a connection with a client certificate.
const STREAMS: u32 = 256;
/// The same without one.
const STRANGER_STREAMS: u32 = 32;
/// What is buffered of a request without a client certificate, in bytes.
const STRANGER_REQUEST: u32 = 64 * 1024;
/// What is buffered of its answer, in bytes.
const STRANGER_ANSWER: usize = 64 * 1024;
/// What is buffered of all requests of a connection without a client certificate, in bytes.
const STRANGER_CONNECTION: u32 = 256 * 1024;

/// What all connections share.
pub(crate) struct Server {
    handshakes: Handshakes,
    router: Router,
    log: Seldom,
}

/// A request in flight: until it is answered, or was given up. The answer may still be on its way after that; a peer
/// that does not read it is idle.
struct InFlight(Arc<Slot>);

impl Server {
    /// Serves these routes with this side of TLS.
    pub(crate) fn new(tls: Arc<rustls::ServerConfig>, router: Router) -> Self {
        Self { handshakes: Handshakes::new(tls), router, log: Seldom::default() }
    }

    /// Logs what anybody can cause, a few times a minute.
    pub(crate) fn note(&self, what: &'static str, address: Option<SocketAddr>, why: &dyn Display) {
        if let Some(more) = self.log.line(what, SystemClock.now()) {
            debug!(address = address.map(tracing::field::display), %why, "{what}{more}");
        }
    }

    /// Serves a connection until it ends, is idle for too long, or loses its slot.
    pub(crate) async fn serve(&self, stream: TcpStream, address: SocketAddr, slot: Slot) {
        let slot = Arc::new(slot);
        tokio::select! {
            () = self.serve_in(&slot, stream, address) => {}
            // At once: a peer that must make room is not waited for.
            () = slot.lost().cancelled() => {
                self.note("a connection was closed to make room", Some(address), &"it was idle longest");
            }
        }
    }

    async fn serve_in(&self, slot: &Arc<Slot>, stream: TcpStream, address: SocketAddr) {
        let _ = stream.set_nodelay(true);
        let stream = match self.handshakes.accept(stream).await {
            Ok(stream) => stream,
            Err(error) => return self.note("a TLS handshake failed", Some(address), &error),
        };
        let tls = stream.get_ref().1;
        let certificate: Option<Arc<[u8]>> =
            tls.peer_certificates().and_then(|chain| chain.first()).map(|der| Arc::from(&der[..]));
        let http = http_for(tls.alpn_protocol() == Some(b"h2"), certificate.is_some());
        if certificate.is_some() {
            slot.became_known();
        }
        let peer = Peer { certificate, address: Some(address), connection: Some(slot.clone()) };
        let (router, of_request) = (self.router.clone(), slot.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let in_flight = InFlight::begin(of_request.clone());
            request.extensions_mut().insert(peer.clone());
            let answer = router.clone().oneshot(request);
            async move {
                let answer = answer.await;
                drop(in_flight);
                answer
            }
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = idle_for_too_long(slot) => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(GOODBYE, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            self.note("a connection ended with an error", Some(address), &error);
        }
    }
}

/// How HTTP is served to a peer with or without a client certificate.
fn http_for(is_h2: bool, has_certificate: bool) -> auto::Builder<TokioExecutor> {
    let builder = auto::Builder::new(TokioExecutor::new());
    // The protocol is negotiated; detecting it from the first bytes would wait for them without a limit.
    let mut builder = if is_h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(REQUEST_HEAD).max_buf_size(BUFFER);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(REQUEST_HEAD).keep_alive_timeout(PING);
    http2.max_header_list_size(FIELDS).max_concurrent_streams(STREAMS);
    if !has_certificate {
        http2.max_concurrent_streams(STRANGER_STREAMS);
        http2.initial_stream_window_size(STRANGER_REQUEST).initial_connection_window_size(STRANGER_CONNECTION);
        http2.max_send_buf_size(STRANGER_ANSWER);
    }
    builder
}

/// Waits until the connection has had no request for too long.
async fn idle_for_too_long(slot: &Slot) {
    loop {
        // While a request is in flight, the time after it has not begun, so it is soon enough to look again then.
        let until = slot.idle_until().unwrap_or_else(|| Instant::now() + REQUEST_HEAD);
        if until <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(until.into()).await;
    }
}

impl InFlight {
    fn begin(slot: Arc<Slot>) -> Self {
        slot.request_began();
        Self(slot)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.request_ended(Instant::now());
    }
}
