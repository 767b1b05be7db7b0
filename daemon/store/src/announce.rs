//! Telling the other daemons on the same database that something was committed, so that whoever waits there looks at once.
//!
//! A word carries no data, and one that is lost costs a period of whoever waits, never correctness. With SQLite there is
//! nobody else, and nothing is said or heard.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgListener};
use tokio::sync::{Notify, mpsc};
use tracing::warn;

use crate::database::Database;

/// The channel of the database on which daemons speak.
const CHANNEL: &str = "ringfence";
/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Words that are said within this time are said together.
const TOGETHER: Duration = Duration::from_millis(5);

/// Says words to the other daemons. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Announcer(Option<Arc<Waiting>>);

/// What is to be said.
#[derive(Debug, Default)]
struct Waiting {
    words: Mutex<BTreeSet<&'static str>>,
    bell: Notify,
}

impl Announcer {
    /// Says a word. Call it after the commit, never before.
    pub fn say(&self, word: &'static str) {
        if let Some(waiting) = &self.0 {
            waiting.words.lock().unwrap_or_else(PoisonError::into_inner).insert(word);
            waiting.bell.notify_one();
        }
    }
}

/// What is heard of the other daemons. None is a silence in which any word may have been lost.
pub type Heard = mpsc::UnboundedReceiver<Option<String>>;

/// Speaks and listens on this database, for as long as anybody is there for it.
pub(crate) fn start(database: &Database) -> (Announcer, Heard) {
    let (hear, heard) = mpsc::unbounded_channel();
    let Database::Postgres(address) = database else { return (Announcer::default(), heard) };
    let waiting = Arc::new(Waiting::default());
    // Whoever speaks knows its own voice.
    let voice = format!("{:032x}", u128::from_be_bytes(random()));
    tokio::spawn(speak(address.clone(), voice.clone(), Arc::downgrade(&waiting)));
    tokio::spawn(listen(address.clone(), voice, hear));
    (Announcer(Some(waiting)), heard)
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system's random source answers");
    bytes
}

async fn speak(address: String, voice: String, waiting: std::sync::Weak<Waiting>) {
    let mut connection: Option<PgConnection> = None;
    loop {
        let Some(present) = waiting.upgrade() else { return };
        // Looks up now and then, to see whether anybody is left who could say something.
        let _ = tokio::time::timeout(AGAIN, present.bell.notified()).await;
        tokio::time::sleep(TOGETHER).await;
        let words = std::mem::take(&mut *present.words.lock().unwrap_or_else(PoisonError::into_inner));
        if words.is_empty() {
            continue;
        }
        if let Err(error) = say(&address, &voice, &mut connection, &words).await {
            warn!(error = %error, "the other daemons cannot be told of a change, and will see it when they look");
            connection = None;
            tokio::time::sleep(AGAIN).await;
        }
    }
}

async fn say(
    address: &str,
    voice: &str,
    connection: &mut Option<PgConnection>,
    words: &BTreeSet<&'static str>,
) -> Result<(), sqlx::Error> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(PgConnection::connect(address).await?),
    };
    for word in words {
        let said = format!("{voice} {word}");
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(said).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn listen(address: String, voice: String, hear: mpsc::UnboundedSender<Option<String>>) {
    while !hear.is_closed() {
        if let Err(error) = hear_all(&address, &voice, &hear).await {
            warn!(error = %error, "the other daemons are not heard, and changes of theirs are seen when it is looked");
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = hear.closed() => {}
        }
    }
}

/// Hears until the connection breaks or nobody wants to hear any more.
async fn hear_all(address: &str, voice: &str, hear: &mpsc::UnboundedSender<Option<String>>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(address).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // Whatever was said before was not heard.
        if hear.send(None).is_err() {
            return Ok(());
        }
        loop {
            let notification = tokio::select! {
                notification = listener.try_recv() => notification?,
                () = hear.closed() => return Ok(()),
            };
            // The connection was lost and made again.
            let Some(notification) = notification else { break };
            if let Some((speaker, word)) = notification.payload().split_once(' ')
                && speaker != voice
            {
                let _ = hear.send(Some(word.to_owned()));
            }
        }
    }
}
