//! CRL shards: what is to be listed, and what was published last.

use jiff::Timestamp;
use ringfence_api::certificate::RevocationReason;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, millis, number, optional_time, parsed, time, value};
use crate::transaction::Transaction;

/// A published list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlRow {
    /// Whose list.
    pub issuer: String,
    /// Which shard.
    pub shard: u32,
    /// Where it is found.
    pub url: String,
    /// Its CRLNumber.
    pub number: i64,
    /// When it was signed.
    pub this_update: Timestamp,
    /// When verifiers stop believing it.
    pub next_update: Timestamp,
    /// The list, DER.
    pub der: Vec<u8>,
}

/// A revoked certificate as its list needs it: serial, since when, why.
pub type RevokedRow = (String, Timestamp, RevocationReason);

fn read(row: &Row) -> Result<CrlRow, StoreError> {
    Ok(CrlRow {
        issuer: value(row, "issuer")?,
        shard: number(row, "shard")?,
        url: value(row, "url")?,
        number: value(row, "number")?,
        this_update: time(row, "this_update")?,
        next_update: time(row, "next_update")?,
        der: value(row, "der")?,
    })
}

impl Transaction {
    /// Records the first list of a shard.
    pub async fn insert_crl(&mut self, crl: &CrlRow) -> Result<(), StoreError> {
        query(
            "INSERT INTO crl_shard (issuer, shard, url, number, this_update, next_update, der) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&crl.issuer)
        .bind(i64::from(crl.shard))
        .bind(&crl.url)
        .bind(crl.number)
        .bind(millis(crl.this_update))
        .bind(millis(crl.next_update))
        .bind(&crl.der)
        .execute(self.connection())
        .await
        .map_err(|e| self.refused("the CRL shard", e))?;
        Ok(())
    }

    /// Replaces the list that has the number before. Returns whether it was still the last one.
    pub async fn update_crl(&mut self, crl: &CrlRow) -> Result<bool, StoreError> {
        let done = query(
            "UPDATE crl_shard SET number = $1, this_update = $2, next_update = $3, der = $4 \
             WHERE issuer = $5 AND shard = $6 AND number = $1 - 1",
        )
        .bind(crl.number)
        .bind(millis(crl.this_update))
        .bind(millis(crl.next_update))
        .bind(&crl.der)
        .bind(&crl.issuer)
        .bind(i64::from(crl.shard))
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes which list was the first to hold these revocations.
    pub async fn update_certificates_listed(&mut self, crl: &CrlRow) -> Result<(), StoreError> {
        query(
            "UPDATE certificate SET listed_in = $1 \
             WHERE issuer = $2 AND shard = $3 AND revoked_at IS NOT NULL AND listed_in IS NULL",
        )
        .bind(crl.number)
        .bind(&crl.issuer)
        .bind(i64::from(crl.shard))
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Every shard's last list.
    pub async fn list_crls(&mut self) -> Result<Vec<CrlRow>, StoreError> {
        let rows = query(
            "SELECT issuer, shard, url, number, this_update, next_update, der FROM crl_shard \
             ORDER BY issuer, shard LIMIT 10000",
        )
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// One shard's last list.
    pub async fn find_crl(&mut self, issuer: &str, shard: u32) -> Result<Option<CrlRow>, StoreError> {
        let row = query(
            "SELECT issuer, shard, url, number, this_update, next_update, der FROM crl_shard \
             WHERE issuer = $1 AND shard = $2",
        )
        .bind(issuer)
        .bind(i64::from(shard))
        .fetch_optional(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// What the next list of a shard must hold: everything revoked that was still good when the last list was
    /// signed, so that an expired certificate is listed once more after its end (RFC 5280, section 3.3), and
    /// everything revoked that no list has held yet.
    pub async fn list_revoked(&mut self, last: &CrlRow) -> Result<Vec<RevokedRow>, StoreError> {
        let rows = query(
            "SELECT serial, revoked_at, revocation_reason FROM certificate \
             WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL AND (not_after >= $3 OR listed_in IS NULL) \
             ORDER BY revoked_at, serial",
        )
        .bind(&last.issuer)
        .bind(i64::from(last.shard))
        .bind(millis(last.this_update))
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter()
            .map(|row| {
                let at = optional_time(row, "revoked_at")?.ok_or(StoreError::Corrupt { column: "revoked_at" })?;
                Ok((value(row, "serial")?, at, parsed(row, "revocation_reason", RevocationReason::from_word)?))
            })
            .collect()
    }

    /// Whether a revocation of this shard waits for its first list.
    pub async fn has_unlisted(&mut self, issuer: &str, shard: u32) -> Result<bool, StoreError> {
        let row = query(
            "SELECT serial FROM certificate WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL \
             AND listed_in IS NULL LIMIT 1",
        )
        .bind(issuer)
        .bind(i64::from(shard))
        .fetch_optional(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(row.is_some())
    }
}
