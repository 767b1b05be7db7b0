//! Every secret that is sealed under the master key, and the version of the master key that seals.

use sqlx::query;

use crate::error::StoreError;
use crate::row::{parsed, value};
use crate::transaction::Transaction;

/// A sealed secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Whose it is.
    pub of: SealedOf,
    /// The sealed secret. Its bytes 1 to 4 are the version of the master key.
    pub sealed: Vec<u8>,
}

/// Whose secret it is, which determines the context that it is sealed for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SealedOf {
    /// An authority's private key.
    Issuer(String),
    /// The private key of a token key.
    TokenKey(String),
    /// A member's private key: project and user.
    Member(String, String),
}

/// Statements about sealed secrets and the master key.
#[derive(Debug)]
pub struct SealedSecrets<'t>(&'t mut Transaction);

impl Transaction {
    /// Sealed secrets and the master key.
    pub fn sealed_secrets(&mut self) -> SealedSecrets<'_> {
        SealedSecrets(self)
    }
}

impl SealedSecrets<'_> {
    /// The version of the master key that seals now.
    pub async fn master_key_version(&mut self) -> Result<u32, StoreError> {
        let row = query("SELECT master_key_version FROM cluster")
            .fetch_one(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        crate::row::number(&row, "master_key_version")
    }

    /// The check value of that version, once there is one. It differs for another key of the same number.
    pub async fn master_key_check(&mut self) -> Result<Option<String>, StoreError> {
        let row = query("SELECT master_key_check FROM cluster")
            .fetch_one(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        value(&row, "master_key_check")
    }

    /// Sets the version of the master key that seals, and its check value.
    pub async fn update_master_key_version(&mut self, version: u32, check: &str) -> Result<(), StoreError> {
        let update = query("UPDATE cluster SET master_key_version = $1, master_key_check = $2");
        let update = update.bind(i64::from(version)).bind(check);
        update.execute(self.0.connection()).await.map(drop).map_err(|e| self.0.failed(e))
    }

    /// Secrets that are not sealed under this version, at most `limit`.
    pub async fn list_of_other_versions(&mut self, version: u32, limit: u32) -> Result<Vec<SealedRow>, StoreError> {
        let rows = query(
            "SELECT 'issuer' AS kind, id AS one, '' AS other, sealed_key FROM issuer \
                 WHERE substr(sealed_key, 2, 4) <> $1 AND length(sealed_key) > 0 \
             UNION ALL SELECT 'token_key', kid, '', sealed_key FROM token_key \
                 WHERE sealed_key IS NOT NULL AND substr(sealed_key, 2, 4) <> $1 \
             UNION ALL SELECT 'member', project, user_name, sealed_key FROM member \
                 WHERE substr(sealed_key, 2, 4) <> $1 \
             LIMIT $2",
        )
        .bind(version.to_be_bytes().to_vec())
        .bind(i64::from(limit))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter()
            .map(|row| {
                let (one, other): (String, String) = (value(row, "one")?, value(row, "other")?);
                let of = parsed(row, "kind", |kind| match kind {
                    "issuer" => Some(SealedOf::Issuer(one.clone())),
                    "token_key" => Some(SealedOf::TokenKey(one.clone())),
                    "member" => Some(SealedOf::Member(one.clone(), other.clone())),
                    _ => None,
                })?;
                Ok(SealedRow { of, sealed: value(row, "sealed_key")? })
            })
            .collect()
    }

    /// Replaces a sealed secret by the same secret, sealed again.
    pub async fn update(&mut self, row: &SealedRow) -> Result<(), StoreError> {
        let update = match &row.of {
            SealedOf::Issuer(id) => query("UPDATE issuer SET sealed_key = $1 WHERE id = $2").bind(&row.sealed).bind(id),
            SealedOf::TokenKey(kid) => {
                query("UPDATE token_key SET sealed_key = $1 WHERE kid = $2").bind(&row.sealed).bind(kid)
            }
            SealedOf::Member(project, user) => {
                let update = query("UPDATE member SET sealed_key = $1 WHERE project = $2 AND user_name = $3");
                update.bind(&row.sealed).bind(project).bind(user)
            }
        };
        update.execute(self.0.connection()).await.map(drop).map_err(|e| self.0.failed(e))
    }
}
