//! TLS handshakes: few compute at the same time, and none takes long.
//!
//! What a handshake costs is computing, for milliseconds; most of its time it waits for the peer. So it takes a turn
//! for each of its steps, and holds none while it waits: peers that begin a handshake and stall would otherwise hold
//! all turns, and keep everybody out.
//!
//! A turn is a place in the runtime's queue: a handshake that has one first lets run what is ready, and computes then.
//! So a request of a known peer waits for this many handshakes at most, however many have begun.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The maximum number of handshakes that compute, or are about to, at the same time.
const AT_ONCE: usize = 32;
/// How long a peer may take for its handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server's side of handshakes.
pub(crate) struct Handshakes {
    acceptor: TlsAcceptor,
    turns: Semaphore,
}

impl Handshakes {
    pub(crate) fn new(tls: Arc<rustls::ServerConfig>) -> Self {
        Self { acceptor: TlsAcceptor::from(tls), turns: Semaphore::new(AT_ONCE) }
    }

    /// Shakes hands with a peer.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        tokio::time::timeout(PATIENCE, in_turns(&self.turns, self.acceptor.accept(stream))).await?
    }
}

/// Does this work, with a turn for each of its steps.
async fn in_turns<F: Future>(turns: &Semaphore, work: F) -> F::Output {
    let mut work = pin!(work);
    loop {
        let turn = turns.acquire().await.expect("the semaphore is never closed");
        tokio::task::yield_now().await;
        let step = futures::poll!(work.as_mut());
        drop(turn);
        match step {
            Poll::Ready(done) => return done,
            // Until the step that was just done wakes this task.
            Poll::Pending => futures::pending!(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_waits_holds_no_turn() {
        let turns = Semaphore::new(1);
        let (send, receive) = oneshot::channel();
        let stalled = in_turns(&turns, receive);
        let others = async {
            in_turns(&turns, tokio::task::yield_now()).await;
            in_turns(&turns, async {}).await;
            send.send(7).unwrap();
        };
        let (received, ()) = tokio::join!(stalled, others);
        assert_eq!(received, Ok(7));
        assert_eq!(turns.available_permits(), 1);
    }
}
