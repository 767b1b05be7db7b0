//! Opening the database, and transactions.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, Sqlite};

use crate::error::StoreError;

/// How many readers work at once.
const READERS: u32 = 4;
/// How long a transaction waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The migrations, in order. An applied one never changes.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "initial", include_str!("../migrations/sqlite/0001_initial.sql")),
    (2, "token_key", include_str!("../migrations/sqlite/0002_token_key.sql")),
    (3, "handing out and rotating", include_str!("../migrations/sqlite/0003_handing_out_and_rotating.sql")),
];

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

/// A transaction of one operation, named for logs and errors. Dropped without commit, it is undone.
#[derive(Debug)]
pub struct Transaction {
    inner: sqlx::Transaction<'static, Sqlite>,
    name: &'static str,
}

impl Store {
    /// Opens the file, creates it with mode 0600 if it is missing, and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Open {
            path: path.display().to_string(),
            source,
        };
        // SQLite would create the file with the umask's mode; sealed keys are no reason to be careless.
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.create(true).append(true).open(path).map_err(|e| failed(e.into()))?;

        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_with(options.clone())
            .await
            .map_err(|e| failed(e.into()))?;
        let migrations = MIGRATIONS
            .iter()
            .map(|(version, name, sql)| {
                let sql = AssertSqlSafe(*sql).into_sql_str();
                Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
            })
            .collect();
        Migrator::with_migrations(migrations).run(&writer).await.map_err(|e| failed(e.into()))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(PATIENCE)
            .connect_with(options.read_only(true))
            .await
            .map_err(|e| failed(e.into()))?;
        Ok(Self { writer, readers })
    }

    /// Begins to write. Waits until the writer before has ended.
    pub async fn write(&self, name: &'static str) -> Result<Transaction, StoreError> {
        // Taking the lock at once means that a later statement never finds it taken.
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        begin(begun, name)
    }

    /// Begins to read: one consistent state, never in anybody's way.
    pub async fn read(&self, name: &'static str) -> Result<Transaction, StoreError> {
        let begun = self.readers.begin().await;
        begin(begun, name)
    }

    /// Lets running transactions end and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn begin(
    begun: Result<sqlx::Transaction<'static, Sqlite>, sqlx::Error>,
    name: &'static str,
) -> Result<Transaction, StoreError> {
    match begun {
        Ok(inner) => Ok(Transaction { inner, name }),
        Err(sqlx::Error::PoolTimedOut) => Err(StoreError::Busy(name)),
        Err(source) => Err(StoreError::Failed { transaction: name, source }),
    }
}

impl Transaction {
    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        let transaction = self.name;
        self.inner.commit().await.map_err(|source| StoreError::Failed { transaction, source })
    }

    /// The connection, for the statements of this crate.
    pub(crate) fn connection(&mut self) -> &mut sqlx::SqliteConnection {
        &mut self.inner
    }

    /// Names the transaction in an error.
    pub(crate) fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::Failed { transaction: self.name, source }
    }

    /// As [`failed`](Self::failed), but a taken key is its own kind of error.
    pub(crate) fn refused(&self, what: &'static str, source: sqlx::Error) -> StoreError {
        if StoreError::is_unique_violation(&source) { StoreError::Exists(what) } else { self.failed(source) }
    }
}
