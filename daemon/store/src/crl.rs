//! CRL shards: what the next list must hold, and the last list that was published.

use futures::TryStreamExt as _;
use jiff::Timestamp;
use ringfence_api::certificate::RevocationReason;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, millis, number, parsed, time, value, values};
use crate::transaction::{Transaction, failed};

/// A published list without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlHead {
    /// The authority whose list it is.
    pub issuer: String,
    /// Its shard.
    pub shard: u32,
    /// Its address.
    pub url: String,
    /// Its CRLNumber.
    pub number: i64,
    /// When it was signed.
    pub this_update: Timestamp,
    /// When it expires.
    pub next_update: Timestamp,
    /// The CRLNumber of the complete list that its delta refers to; its own if it has no delta.
    pub base_number: i64,
    /// When it was signed: later than `this_update`, which allows for clocks that are behind.
    pub signed_at: Timestamp,
    /// The next list has a greater number than this.
    pub number_floor: i64,
}

/// A published list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlRow {
    /// Everything but the bytes.
    pub head: CrlHead,
    /// The list, DER.
    pub der: Vec<u8>,
    /// The delta CRL since the list of `base_number`, DER.
    pub delta: Option<Vec<u8>>,
}

/// The most serial numbers that one statement names.
const SERIALS: usize = 256;

/// A revoked certificate as its list needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedRow {
    /// Its serial number.
    pub serial: String,
    /// When it was revoked.
    pub revoked_at: Timestamp,
    /// Why it was revoked.
    pub reason: RevocationReason,
    /// The CRLNumber of the first list that held it, if one did.
    pub listed_in: Option<i64>,
}

fn read_head(row: &Row) -> Result<CrlHead, StoreError> {
    Ok(CrlHead {
        issuer: value(row, "issuer")?,
        shard: number(row, "shard")?,
        url: value(row, "url")?,
        number: value(row, "number")?,
        this_update: time(row, "this_update")?,
        next_update: time(row, "next_update")?,
        base_number: value(row, "base_number")?,
        signed_at: time(row, "signed_at")?,
        number_floor: value(row, "number_floor")?,
    })
}

fn read(row: &Row) -> Result<CrlRow, StoreError> {
    Ok(CrlRow { head: read_head(row)?, der: value(row, "der")?, delta: value(row, "delta")? })
}

/// Statements about CRLs and what they list.
#[derive(Debug)]
pub struct Crls<'t>(&'t mut Transaction);

impl Transaction {
    /// CRLs and what they list.
    pub fn crls(&mut self) -> Crls<'_> {
        Crls(self)
    }
}

