//! The store, and its transactions. Each noun's file adds the statements of that noun to [`Transaction`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, Executor as _};
use tokio::sync::{mpsc, oneshot};

use crate::announce::{self, Announcements, Announcer};
use crate::database::{Database, Mode};
use crate::error::StoreError;
use crate::writer::{Request, Trouble, Turn, serve};

/// How many transactions read at the same time.
const READERS: u32 = 4;
/// How long a transaction waits for its connection.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    writer: mpsc::UnboundedSender<Request>,
    trouble: Trouble,
    readers: AnyPool,
    begin_read: &'static str,
    watch: Option<Watch>,
    announcer: Announcer,
    announcements: Arc<Mutex<Option<Announcements>>>,
}

/// Called with the name of every transaction that writes, just before and just after it becomes durable: for tests that
/// end a process at exactly such a moment.
pub type Watch = fn(&'static str, Moment);

/// A moment in a transaction's commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Every statement has run and nothing is durable.
    Committing,
    /// The transaction is durable, and its caller does not know yet.
    Committed,
}

/// A transaction of one operation, named for logs and errors. Dropped without commit, it is rolled back. After a
/// refused statement it can only be dropped: PostgreSQL accepts no further statement in it.
pub struct Transaction {
    work: Work,
    name: &'static str,
    watch: Option<Watch>,
    trouble: Trouble,
}

enum Work {
    Read(sqlx::Transaction<'static, Any>),
    Write(Turn),
}

impl Store {
    /// Opens the database and migrates its schema. A missing file is created with mode 0600.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Open { place: database.place(), source };
        database.prepare().map_err(|e| failed(e.into()))?;
        let mut connection = database.connect().await.map_err(|e| failed(e.into()))?;
        database.migrate(&mut connection).await?;
        let settings = database.connection_settings();
        let readers = AnyPoolOptions::new()
            .max_connections(READERS)
            // The connection to a file does not break.
            .test_before_acquire(matches!(database, Database::Postgres(_)))
            .acquire_timeout(TIMEOUT)
            .after_connect(move |connection, _| Box::pin(async move { connection.execute(settings).await.map(drop) }))
            .connect_with(database.options(Mode::Read).map_err(|e| failed(e.into()))?)
            .await
            .map_err(|e| failed(e.into()))?;
        let (writer, requests) = mpsc::unbounded_channel();
        let trouble = Trouble::default();
        tokio::spawn(serve(database.clone(), connection, requests, trouble.clone()));
        let (announcer, announcements) = announce::start(database);
        let announcements = Arc::new(Mutex::new(Some(announcements)));
        let begin_read = database.begin_read();
        Ok(Self { writer, trouble, readers, begin_read, watch: None, announcer, announcements })
    }

    /// Begins a transaction that reads, and nothing else: neither creates nor migrates anything. Other programs may use
    /// the database meanwhile.
    pub async fn read_only(database: &Database, name: &'static str) -> Result<Transaction, StoreError> {
        let opened = |error: sqlx::Error| StoreError::Open { place: database.to_string(), source: error.into() };
        let options = database.options(Mode::Read).map_err(opened)?;
        let pool = AnyPoolOptions::new().max_connections(1).connect_with(options).await.map_err(opened)?;
        let inner = pool.begin_with(database.begin_read()).await.map_err(opened)?;
        Ok(Transaction { work: Work::Read(inner), name, watch: None, trouble: Trouble::default() })
    }

    /// Whether the database holds a cluster. Changes nothing, and does not create a missing file.
    pub async fn holds_cluster(database: &Database) -> Result<bool, StoreError> {
        if matches!(database, Database::Sqlite(path) if !path.exists()) {
            return Ok(false);
        }
        let failed = |error: sqlx::Error| StoreError::Open { place: database.to_string(), source: error.into() };
        let mut connection = database.connect().await.map_err(failed)?;
        // Without the table there is no cluster either.
        let found = sqlx::query("SELECT id FROM cluster").fetch_optional(&mut connection).await;
        let _ = sqlx::Connection::close(connection).await;
        Ok(matches!(found, Ok(Some(_))))
    }

