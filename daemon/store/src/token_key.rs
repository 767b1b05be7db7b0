//! The keys that sign tokens: at most one is prepared, at most one is active, and the private key of one that is gone
//! is erased.

use jiff::Timestamp;
use ringfence_api::token::{Jwk, TokenKey, TokenKeyState};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, json, millis, optional_time, parsed, time, to_json, value};
use crate::transaction::Transaction;

/// A key that is not gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKeyRow {
    /// What the API shows of it.
    pub view: TokenKey,
    /// The public key.
    pub public_key: Jwk,
    /// The private key, sealed for the context `token-key/KID`.
    pub sealed_key: Vec<u8>,
    /// When the last token that it signed expires, if it signed any.
    pub tokens_end_at: Option<Timestamp>,
}

const VIEW: &str = "kid, state, created_at, activated_at, retired_at";
/// Prepared, active, then the others: this order holds even if the clock was changed.
const NEWEST_FIRST: &str = "CASE state WHEN 'prepared' THEN 0 WHEN 'active' THEN 1 ELSE 2 END, created_at DESC, \
    retired_at DESC, kid";
const LIVE: &str = "public_key, sealed_key, tokens_end_at FROM token_key WHERE state <> 'gone'";

fn view(row: &Row) -> Result<TokenKey, StoreError> {
    Ok(TokenKey {
        kid: value(row, "kid")?,
        state: parsed(row, "state", TokenKeyState::from_word)?,
        created_at: time(row, "created_at")?,
        activated_at: optional_time(row, "activated_at")?,
        retired_at: optional_time(row, "retired_at")?,
    })
}

fn live(row: &Row) -> Result<TokenKeyRow, StoreError> {
    Ok(TokenKeyRow {
        view: view(row)?,
        public_key: json(row, "public_key")?,
        sealed_key: value(row, "sealed_key")?,
        tokens_end_at: optional_time(row, "tokens_end_at")?,
    })
}

/// Statements about the keys that sign tokens.
#[derive(Debug)]
pub struct TokenKeys<'t>(&'t mut Transaction);

impl Transaction {
    /// The keys that sign tokens.
    pub fn token_keys(&mut self) -> TokenKeys<'_> {
        TokenKeys(self)
    }
}

impl TokenKeys<'_> {
    /// The public keys of all keys, those that are gone too, oldest first.
    pub async fn list_public(&mut self) -> Result<Vec<Jwk>, StoreError> {
        let rows = query("SELECT public_key FROM token_key ORDER BY created_at, kid LIMIT 10000")
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| json(row, "public_key")).collect()
    }

    /// Records a new key, prepared.
    pub async fn insert(&mut self, public_key: &Jwk, sealed_key: &[u8], now: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO token_key (kid, state, public_key, sealed_key, created_at) \
             VALUES ($1, 'prepared', $2, $3, $4)",
        )
        .bind(&public_key.kid)
        .bind(to_json(public_key))
        .bind(sealed_key)
        .bind(millis(now))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.refused("the prepared token key", e))?;
        Ok(())
    }

    /// Makes a prepared key the active one.
    pub async fn activate(&mut self, kid: &str, now: Timestamp) -> Result<(), StoreError> {
        query("UPDATE token_key SET state = 'active', activated_at = $1 WHERE kid = $2 AND state = 'prepared'")
            .bind(millis(now))
            .bind(kid)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the active token key", e))?;
        Ok(())
    }

    /// Retires the active key.
    pub async fn retire(&mut self, kid: &str, now: Timestamp) -> Result<(), StoreError> {
        query("UPDATE token_key SET state = 'retired', retired_at = $1 WHERE kid = $2 AND state = 'active'")
            .bind(millis(now))
            .bind(kid)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Erases a retired key.
    pub async fn erase(&mut self, kid: &str) -> Result<(), StoreError> {
        query("UPDATE token_key SET state = 'gone', sealed_key = NULL WHERE kid = $1 AND state = 'retired'")
            .bind(kid)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Erases every key.
    pub async fn erase_all(&mut self, now: Timestamp) -> Result<(), StoreError> {
        query(
            "UPDATE token_key SET state = 'gone', sealed_key = NULL, \
             retired_at = CASE WHEN retired_at IS NULL THEN $1 ELSE retired_at END WHERE state <> 'gone'",
        )
        .bind(millis(now))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records when a token that a key signed expires.
    pub async fn record_token_expiry(&mut self, kid: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        query(
            "UPDATE token_key SET tokens_end_at = CASE WHEN tokens_end_at > $1 THEN tokens_end_at ELSE $1 END \
             WHERE kid = $2",
        )
        .bind(millis(expires_at))
        .bind(kid)
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// The active key.
    pub async fn find_active(&mut self) -> Result<Option<TokenKeyRow>, StoreError> {
        let row = query(sqlx::AssertSqlSafe(format!("SELECT {VIEW}, {LIVE} AND state = 'active'")))
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(live).transpose()
    }

    /// The keys that are not gone, newest first.
    pub async fn list_live(&mut self) -> Result<Vec<TokenKeyRow>, StoreError> {
        let rows = query(sqlx::AssertSqlSafe(format!("SELECT {VIEW}, {LIVE} ORDER BY {NEWEST_FIRST} LIMIT 1000")))
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter().map(live).collect()
    }

    /// All keys, newest first, at most `limit`.
    pub async fn list(&mut self, limit: u32) -> Result<Vec<TokenKey>, StoreError> {
        let rows = query(sqlx::AssertSqlSafe(format!("SELECT {VIEW} FROM token_key ORDER BY {NEWEST_FIRST} LIMIT $1")))
            .bind(i64::from(limit))
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter().map(view).collect()
    }
}
