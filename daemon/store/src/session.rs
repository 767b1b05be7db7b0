//! Sessions of the operator, shared by every daemon on the database. Only the hash of a session's secret is stored.

use jiff::Timestamp;
use ringfence_api::OperatorPublicKey;
use ringfence_api::operator::OperatorKeys;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, value};
use crate::transaction::Transaction;

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the session's secret, in hexadecimal.
    pub hash: String,
    /// The key whose signature opened it.
    pub operator_key: OperatorPublicKey,
    /// The nonce that was signed.
    pub nonce: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Statements about sessions of the operator.
#[derive(Debug)]
pub struct Sessions<'t>(&'t mut Transaction);

impl Transaction {
    /// Sessions of the operator.
    pub fn sessions(&mut self) -> Sessions<'_> {
        Sessions(self)
    }
}

impl Sessions<'_> {
    /// Records a session. A nonce that has opened one before is refused; it is remembered until `nonce_expires_at`,
    /// however soon the session is closed.
    pub async fn insert(&mut self, session: &SessionRow, nonce_expires_at: Timestamp) -> Result<(), StoreError> {
        query("INSERT INTO login_nonce (nonce, expires_at) VALUES ($1, $2)")
            .bind(&session.nonce)
            .bind(millis(nonce_expires_at))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the nonce", e))?;
        query("INSERT INTO session (hash, operator_key, nonce, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(&session.hash)
            .bind(session.operator_key.to_string())
            .bind(&session.nonce)
            .bind(millis(session.expires_at))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the nonce", e))?;
        Ok(())
    }

    /// The key that opened the session of this hash, if it has not expired, and the keys that may log in. A session
    /// that expires after `latest` was opened while the clock was ahead, and is none. One statement, because every
    /// request needs it.
    pub async fn find_key(
        &mut self,
        hash: &str,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<(Option<OperatorPublicKey>, OperatorKeys), StoreError> {
        let row = query(
            "SELECT cluster.operator_key, pending_operator_key, session.operator_key AS opened_by FROM cluster \
             LEFT JOIN session ON hash = $1 AND expires_at >= $2 AND expires_at <= $3",
        )
        .bind(hash)
        .bind(millis(now))
        .bind(millis(latest))
        .fetch_one(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        let key = |column| Ok(value::<Option<String>>(&row, column)?.map(|text| OperatorPublicKey::from_base64(&text)));
        let current = OperatorPublicKey::from_base64(&value::<String>(&row, "operator_key")?);
        Ok((key("opened_by")?, OperatorKeys { current, pending: key("pending_operator_key")? }))
    }

    /// Deletes expired nonces and sessions, and of the other sessions those that expire first until `keep` are left.
    pub async fn prune(&mut self, now: Timestamp, keep: u32) -> Result<(), StoreError> {
        query(
            "DELETE FROM session WHERE expires_at < $1 \
             OR hash IN (SELECT hash FROM session ORDER BY expires_at DESC, hash LIMIT 100000 OFFSET $2)",
        )
        .bind(millis(now))
        .bind(i64::from(keep))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        query("DELETE FROM login_nonce WHERE expires_at < $1")
            .bind(millis(now))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Closes every session.
    pub async fn delete_all(&mut self) -> Result<(), StoreError> {
        query("DELETE FROM session").execute(self.0.connection()).await.map_err(|e| self.0.failed(e))?;
        Ok(())
    }
}