    /// The same store, with a watch on its transactions.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Announces changes to the other daemons on this database.
    pub fn announcer(&self) -> Announcer {
        self.announcer.clone()
    }

    /// What the other daemons announce. The first call gets it, later ones get nothing.
    pub fn announcements(&self) -> Option<Announcements> {
        self.announcements.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Begins a transaction that writes, once the previous one has ended.
    pub async fn write(&self, name: &'static str) -> Result<Transaction, StoreError> {
        let (asking, turn) = oneshot::channel();
        // A writer that has stopped drops the request, and `turn` fails.
        let _ = self.writer.send(Request::Turn(asking));
        match tokio::time::timeout(TIMEOUT, turn).await {
            Ok(Ok(Ok(turn))) => {
                let trouble = self.trouble.clone();
                Ok(Transaction { work: Work::Write(turn), name, watch: self.watch, trouble })
            }
            Ok(Ok(Err(source))) => Err(failed_together(name, source)),
            Ok(Err(_)) => Err(failed(name, sqlx::Error::PoolClosed)),
            Err(_) => Err(StoreError::Busy(name)),
        }
    }

    /// Begins a transaction that reads one consistent state and blocks nobody.
    pub async fn read(&self, name: &'static str) -> Result<Transaction, StoreError> {
        match self.readers.begin_with(self.begin_read).await {
            Ok(inner) => Ok(Transaction { work: Work::Read(inner), name, watch: None, trouble: self.trouble.clone() }),
            Err(sqlx::Error::PoolTimedOut) => Err(StoreError::Busy(name)),
            Err(source) => Err(failed(name, source)),
        }
    }

    /// Completes when the writer has ended, after which nothing can be written: when the store was closed, or by a
    /// fault.
    pub async fn ended(&self) {
        self.writer.closed().await;
    }

    /// When a write last failed, and why, until one succeeds.
    pub fn trouble(&self) -> Option<(Instant, StoreError)> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        trouble.map(|(at, source)| (at, failed_together("write", source)))
    }

    /// Closes the database once running transactions have ended.
    pub async fn close(&self) {
        self.readers.close().await;
        let (closed, closing) = oneshot::channel();
        let _ = self.writer.send(Request::Close(closed));
        // Without an answer, it was closed before.
        let _ = closing.await;
    }
}

pub(crate) fn failed(transaction: &'static str, source: sqlx::Error) -> StoreError {
    failed_together(transaction, Arc::new(source))
}

/// A failure of a group of transactions.
fn failed_together(transaction: &'static str, source: Arc<sqlx::Error>) -> StoreError {
    if StoreError::is_full(&source) {
        StoreError::Full(transaction)
    } else {
        StoreError::Failed { transaction, source }
    }
}

impl Transaction {
    /// Commits: on return, everything is durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        let transaction = self.name;
        match self.work {
            Work::Read(inner) => inner.commit().await.map_err(|source| failed(transaction, source)),
            Work::Write(turn) => {
                let tell = |moment| self.watch.inspect(|watch| watch(transaction, moment));
                tell(Moment::Committing);
                let outcome = turn.keep().await.map_err(|_| failed(transaction, sqlx::Error::WorkerCrashed))?;
                outcome.map_err(|source| failed_together(transaction, source))?;
                tell(Moment::Committed);
                Ok(())
            }
        }
    }

    /// The connection, for statements.
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        match &mut self.work {
            Work::Read(inner) => inner,
            Work::Write(turn) => turn.connection(),
        }
    }

    /// Its name, for errors while its connection is borrowed.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// An error that names this transaction.
    pub(crate) fn failed(&self, source: sqlx::Error) -> StoreError {
        let source = Arc::new(source);
        if StoreError::is_full(&source) {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), source.clone()));
        }
        failed_together(self.name, source)
    }

    /// The same, but a key that exists is [`StoreError::Exists`].
    pub(crate) fn refused(&self, what: &'static str, source: sqlx::Error) -> StoreError {
        if StoreError::is_unique_violation(&source) { StoreError::Exists(what) } else { self.failed(source) }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transaction({})", self.name)
    }
}
