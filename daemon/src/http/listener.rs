//! Accepts connections, at once: whether there is room for one is decided by the [slots](super::slots), so that peers
//! which connect and wait cannot keep others out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::connection::Server;
use crate::http::descriptors;
use crate::http::slots::Slots;

/// How long to wait when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(20);

/// Serves until `stop` is cancelled, which closes all connections.
pub(crate) async fn listen(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    stop: CancellationToken,
) {
    let server = Arc::new(Server::new(tls, router));
    let slots = Slots::new(descriptors::for_connections());
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, address)) => match slots.enter(address.ip(), Instant::now()) {
                Some(slot) => {
                    let (server, stop) = (server.clone(), stop.clone());
                    tokio::spawn(async move {
                        Box::pin(stop.run_until_cancelled(server.serve(stream, address, slot))).await;
                    });
                }
                None => server.note("a connection was refused", Some(address), &"all strangers are at work"),
            },
            // Out of file descriptors, or a peer that left: neither is a reason to stop listening.
            Err(error) => {
                server.note("accepting a connection failed", None, &error);
                tokio::time::sleep(PAUSE).await;
            }
        }
        // Those who came together take their steps before more are accepted, and wait in the kernel meanwhile.
        tokio::task::yield_now().await;
    }
}
