//! The guarantees of the store on SQLite, and of its file.

#![allow(clippy::unwrap_used, reason = "in a test a broken expectation is a failure")]

#[path = "suite/promises.rs"]
mod promises;

use std::path::{Path, PathBuf};

use ringfence_store::{Database, Store, Transaction};
use sqlx::Connection as _;

use promises::{at, project, project_names, set_up};

/// A database of its own.
struct World {
    _directory: tempfile::TempDir,
    path: PathBuf,
    store: Store,
}

async fn open(path: &Path) -> Store {
    Store::open(&Database::Sqlite(path.to_owned())).await.unwrap()
}

impl World {
    /// A database with a cluster, an issuer and its first CRL.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ringfence.db");
        let store = open(&path).await;
        set_up(&store).await;
        Self { _directory: directory, path, store }
    }

    async fn write(&self) -> Transaction {
        self.store.write("test").await.unwrap()
    }

    async fn read(&self) -> Transaction {
        self.store.read("test").await.unwrap()
    }

    /// The same database, closed and opened again.
    async fn reopen(self) -> Self {
        self.store.close().await;
        let store = open(&self.path).await;
        Self { store, ..self }
    }

    /// Executes a statement on a connection of its own.
    async fn execute_directly(&self, statement: &'static str) -> u64 {
        let url = format!("sqlite://{}", self.path.display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        done.rows_affected()
    }
}

#[tokio::test]
async fn committed_data_survives_a_crash() {
    let world = World::new().await;
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let mut unfinished = world.write().await;
    unfinished.projects().upsert(&project("churn"), "", at(0)).await.unwrap();
    // As after a crash: the files as they lie there now, with the write-ahead log and no orderly end.
    let copy = world.path.with_file_name("copy.db");
    std::fs::copy(&world.path, &copy).unwrap();
    std::fs::copy(world.path.with_file_name("ringfence.db-wal"), copy.with_file_name("copy.db-wal")).unwrap();
    let store = open(&copy).await;
    assert_eq!(project_names(&mut store.read("test").await.unwrap()).await, ["fraud"]);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await;
    for file in ["ringfence.db", "ringfence.db-wal", "ringfence.db-shm"] {
        let mode = std::fs::metadata(world.path.with_file_name(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ringfence.db");
    std::fs::write(&path, "this is a letter to a friend, and no database at all".repeat(100)).unwrap();
    let error = Store::open(&Database::Sqlite(path)).await.unwrap_err().to_string();
    assert!(error.contains("ringfence.db"), "{error}");
}
