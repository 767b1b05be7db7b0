//! Leases: which of several daemons owns something now. A lease expires, so that an owner that has died loses it, and
//! has an epoch, so that a replaced owner is refused even if its clock is wrong.

use jiff::{SignedDuration, Timestamp};
use ringfence_saga::Epoch;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, time, value};
use crate::transaction::Transaction;

/// The longest time that a lease lasts. One that expires later was written with a wrong clock.
const LONGEST: SignedDuration = SignedDuration::from_mins(1);

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Greater than that of every earlier owner.
    pub epoch: Epoch,
    /// Who has it.
    pub owner: String,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Lease {
    /// The lease as this owner acquires it: a new one, one that has expired, one that it has already, or one that was
    /// written with a wrong clock. Nothing if another has it.
    pub fn acquired(present: Option<&Self>, owner: &str, now: Timestamp, until: Timestamp) -> Option<Self> {
        let is_free =
            |lease: &Self| lease.owner == owner || lease.expires_at <= now || lease.expires_at > now + LONGEST;
        let epoch = match present {
            None => Epoch(1),
            Some(lease) if is_free(lease) => Epoch(lease.epoch.0 + 1),
            Some(_) => return None,
        };
        Some(Self { epoch, owner: owner.to_owned(), expires_at: until })
    }
}

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
        let present = self.find(name).await?;
        let Some(lease) = Lease::acquired(present.as_ref(), owner, now, until) else { return Ok(None) };
        query(
            "INSERT INTO lease (name, epoch, owner, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET epoch = $2, owner = $3, expires_at = $4",
        )
        .bind(name)
        .bind(lease.epoch.0)
        .bind(&lease.owner)
        .bind(millis(lease.expires_at))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(Some(lease.epoch))
    }

    async fn find(&mut self, name: &str) -> Result<Option<Lease>, StoreError> {
        let row = query("SELECT epoch, owner, expires_at FROM lease WHERE name = $1")
            .bind(name)
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.map(|row| {
            let epoch = Epoch(value(&row, "epoch")?);
            Ok(Lease { epoch, owner: value(&row, "owner")?, expires_at: time(&row, "expires_at")? })
        })
        .transpose()
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
