//! The operator's public keys: the current one, the pending one, which becomes current with its first login, and
//! retired ones.

use jiff::Timestamp;
use ringfence_api::OperatorPublicKey;
use ringfence_api::operator::OperatorKeys;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, time, value};
use crate::transaction::Transaction;

/// Statements about the operator's public keys.
#[derive(Debug)]
pub struct Operator<'t>(&'t mut Transaction);

impl Transaction {
    /// The operator's public keys.
    pub fn operator(&mut self) -> Operator<'_> {
        Operator(self)
    }
}

impl Operator<'_> {
    /// The current and the pending key: those that may log in.
    pub async fn keys(&mut self) -> Result<OperatorKeys, StoreError> {
        let row = query("SELECT operator_key, pending_operator_key FROM cluster")
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        let row = row.ok_or(StoreError::Corrupt { column: "cluster.operator_key" })?;
        let pending: Option<String> = value(&row, "pending_operator_key")?;
        Ok(OperatorKeys {
            current: OperatorPublicKey::from_base64(&value::<String>(&row, "operator_key")?),
            pending: pending.map(|text| OperatorPublicKey::from_base64(&text)),
        })
    }

    /// Sets the current and the pending key.
    pub async fn update_keys(&mut self, keys: &OperatorKeys) -> Result<(), StoreError> {
        query("UPDATE cluster SET operator_key = $1, pending_operator_key = $2")
            .bind(keys.current.to_string())
            .bind(keys.pending.as_ref().map(ToString::to_string))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records a retired key, so that a login with it can be told why it is refused.
    pub async fn insert_retired_key(&mut self, key: &OperatorPublicKey, now: Timestamp) -> Result<(), StoreError> {
        query("INSERT INTO retired_operator_key (key, retired_at) VALUES ($1, $2)")
            .bind(key.to_string())
            .bind(millis(now))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the retired key", e))?;
        Ok(())
    }

    /// Forgets that a key was retired, because it is current again.
    pub async fn delete_retired_key(&mut self, key: &OperatorPublicKey) -> Result<(), StoreError> {
        query("DELETE FROM retired_operator_key WHERE key = $1")
            .bind(key.to_string())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// The latest retired keys, and when each was retired.
    pub async fn list_retired_keys(&mut self) -> Result<Vec<(OperatorPublicKey, Timestamp)>, StoreError> {
        let rows = query("SELECT key, retired_at FROM retired_operator_key ORDER BY retired_at DESC, key LIMIT 100")
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter()
            .map(|row| Ok((OperatorPublicKey::from_base64(&value::<String>(row, "key")?), time(row, "retired_at")?)))
            .collect()
    }
}
