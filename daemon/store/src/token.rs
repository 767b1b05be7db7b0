//! Tokens that were signed, by their ids. The tokens themselves lie nowhere.

use jiff::{SignedDuration, Timestamp};
use ringfence_api::{JobId, ProjectUser};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, optional_time, parsed, time, value};
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
    pub project_user: ProjectUser,
    /// The job that it was signed for.
    pub job: Option<JobId>,
    /// Whether it is good for once only.
    pub one_time: bool,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was ended before, or used if it is good for once.
    pub ended_at: Option<Timestamp>,
}

impl Transaction {
    /// Records a token that is about to leave, and forgets those that ended long ago.
    pub async fn insert_token(&mut self, token: &TokenRow, now: Timestamp) -> Result<(), StoreError> {
        query("DELETE FROM token WHERE expires_at < $1")
            .bind(millis(now - MEMORY))
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        query("INSERT INTO token (id, kid, project_user, job, one_time, expires_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&token.id)
            .bind(&token.kid)
            .bind(token.project_user.to_string())
            .bind(token.job.as_ref().map(JobId::as_str))
            .bind(i64::from(token.one_time))
            .bind(millis(token.expires_at))
            .execute(self.connection())
            .await
            .map_err(|e| self.refused("the token", e))?;
        Ok(())
    }

    /// The token of this id.
    pub async fn find_token(&mut self, id: &str) -> Result<Option<TokenRow>, StoreError> {
        let row = query("SELECT id, kid, project_user, job, one_time, expires_at, ended_at FROM token WHERE id = $1")
            .bind(id)
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        let Some(row) = &row else { return Ok(None) };
        let job: Option<String> = value(row, "job")?;
        let job = job.map(|text| JobId::parse(&text).map_err(|_| StoreError::Corrupt { column: "job" })).transpose()?;
        Ok(Some(TokenRow {
            id: value(row, "id")?,
            kid: value(row, "kid")?,
            project_user: parsed(row, "project_user", |text| ProjectUser::parse(text).ok())?,
            job,
            one_time: value::<i64>(row, "one_time")? != 0,
            expires_at: time(row, "expires_at")?,
            ended_at: optional_time(row, "ended_at")?,
        }))
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
            "UPDATE token SET ended_at = $1 WHERE project_user = $2 AND ended_at IS NULL AND expires_at >= $1 \
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
