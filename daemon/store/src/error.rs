//! Errors of the database, by what a caller can do about them.

use std::sync::Arc;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened, or its schema cannot be migrated.
    #[error("the database {place} cannot be opened")]
    Open {
        /// The file, or the server without its password.
        place: String,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row of this key exists.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// Other transactions took too long. The same operation may succeed later.
    #[error("the transaction {0} did not get its turn")]
    Busy(&'static str),
    /// The database has no space left; the transaction is rolled back. The same operation may succeed later.
    #[error("the disk of the database is full")]
    Full(&'static str),
    /// The database failed; the transaction is rolled back.
    #[error("the transaction {transaction} failed")]
    Failed {
        /// Which operation.
        transaction: &'static str,
        /// What the database said.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A stored value is not one that this program writes.
    #[error("column {column} holds a value that this version does not understand")]
    Corrupt {
        /// The column.
        column: &'static str,
    },
}

impl StoreError {
    /// Whether the database has no space left: `SQLITE_FULL`, or `disk_full` of PostgreSQL.
    pub(crate) fn is_full(error: &sqlx::Error) -> bool {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| code == "13" || code == "53100")
    }

    /// Whether the database refused a row because its key is taken.
    pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }
}
