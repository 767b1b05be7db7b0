//! The operator's public keys: the one in force, the one that takes over with its first login, and the retired ones.

use jiff::Timestamp;
use ringfence_api::OperatorPublicKey;
use ringfence_api::operator::OperatorKeys;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, time, value};
use crate::transaction::Transaction;

impl Transaction {
    /// The keys that may log in.
    pub async fn operator_keys(&mut self) -> Result<OperatorKeys, StoreError> {
        let row = query("SELECT operator_key, pending_operator_key FROM cluster")
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        let row = row.ok_or(StoreError::Corrupt { column: "cluster.operator_key" })?;
        let pending: Option<String> = value(&row, "pending_operator_key")?;
        Ok(OperatorKeys {
            current: OperatorPublicKey::from_base64(&value::<String>(&row, "operator_key")?),
            pending: pending.map(|text| OperatorPublicKey::from_base64(&text)),
        })
    }

    /// Sets the key in force and the one that is to take over.
    pub async fn update_operator_keys(&mut self, keys: &OperatorKeys) -> Result<(), StoreError> {
        query("UPDATE cluster SET operator_key = $1, pending_operator_key = $2")
            .bind(keys.current.to_string())
            .bind(keys.pending.as_ref().map(ToString::to_string))
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Remembers a key that was taken over, to say so to whoever comes with it.
    pub async fn insert_retired_operator_key(
        &mut self,
        key: &OperatorPublicKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        query("INSERT INTO retired_operator_key (key, retired_at) VALUES ($1, $2)")
            .bind(key.to_string())
            .bind(millis(now))
            .execute(self.connection())
            .await
            .map_err(|e| self.refused("the retired key", e))?;
        Ok(())
    }

    /// Forgets that a key was retired, because it is in force again.
    pub async fn delete_retired_operator_key(&mut self, key: &OperatorPublicKey) -> Result<(), StoreError> {
        query("DELETE FROM retired_operator_key WHERE key = $1")
            .bind(key.to_string())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// The keys that were retired last, with when.
    pub async fn list_retired_operator_keys(&mut self) -> Result<Vec<(OperatorPublicKey, Timestamp)>, StoreError> {
        let rows = query("SELECT key, retired_at FROM retired_operator_key ORDER BY retired_at DESC, key LIMIT 100")
            .fetch_all(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        rows.iter()
            .map(|row| Ok((OperatorPublicKey::from_base64(&value::<String>(row, "key")?), time(row, "retired_at")?)))
            .collect()
    }
}
