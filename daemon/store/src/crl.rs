//! CRL shards: what is to be listed, and what was published last.

use futures::TryStreamExt as _;
use jiff::Timestamp;
use ringfence_api::certificate::RevocationReason;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, millis, number, parsed, time, value, values};
use crate::transaction::{Transaction, failed};

/// What is known of a published list without the list itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlHead {
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
    /// The CRLNumber of the complete list that its delta is about; its own when it has none.
    pub base_number: i64,
}

/// A published list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlRow {
    /// What is known of it.
    pub head: CrlHead,
    /// The list, DER.
    pub der: Vec<u8>,
    /// What has changed since the list of `base_number`, DER.
    pub delta: Option<Vec<u8>>,
}

/// How many serial numbers one statement names at most.
const SERIALS: usize = 256;

/// A revoked certificate as its list needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedRow {
    /// Which.
    pub serial: String,
    /// Since when.
    pub revoked_at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
    /// The first list that has held it, if one has.
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
    })
}

fn read(row: &Row) -> Result<CrlRow, StoreError> {
    Ok(CrlRow { head: read_head(row)?, der: value(row, "der")?, delta: value(row, "delta")? })
}

impl Transaction {
    /// Records the first list of a shard.
    pub async fn insert_crl(&mut self, crl: &CrlRow) -> Result<(), StoreError> {
        query(
            "INSERT INTO crl_shard (issuer, shard, url, number, this_update, next_update, der, base_number, delta) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
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
        .execute(self.connection())
        .await
        .map_err(|e| self.refused("the CRL shard", e))?;
        Ok(())
    }

    /// Replaces the list of this number by one of a greater. Returns whether it was still the last one.
    pub async fn update_crl(&mut self, last: i64, crl: &CrlRow) -> Result<bool, StoreError> {
        let done = query(
            "UPDATE crl_shard SET number = $1, this_update = $2, next_update = $3, der = $4, base_number = $7, delta = $8 \
             WHERE issuer = $5 AND shard = $6 AND number = $9 AND number < $1",
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
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes which list was the first to hold the revocations of these serial numbers: all of the shard that no list had
    /// held when it was put together. Of those that have come since nothing is noted.
    pub async fn update_certificates_listed(&mut self, crl: &CrlHead, serials: &[String]) -> Result<(), StoreError> {
        let unlisted = query(
            "SELECT count(*) AS unlisted FROM certificate \
             WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL AND listed_in IS NULL",
        )
        .bind(&crl.issuer)
        .bind(i64::from(crl.shard))
        .fetch_one(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        if usize::try_from(value::<i64>(&unlisted, "unlisted")?).is_ok_and(|unlisted| unlisted == serials.len()) {
            // They only become more, so as many are the same.
            let update = query(
                "UPDATE certificate SET listed_in = $1 \
                 WHERE issuer = $2 AND shard = $3 AND revoked_at IS NOT NULL AND listed_in IS NULL",
            );
            let update = update.bind(crl.number).bind(&crl.issuer).bind(i64::from(crl.shard));
            return update.execute(self.connection()).await.map(drop).map_err(|e| self.failed(e));
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
            update.execute(self.connection()).await.map_err(|e| self.failed(e))?;
        }
        Ok(())
    }

    /// Every shard's last list.
    pub async fn list_crls(&mut self) -> Result<Vec<CrlRow>, StoreError> {
        let rows = query(
            "SELECT issuer, shard, url, number, this_update, next_update, base_number, der, delta FROM crl_shard \
             ORDER BY issuer, shard LIMIT 10000",
        )
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// What is known of every shard's last list.
    pub async fn list_crl_heads(&mut self) -> Result<Vec<CrlHead>, StoreError> {
        let rows = query(
            "SELECT issuer, shard, url, number, this_update, next_update, base_number FROM crl_shard \
             ORDER BY issuer, shard LIMIT 10000",
        )
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter().map(read_head).collect()
    }

    /// What is known of one shard's last list.
    pub async fn find_crl_head(&mut self, issuer: &str, shard: u32) -> Result<Option<CrlHead>, StoreError> {
        let row = query(
            "SELECT issuer, shard, url, number, this_update, next_update, base_number FROM crl_shard \
             WHERE issuer = $1 AND shard = $2",
        )
        .bind(issuer)
        .bind(i64::from(shard))
        .fetch_optional(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        row.as_ref().map(read_head).transpose()
    }

    /// One shard's last list.
    pub async fn find_crl(&mut self, issuer: &str, shard: u32) -> Result<Option<CrlRow>, StoreError> {
        let row = query(
            "SELECT issuer, shard, url, number, this_update, next_update, base_number, der, delta FROM crl_shard \
             WHERE issuer = $1 AND shard = $2",
        )
        .bind(issuer)
        .bind(i64::from(shard))
        .fetch_optional(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// What the next list of a shard must hold, one after the other: everything revoked that was still good when the last
    /// list was signed, so that an expired certificate is listed once more after its end (RFC 5280, section 3.3), and
    /// everything revoked that no list has held yet. In no order.
    pub async fn each_revoked(
        &mut self,
        last: &CrlHead,
        mut each: impl FnMut(RevokedRow) + Send,
    ) -> Result<(), StoreError> {
        // Two statements, so that each is a walk along an index that holds all that is asked for.
        let statements = [
            "SELECT serial, revoked_at, revocation_reason, listed_in FROM certificate \
             WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL AND not_after >= $3",
            "SELECT serial, revoked_at, revocation_reason, listed_in FROM certificate \
             WHERE issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL AND listed_in IS NULL AND not_after < $3",
        ];
        let name = self.name();
        for statement in statements {
            let mut rows = query(statement)
                .bind(&last.issuer)
                .bind(i64::from(last.shard))
                .bind(millis(last.this_update))
                .fetch(self.connection());
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