impl Crls<'_> {
    /// Records the first list of a shard.
    pub async fn insert(&mut self, crl: &CrlRow) -> Result<(), StoreError> {
        query(
            "INSERT INTO crl_shard (issuer, shard, url, number, this_update, next_update, der, base_number, delta, \
             signed_at, number_floor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&crl.head.issuer)
        .bind(i64::from(crl.head.shard))
        .bind(&crl.head.url)
        .bind(crl.head.number)
        .bind(millis(crl.head.this_update))
        .bind(millis(crl.head.next_update))
        .bind(&crl.der)
        .bind(crl.head.base_number)
        .bind(crl.delta.as_ref())
        .bind(millis(crl.head.signed_at))
        .bind(crl.head.number_floor)
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.refused("the CRL shard", e))?;
        Ok(())
    }

    /// Replaces the list numbered `last` by one with a greater number. Returns whether `last` was still the last one.
    pub async fn update(&mut self, last: i64, crl: &CrlRow) -> Result<bool, StoreError> {
        let done = query(
            "UPDATE crl_shard SET number = $1, this_update = $2, next_update = $3, der = $4, base_number = $7, \
             delta = $8, signed_at = $10 \
             WHERE issuer = $5 AND shard = $6 AND number = $9 AND number < $1 AND number_floor < $1",
        )
        .bind(crl.head.number)
        .bind(millis(crl.head.this_update))
        .bind(millis(crl.head.next_update))
        .bind(&crl.der)
        .bind(&crl.head.issuer)
        .bind(i64::from(crl.head.shard))
        .bind(crl.head.base_number)
        .bind(crl.delta.as_ref())
        .bind(last)
        .bind(millis(crl.head.signed_at))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Requires a greater number of a shard's next list.
    pub async fn raise_number_floor(&mut self, issuer: &str, shard: u32, floor: i64) -> Result<(), StoreError> {
        query("UPDATE crl_shard SET number_floor = $1 WHERE issuer = $2 AND shard = $3 AND number_floor < $1")
            .bind(floor)
            .bind(issuer)
            .bind(i64::from(shard))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records which list was the first to hold these serial numbers: all of the shard that were unlisted when the list
    /// was built. Certificates revoked since then stay unlisted.
    pub async fn mark_listed(&mut self, crl: &CrlHead, serials: &[String]) -> Result<(), StoreError> {
        let unlisted = query(
            "SELECT count(*) AS unlisted FROM certificate \
             WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL AND listed_in IS NULL",
        )
        .bind(&crl.issuer)
        .bind(i64::from(crl.shard))
        .fetch_one(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        if usize::try_from(value::<i64>(&unlisted, "unlisted")?).is_ok_and(|unlisted| unlisted == serials.len()) {
            // Their number only grows, so an equal number means the same certificates.
            let update = query(
                "UPDATE certificate SET listed_in = $1 \
                 WHERE issuer = $2 AND shard = $3 AND revoked_at IS NOT NULL AND listed_in IS NULL",
            );
            let update = update.bind(crl.number).bind(&crl.issuer).bind(i64::from(crl.shard));
            return update.execute(self.0.connection()).await.map(drop).map_err(|e| self.0.failed(e));
        }
        for serials in serials.chunks(SERIALS) {
            let number = crl.number;
            let wanted = values(serials.len(), 1);
            let mut update = query(sqlx::AssertSqlSafe(format!(
                "UPDATE certificate SET listed_in = {number} WHERE serial IN (VALUES {wanted}) AND listed_in IS NULL"
            )));
            for serial in serials {
                update = update.bind(serial);
            }
            update.execute(self.0.connection()).await.map_err(|e| self.0.failed(e))?;
        }
        Ok(())
    }

    /// Every shard's last list.
    pub async fn list(&mut self) -> Result<Vec<CrlRow>, StoreError> {
        let rows = query(
            "SELECT issuer, shard, url, number, this_update, next_update, base_number, signed_at, number_floor, der, \
             delta FROM crl_shard \
             ORDER BY issuer, shard LIMIT 10000",
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// Every shard's last list, without its bytes.
    pub async fn list_heads(&mut self) -> Result<Vec<CrlHead>, StoreError> {
        let rows = query(
            "SELECT issuer, shard, url, number, this_update, next_update, base_number, signed_at, number_floor \
             FROM crl_shard \
             ORDER BY issuer, shard LIMIT 10000",
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(read_head).collect()
    }

    /// One shard's last list, without its bytes.
    pub async fn find_head(&mut self, issuer: &str, shard: u32) -> Result<Option<CrlHead>, StoreError> {
        let row = query(
            "SELECT issuer, shard, url, number, this_update, next_update, base_number, signed_at, number_floor \
             FROM crl_shard \
             WHERE issuer = $1 AND shard = $2",
        )
        .bind(issuer)
        .bind(i64::from(shard))
        .fetch_optional(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(read_head).transpose()
    }

    /// One shard's last list.
    pub async fn find(&mut self, issuer: &str, shard: u32) -> Result<Option<CrlRow>, StoreError> {
        let row = query(
            "SELECT issuer, shard, url, number, this_update, next_update, base_number, signed_at, number_floor, der, \
             delta FROM crl_shard \
             WHERE issuer = $1 AND shard = $2",
        )
        .bind(issuer)
        .bind(i64::from(shard))
        .fetch_optional(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// Calls `each` with everything that a shard's next list must hold, in no order: every revoked certificate that had
    /// not expired when the last list was signed, so that an expired one is listed once more (RFC 5280, section 3.3),
    /// and every revoked certificate that no list has held yet. A last list from the future says nothing about what has
    /// expired now.
    pub async fn for_each_revoked(
        &mut self,
        last: &CrlHead,
        now: Timestamp,
        mut each: impl FnMut(RevokedRow) + Send,
    ) -> Result<(), StoreError> {
        // Several statements, so that each scans an index that covers its columns.
        let statements = [
            "SELECT serial, revoked_at, revocation_reason, listed_in FROM certificate \
             WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL AND not_after >= $3",
            "SELECT serial, revoked_at, revocation_reason, listed_in FROM certificate \
             WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL AND listed_in IS NULL AND not_after < $3",
            "SELECT serial, revoked_at, revocation_reason, CAST($3 AS BIGINT) AS listed_in FROM lost_revocation \
             WHERE issuer = $1 AND shard = $2",
        ];
        let name = self.0.name();
        for statement in statements {
            let mut rows = query(statement)
                .bind(&last.issuer)
                .bind(i64::from(last.shard))
                .bind(millis(last.this_update.min(now)))
                .fetch(self.0.connection());
            while let Some(row) = rows.try_next().await.map_err(|e| failed(name, e))? {
                each(RevokedRow {
                    serial: value(&row, "serial")?,
                    revoked_at: time(&row, "revoked_at")?,
                    reason: parsed(&row, "revocation_reason", RevocationReason::from_word)?,
                    listed_in: value(&row, "listed_in")?,
                });
            }
        }
        Ok(())
    }

    /// Records a revocation of a lost history, of a certificate that this database does not know.
    pub async fn insert_lost(&mut self, issuer: &str, shard: u32, row: &RevokedRow) -> Result<(), StoreError> {
        query(
            "INSERT INTO lost_revocation (issuer, shard, serial, revoked_at, revocation_reason) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(issuer)
        .bind(i64::from(shard))
        .bind(&row.serial)
        .bind(millis(row.revoked_at))
        .bind(row.reason.as_str())
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Whether this shard has a revoked certificate that no list has held yet.
    pub async fn has_unlisted(&mut self, issuer: &str, shard: u32) -> Result<bool, StoreError> {
        let row = query(
            "SELECT serial FROM certificate WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL \
             AND listed_in IS NULL LIMIT 1",
        )
        .bind(issuer)
        .bind(i64::from(shard))
        .fetch_optional(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(row.is_some())
    }
}
