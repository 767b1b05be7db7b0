//! Leases: which of several owners, one after the other, is the present one.

use ringfence_saga::Epoch;
use sqlx::query;

use crate::error::StoreError;
use crate::row::value;
use crate::transaction::Transaction;

impl Transaction {
    /// Takes a lease from whoever has it. The epoch that is returned is above every earlier one.
    pub async fn take_lease(&mut self, name: &str) -> Result<Epoch, StoreError> {
        let row = query(
            "INSERT INTO lease (name, epoch) VALUES ($1, 1) \
             ON CONFLICT (name) DO UPDATE SET epoch = lease.epoch + 1 RETURNING epoch",
        )
        .bind(name)
        .fetch_one(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        value(&row, "epoch").map(Epoch)
    }

    /// The present owner's epoch; 0 if nobody ever took it.
    pub async fn lease_epoch(&mut self, name: &str) -> Result<Epoch, StoreError> {
        let row = query("SELECT epoch FROM lease WHERE name = $1")
            .bind(name)
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        row.map_or(Ok(Epoch(0)), |row| value(&row, "epoch").map(Epoch))
    }
}
