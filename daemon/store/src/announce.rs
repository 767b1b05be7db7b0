//! Announces commits to the other daemons on the same database, so that whatever waits there reads it at once.
//!
//! An announcement is one word without data. A lost one delays those who wait until their next period; nothing relies
//! on it for correctness. With SQLite there is no other daemon, and nothing is sent or received.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgListener};
use tokio::sync::{Notify, mpsc};
use tracing::warn;

use crate::database::Database;

/// The channel of the database for announcements.
const CHANNEL: &str = "ringfence";
/// The pause before a retry.
const RETRY: Duration = Duration::from_secs(1);
/// How long announcements are collected before they are sent.
const BATCH: Duration = Duration::from_millis(5);

/// Announces changes to the other daemons. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Announcer(Option<Arc<Queue>>);

/// What is to be sent.
#[derive(Debug, Default)]
struct Queue {
    words: Mutex<BTreeSet<&'static str>>,
    filled: Notify,
}

impl Announcer {
    /// Announces a word. Call it after the commit, never before.
    pub fn announce(&self, word: &'static str) {
        if let Some(queue) = &self.0 {
            queue.words.lock().unwrap_or_else(PoisonError::into_inner).insert(word);
            queue.filled.notify_one();
        }
    }
}

/// What the other daemons announce. None is a gap in which any announcement may have been lost.
pub type Announcements = mpsc::UnboundedReceiver<Option<String>>;

/// Sends and receives on this database until both ends that are returned are dropped.
pub(crate) fn start(database: &Database) -> (Announcer, Announcements) {
    let (received, announcements) = mpsc::unbounded_channel();
    let Database::Postgres(address) = database else { return (Announcer::default(), announcements) };
    let queue = Arc::new(Queue::default());
    // Each store ignores what it sent itself.
    let sender = format!("{:032x}", u128::from_be_bytes(random()));
    tokio::spawn(send(address.clone(), sender.clone(), Arc::downgrade(&queue)));
    tokio::spawn(receive(address.clone(), sender, received));
    (Announcer(Some(queue)), announcements)
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system's random source answers");
    bytes
}

async fn send(address: String, sender: String, queue: std::sync::Weak<Queue>) {
    let mut connection: Option<PgConnection> = None;
    loop {
        let Some(present) = queue.upgrade() else { return };
        // Wakes now and then, to end once every announcer is dropped.
        let _ = tokio::time::timeout(RETRY, present.filled.notified()).await;
        tokio::time::sleep(BATCH).await;
        let words = std::mem::take(&mut *present.words.lock().unwrap_or_else(PoisonError::into_inner));
        if words.is_empty() {
            continue;
        }
        if let Err(error) = notify(&address, &sender, &mut connection, &words).await {
            warn!(error = %error, "the other daemons cannot be told of a change, and see it in their next period");
            connection = None;
            tokio::time::sleep(RETRY).await;
        }
    }
}

async fn notify(
    address: &str,
    sender: &str,
    connection: &mut Option<PgConnection>,
    words: &BTreeSet<&'static str>,
) -> Result<(), sqlx::Error> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(PgConnection::connect(address).await?),
    };
    for word in words {
        let payload = format!("{sender} {word}");
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn receive(address: String, sender: String, received: mpsc::UnboundedSender<Option<String>>) {
    while !received.is_closed() {
        if let Err(error) = receive_all(&address, &sender, &received).await {
            warn!(error = %error, "changes by other daemons are not announced; they are seen in the next period");
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = received.closed() => {}
        }
    }
}

/// Receives until the connection breaks or the receiving end is dropped.
async fn receive_all(
    address: &str,
    sender: &str,
    received: &mpsc::UnboundedSender<Option<String>>,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(address).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // Anything announced before now was lost.
        if received.send(None).is_err() {
            return Ok(());
        }
        loop {
            let notification = tokio::select! {
                notification = listener.try_recv() => notification?,
                () = received.closed() => return Ok(()),
            };
            // The connection broke and was made again.
            let Some(notification) = notification else { break };
            if let Some((from, word)) = notification.payload().split_once(' ')
                && from != sender
            {
                let _ = received.send(Some(word.to_owned()));
            }
        }
    }
}
