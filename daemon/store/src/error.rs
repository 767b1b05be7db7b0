//! What can go wrong with the database, in terms a caller decides by.

use std::sync::Arc;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened or its schema not be brought up to date.
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
    /// Others were at work for too long; the same may succeed later.
    #[error("the transaction {0} did not get its turn")]
    Busy(&'static str),
    /// The database failed; the transaction is undone.
    #[error("the transaction {transaction} failed")]
    Failed {
        /// Which operation.
        transaction: &'static str,
        /// What the database said.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A stored value is not what this program writes.
    #[error("column {column} holds a value that this version does not understand")]
    Corrupt {
        /// Where.
        column: &'static str,
    },
}

impl StoreError {
    /// Whether the database refused a row because its key is taken.
    pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }
}
