//! Leases: which of several owners is the present one. A lease has an end, by which an owner who is gone loses it, and an
//! epoch, by which an owner who was replaced is refused even when its clock says otherwise.

use jiff::{SignedDuration, Timestamp};
use ringfence_saga::Epoch;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, value};
use crate::transaction::Transaction;

/// The longest that a lease is taken for. One that seems to last longer was written by a clock that was wrong.
const LONGEST: SignedDuration = SignedDuration::from_mins(1);

impl Transaction {
    /// Takes a lease that is over, or that this owner had before, until then. The epoch that is returned is above every
    /// earlier one; nothing when another has the lease.
    pub async fn take_lease(
        &mut self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Epoch>, StoreError> {
        let row = query(
            "INSERT INTO lease (name, epoch, owner, expires_at) VALUES ($1, 1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET epoch = lease.epoch + 1, owner = $2, expires_at = $3 \
             WHERE lease.owner = $2 OR lease.expires_at <= $4 OR lease.expires_at > $5 RETURNING epoch",
        )
        .bind(name)
        .bind(owner)
        .bind(millis(until))
        .bind(millis(now))
        .bind(millis(now + LONGEST))
        .fetch_optional(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        row.map(|row| value(&row, "epoch").map(Epoch)).transpose()
    }

    /// Keeps a lease for longer. Returns whether this epoch still has it.
    pub async fn renew_lease(&mut self, name: &str, epoch: Epoch, until: Timestamp) -> Result<bool, StoreError> {
        let done = query("UPDATE lease SET expires_at = $1 WHERE name = $2 AND epoch = $3")
            .bind(millis(until))
            .bind(name)
            .bind(epoch.0)
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected() > 0)
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
