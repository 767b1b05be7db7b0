//! Clients that hold connections, and open those again that the daemon closes, at a bounded rate.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::hostile::site::Site;

/// How many say nothing.
const CONNECTIONS: usize = 10_000;
/// How many send a body slowly, and how slowly.
const SLOW_BODIES: usize = 200;
const EACH_BYTE: Duration = Duration::from_secs(1);
/// What a process needs besides its connections.
const SPARE: usize = 200;
/// How often connections are begun.
const TICK: Duration = Duration::from_millis(10);

/// The head of a login, whose body never comes to its end.
const HEAD: &str = "POST /v1/login HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
    content-length: 1000\r\n\r\n{";

/// Opens connections and says nothing, as many as there may be descriptors; 2,000 a second.
pub(crate) async fn connections(site: &Arc<Site>, descriptors: u64) {
    let possible = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(SPARE);
    keep(site, CONNECTIONS.min(possible), 20, silence).await;
}

/// Sends a byte of a body each second over many connections; 100 handshakes a second.
pub(crate) async fn slow_bodies(site: &Arc<Site>) {
    keep(site, SLOW_BODIES, 1, slow_body).await;
}

/// Keeps so many connections, and begins at most so many at each tick.
async fn keep<F>(site: &Arc<Site>, count: usize, at_once: usize, one: impl Fn(Arc<Site>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept = JoinSet::new();
    let mut is_complete = false;
    loop {
        tick.tick().await;
        for _ in 0..at_once {
            if kept.len() == count && kept.try_join_next().is_none() {
                break;
            }
            kept.spawn(one(site.clone()));
        }
        if kept.len() == count && !is_complete {
            is_complete = true;
            site.ready.notify_one();
        }
    }
}

/// A connection on which nothing is said until the daemon closes it.
async fn silence(site: Arc<Site>) {
    let Ok(mut stream) = site.connect().await else { return };
    let closed = async { drop(stream.read(&mut [0]).await) };
    site.hold(closed).await;
}

/// A request whose body comes slowly, until it is answered or the connection closed.
async fn slow_body(site: Arc<Site>) {
    let Ok(mut stream) = site.connect_securely().await else { return };
    let sent = async {
        let mut next = HEAD;
        // An answer, or the end of the connection, ends it.
        while stream.write_all(next.as_bytes()).await.is_ok() && stream.flush().await.is_ok() {
            if timeout(EACH_BYTE, stream.read(&mut [0; 256])).await.is_ok() {
                return;
            }
            next = " ";
        }
    };
    site.hold(sent).await;
}
