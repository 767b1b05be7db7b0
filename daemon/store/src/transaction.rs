//! Opening the database, and transactions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, Executor as _};
use tokio::sync::{mpsc, oneshot};

use crate::announce::{self, Announcer, Heard};
use crate::database::{Database, Mode};
use crate::error::StoreError;
use crate::writer::{Request, Turn, serve};

/// How many readers work at once.
const READERS: u32 = 4;
/// How long a transaction waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    writer: mpsc::UnboundedSender<Request>,
    readers: AnyPool,
    begin_read: &'static str,
    watch: Option<Watch>,
    announcer: Announcer,
    heard: Arc<Mutex<Option<Heard>>>,
}

/// Is told of every transaction that writes, by its name, just before and just after it is made durable: for tests that end
/// a process at exactly such a moment.
pub type Watch = fn(&'static str, Moment);

/// A moment in the life of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Everything is done and nothing is durable.
    Committing,
    /// It is durable, and nobody knows yet.
    Committed,
}

/// A transaction of one operation, named for logs and errors. Dropped without commit, it is undone. After a statement was
/// refused, dropping is all that is left to do: PostgreSQL goes on with nothing then.
pub struct Transaction {
    work: Work,
    name: &'static str,
    watch: Option<Watch>,
}

enum Work {
    Read(sqlx::Transaction<'static, Any>),
    Write(Turn),
}

impl Store {
    /// Opens the database, creates a file that is missing with mode 0600, and brings the schema up to date.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Open { place: database.place(), source };
        database.prepare().map_err(|e| failed(e.into()))?;
        let mut connection = database.connect().await.map_err(|e| failed(e.into()))?;
        database.migrate(&mut connection).await?;
        let greeting = database.greeting();
        let readers = AnyPoolOptions::new()
            .max_connections(READERS)
            // A file does not hang up.
            .test_before_acquire(matches!(database, Database::Postgres(_)))
            .acquire_timeout(PATIENCE)
            .after_connect(move |connection, _| Box::pin(async move { connection.execute(greeting).await.map(drop) }))
            .connect_with(database.options(Mode::Read).map_err(|e| failed(e.into()))?)
            .await
            .map_err(|e| failed(e.into()))?;
        let (writer, requests) = mpsc::unbounded_channel();
        tokio::spawn(serve(database.clone(), connection, requests));
        let (announcer, heard) = announce::start(database);
        let heard = Arc::new(Mutex::new(Some(heard)));
        Ok(Self { writer, readers, begin_read: database.begin_read(), watch: None, announcer, heard })
    }

    /// The same, watched.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Says to the other daemons on this database what they may wait for.
    pub fn announcer(&self) -> Announcer {
        self.announcer.clone()
    }

    /// What the other daemons say. Whoever asks first hears it, and nobody else.
    pub fn heard(&self) -> Option<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Begins to write. Waits until the writer before has ended.
    pub async fn write(&self, name: &'static str) -> Result<Transaction, StoreError> {
        let (asking, turn) = oneshot::channel();
        // A writer that is gone drops the question, which is an answer too.
        let _ = self.writer.send(Request::Turn(asking));
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(Ok(Ok(turn))) => Ok(Transaction { work: Work::Write(turn), name, watch: self.watch }),
            Ok(Ok(Err(source))) => Err(failed(name, source)),
            Ok(Err(_)) => Err(failed(name, sqlx::Error::PoolClosed)),
            Err(_) => Err(StoreError::Busy(name)),
        }
    }

    /// Begins to read: one consistent state, never in anybody's way.
    pub async fn read(&self, name: &'static str) -> Result<Transaction, StoreError> {
        match self.readers.begin_with(self.begin_read).await {
            Ok(inner) => Ok(Transaction { work: Work::Read(inner), name, watch: None }),
            Err(sqlx::Error::PoolTimedOut) => Err(StoreError::Busy(name)),
            Err(source) => Err(failed(name, source)),
        }
    }

    /// Lets running transactions end and closes the database.
    pub async fn close(&self) {
        self.readers.close().await;
        let (closed, closing) = oneshot::channel();
        let _ = self.writer.send(Request::Close(closed));
        // Closed before, when nobody answers.
        let _ = closing.await;
    }
}

pub(crate) fn failed(transaction: &'static str, source: sqlx::Error) -> StoreError {
    StoreError::Failed { transaction, source: Arc::new(source) }
}

impl Transaction {
    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        let transaction = self.name;
        match self.work {
            Work::Read(inner) => inner.commit().await.map_err(|source| failed(transaction, source)),
            Work::Write(turn) => {
                let tell = |moment| self.watch.inspect(|watch| watch(transaction, moment));
                tell(Moment::Committing);
                let outcome = turn.keep().await.map_err(|_| failed(transaction, sqlx::Error::WorkerCrashed))?;
                outcome.map_err(|source| StoreError::Failed { transaction, source })?;
                tell(Moment::Committed);
                Ok(())
            }
        }
    }

    /// The connection, for the statements of this crate.
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        match &mut self.work {
            Work::Read(inner) => inner,
            Work::Write(turn) => turn.connection(),
        }
    }

    /// Its name, for errors while its connection is lent.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Names the transaction in an error.
    pub(crate) fn failed(&self, source: sqlx::Error) -> StoreError {
        failed(self.name, source)
    }

    /// As [`failed`](Self::failed), but a taken key is its own kind of error.
    pub(crate) fn refused(&self, what: &'static str, source: sqlx::Error) -> StoreError {
        if StoreError::is_unique_violation(&source) { StoreError::Exists(what) } else { self.failed(source) }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transaction({})", self.name)
    }
}
