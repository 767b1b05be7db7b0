//! Accepted connections, secured where asked, as the stream that the gRPC server reads.
//!
//! Each TLS handshake runs on its own, with a deadline: a client that says nothing holds up nobody.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream as Incoming;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::listener::Socket;
use super::stream::Stream;

const TLS_DEADLINE: Duration = Duration::from_secs(10);

/// A connection that is ready for gRPC.
pub(super) struct Connection(Stream);

/// Accepts until shutdown.
pub(super) fn incoming(
    socket: Arc<Socket>,
    tls: Option<Arc<ServerConfig>>,
    shutdown: CancellationToken,
) -> impl Incoming<Item = io::Result<Connection>> + use<> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = shutdown.cancelled() => return,
            };
            match accepted {
                Ok(stream) => {
                    tokio::spawn(hand_over(stream, tls.clone(), sender.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    return;
                }
            }
        }
    });
    ReceiverStream::new(receiver)
}

async fn hand_over(stream: Stream, tls: Option<Arc<ServerConfig>>, sender: mpsc::Sender<io::Result<Connection>>) {
    let ready = match tls {
        None => Connection(stream),
        Some(config) => match tokio::time::timeout(TLS_DEADLINE, TlsAcceptor::from(config).accept(stream)).await {
            Ok(Ok(secured)) => Connection(Box::pin(secured)),
            Ok(Err(error)) => return tracing::warn!(%error, "refused a connection"),
            Err(_) => return tracing::warn!("refused a connection that did not finish its TLS handshake"),
        },
    };
    // The server is gone only when the provider is about to exit.
    let _ = sender.send(Ok(ready)).await;
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
