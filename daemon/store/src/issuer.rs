//! The authorities and their sealed keys.

use jiff::Timestamp;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, time, value};
use crate::transaction::Transaction;

/// An authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRow {
    /// Its id: the domain and a count, such as `services-1`.
    pub id: String,
    /// What it signs for.
    pub domain: String,
    /// Who signed it; a root is its own parent.
    pub parent: String,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Its private key, sealed for the context `issuer/ID`.
    pub sealed_key: Vec<u8>,
    /// When it ends.
    pub not_after: Timestamp,
}

impl Transaction {
    /// Records an authority.
    pub async fn insert_issuer(&mut self, issuer: &IssuerRow, now: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO issuer (id, domain, parent, certificate, sealed_key, not_after, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&issuer.id)
        .bind(&issuer.domain)
        .bind(&issuer.parent)
        .bind(&issuer.certificate)
        .bind(&issuer.sealed_key)
        .bind(millis(issuer.not_after))
        .bind(millis(now))
        .execute(self.connection())
        .await
        .map_err(|e| self.refused("the authority", e))?;
        Ok(())
    }

    /// Every authority, oldest first.
    pub async fn list_issuers(&mut self) -> Result<Vec<IssuerRow>, StoreError> {
        let rows = query(
            "SELECT id, domain, parent, certificate, sealed_key, not_after FROM issuer ORDER BY created_at, id LIMIT 1000",
        )
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter()
            .map(|row| {
                Ok(IssuerRow {
                    id: value(row, "id")?,
                    domain: value(row, "domain")?,
                    parent: value(row, "parent")?,
                    certificate: value(row, "certificate")?,
                    sealed_key: value(row, "sealed_key")?,
                    not_after: time(row, "not_after")?,
                })
            })
            .collect()
    }
}
