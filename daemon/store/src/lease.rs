//! Leases: which of several daemons owns something now. A lease expires, so that an owner that has died loses it, and
//! has an epoch, so that a replaced owner is refused even if its clock is wrong.

use jiff::{SignedDuration, Timestamp};
use ringfence_saga::Epoch;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, value};
use crate::transaction::Transaction;

/// The longest time that a lease lasts. One that expires later was written with a wrong clock.
const LONGEST: SignedDuration = SignedDuration::from_mins(1);

/// Statements about leases.
#[derive(Debug)]
pub struct Leases<'t>(&'t mut Transaction);

impl Transaction {
    /// Leases.
    pub fn leases(&mut self) -> Leases<'_> {
        Leases(self)
    }
}

impl Leases<'_> {
    /// Acquires a lease that has expired or that this owner has. Returns an epoch greater than every earlier one, or
    /// nothing if another owner has the lease.
    pub async fn acquire(
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
        .fetch_optional(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        row.map(|row| value(&row, "epoch").map(Epoch)).transpose()
    }

    /// Extends a lease. Returns whether this epoch still has it.
    pub async fn renew(&mut self, name: &str, epoch: Epoch, until: Timestamp) -> Result<bool, StoreError> {
        let done = query("UPDATE lease SET expires_at = $1 WHERE name = $2 AND epoch = $3")
            .bind(millis(until))
            .bind(name)
            .bind(epoch.0)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// The current owner's epoch; 0 if the lease was never acquired.
    pub async fn epoch(&mut self, name: &str) -> Result<Epoch, StoreError> {
        let row = query("SELECT epoch FROM lease WHERE name = $1")
            .bind(name)
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.map_or(Ok(Epoch(0)), |row| value(&row, "epoch").map(Epoch))
    }
}
