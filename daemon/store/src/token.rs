//! Tokens that were signed, by their ids. The tokens themselves lie nowhere.

use jiff::{SignedDuration, Timestamp};
use ringfence_api::token::TokenSubject;
use ringfence_api::{JobId, NodeName, ProjectUser};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, millis, optional_time, parsed, time, value};
use crate::transaction::Transaction;

/// How long after its end a token is remembered.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its `jti`.
    pub id: String,
    /// The key that signed it.
    pub kid: String,
    /// Whom it speaks of.
    pub subject: TokenSubject,
    /// The job that it was signed for.
    pub job: Option<JobId>,
    /// Whether it is good for once only.
    pub one_time: bool,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was ended before, or used if it is good for once.
    pub ended_at: Option<Timestamp>,
}

const ROW: &str = "id, kid, subject, job, one_time, issued_at, expires_at, ended_at";

fn token(row: &Row) -> Result<TokenRow, StoreError> {
    let job: Option<String> = value(row, "job")?;
    let job = job.map(|text| JobId::parse(&text).map_err(|_| StoreError::Corrupt { column: "job" })).transpose()?;
    Ok(TokenRow {
        id: value(row, "id")?,
        kid: value(row, "kid")?,
        subject: parsed(row, "subject", |text| TokenSubject::parse(text).ok())?,
        job,
        one_time: value::<i64>(row, "one_time")? != 0,
        issued_at: time(row, "issued_at")?,
        expires_at: time(row, "expires_at")?,
        ended_at: optional_time(row, "ended_at")?,
    })
}

impl Transaction {
    /// Records a token that is about to leave, and forgets those that ended long ago.
    pub async fn insert_token(&mut self, token: &TokenRow) -> Result<(), StoreError> {
        query("DELETE FROM token WHERE expires_at < $1")
            .bind(millis(token.issued_at - MEMORY))
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        query(
            "INSERT INTO token (id, kid, subject, node, job, one_time, issued_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&token.id)
        .bind(&token.kid)
        .bind(token.subject.to_string())
        .bind(token.subject.node().map(NodeName::as_str))
        .bind(token.job.as_ref().map(JobId::as_str))
        .bind(i64::from(token.one_time))
        .bind(millis(token.issued_at))
        .bind(millis(token.expires_at))
        .execute(self.connection())
        .await
        .map_err(|e| self.refused("the token", e))?;
        Ok(())
    }

    /// The token of this id.
    pub async fn find_token(&mut self, id: &str) -> Result<Option<TokenRow>, StoreError> {
        let row = query(sqlx::AssertSqlSafe(format!("SELECT {ROW} FROM token WHERE id = $1")))
            .bind(id)
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        row.as_ref().map(token).transpose()
    }

    /// The tokens of a node's services whose time has not come, those that were ended too.
    pub async fn list_tokens_of_node(&mut self, node: &NodeName, now: Timestamp) -> Result<Vec<TokenRow>, StoreError> {
        let rows = query(sqlx::AssertSqlSafe(format!(
            "SELECT {ROW} FROM token WHERE node = $1 AND expires_at >= $2 ORDER BY issued_at, id LIMIT 10000"
        )))
        .bind(node.as_str())
        .bind(millis(now))
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter().map(token).collect()
    }

    /// Ends all tokens of a node's services. Returns how many.
    pub async fn update_tokens_ended_of_node(&mut self, node: &NodeName, now: Timestamp) -> Result<u64, StoreError> {
        let done = query("UPDATE token SET ended_at = $1 WHERE node = $2 AND ended_at IS NULL AND expires_at >= $1")
            .bind(millis(now))
            .bind(node.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected())
    }

    /// Ends all tokens of everybody. Returns how many.
    pub async fn update_all_tokens_ended(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let done = query("UPDATE token SET ended_at = $1 WHERE ended_at IS NULL AND expires_at >= $1")
            .bind(millis(now))
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected())
    }

    /// Ends a token, or uses it up. Returns whether it was good before.
    pub async fn update_token_ended(&mut self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let done = query("UPDATE token SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL")
            .bind(millis(now))
            .bind(id)
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends all tokens of a project user, or those of one of its jobs. Returns how many.
    pub async fn update_tokens_ended_of(
        &mut self,
        identity: &ProjectUser,
        job: Option<&JobId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let done = query(
            "UPDATE token SET ended_at = $1 WHERE subject = $2 AND ended_at IS NULL AND expires_at >= $1 \
             AND ($3 = '' OR job = $3)",
        )
        .bind(millis(now))
        .bind(identity.to_string())
        .bind(job.map_or("", JobId::as_str))
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected())
    }
}
