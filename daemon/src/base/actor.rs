//! The actor of an operation: passed from the request to the transaction that writes the audit row.

use jiff::Timestamp;
use ringfence_store::audit::NewAuditRow;
use ringfence_store::{StoreError, Transaction};

/// Who makes a change, and from which address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    name: String,
    source: String,
}

impl Actor {
    /// A caller of the API.
    pub(crate) fn caller(name: impl Into<String>, source: impl Into<String>) -> Self {
        Self { name: name.into(), source: source.into() }
    }

    /// One of the daemon's own tasks or sagas.
    pub(crate) fn daemon(part: &str) -> Self {
        Self { name: format!("daemon/{part}"), source: "daemon".to_owned() }
    }

    /// Writes the audit row of a change, in the transaction of the change.
    pub(crate) async fn record(
        &self,
        tx: &mut Transaction,
        action: &str,
        object: &str,
        outcome: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        tx.audit().insert(&[self.row(action, object, outcome)], now).await
    }

    /// The audit row of a change, for [`ringfence_store::audit::Audit::insert`].
    pub(crate) fn row<'a>(&'a self, action: &'a str, object: &'a str, outcome: &'a str) -> NewAuditRow<'a> {
        NewAuditRow { actor: &self.name, source: &self.source, action, object, outcome }
    }
}
