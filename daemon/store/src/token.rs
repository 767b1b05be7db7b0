//! Signed tokens, by their ids. The tokens themselves are not stored.

use jiff::{SignedDuration, Timestamp};
use ringfence_api::token::TokenSubject;
use ringfence_api::{JobId, NodeName, ProjectUser};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, millis, optional_time, parsed, time, value};
use crate::transaction::Transaction;

/// How long after it has expired a token stays recorded.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// A recorded token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its `jti`.
    pub id: String,
    /// The key that signed it.
    pub kid: String,
    /// Its subject.
    pub subject: TokenSubject,
    /// The job that it was signed for, if any.
    pub job: Option<JobId>,
    /// Whether it can be used only once.
    pub one_time: bool,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was ended before it expired, or, a one-time token, used.
    pub ended_at: Option<Timestamp>,
}

/// Which tokens [`Tokens::end_all`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// Every token.
    All,
    /// Those of a node's services.
    OfNode(&'a NodeName),
    /// Those of a project user and of its jobs.
    OfProjectUser(&'a ProjectUser),
    /// Those of this job of a project user.
    OfJob(&'a ProjectUser, &'a JobId),
}

impl End<'_> {
    /// The condition in SQL, and the values of its placeholders, which begin with `$2`.
    fn condition(self) -> (&'static str, Vec<String>) {
        match self {
            Self::All => ("1 = 1", Vec::new()),
            Self::OfNode(node) => ("node = $2", vec![node.to_string()]),
            Self::OfProjectUser(identity) => ("subject = $2", vec![identity.to_string()]),
            Self::OfJob(identity, job) => ("subject = $2 AND job = $3", vec![identity.to_string(), job.to_string()]),
        }
    }
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

/// Statements about tokens.
#[derive(Debug)]
pub struct Tokens<'t>(&'t mut Transaction);

impl Transaction {
    /// Tokens.
    pub fn tokens(&mut self) -> Tokens<'_> {
        Tokens(self)
    }
}

impl Tokens<'_> {
    /// Records a token before it is returned to anyone, and deletes those that expired long ago.
    pub async fn insert(&mut self, token: &TokenRow) -> Result<(), StoreError> {
        query("DELETE FROM token WHERE expires_at < $1")
            .bind(millis(token.issued_at - MEMORY))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
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
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.refused("the token", e))?;
        Ok(())
    }

    /// The token of this id.
    pub async fn find(&mut self, id: &str) -> Result<Option<TokenRow>, StoreError> {
        let row = query(sqlx::AssertSqlSafe(format!("SELECT {ROW} FROM token WHERE id = $1")))
            .bind(id)
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(token).transpose()
    }

    /// The tokens of a node's services that have not expired, those that were ended too.
    pub async fn list_of_node(&mut self, node: &NodeName, now: Timestamp) -> Result<Vec<TokenRow>, StoreError> {
        let rows = query(sqlx::AssertSqlSafe(format!(
            "SELECT {ROW} FROM token WHERE node = $1 AND expires_at >= $2 ORDER BY issued_at, id LIMIT 10000"
        )))
        .bind(node.as_str())
        .bind(millis(now))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(token).collect()
    }

    /// Ends a token before it expires, or marks a one-time token as used. Returns whether it had not ended before.
    pub async fn end(&mut self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let done = query("UPDATE token SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL")
            .bind(millis(now))
            .bind(id)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends every token that `which` selects and that has not expired. Returns how many.
    pub async fn end_all(&mut self, which: End<'_>, now: Timestamp) -> Result<u64, StoreError> {
        let (condition, values) = which.condition();
        let mut update = query(sqlx::AssertSqlSafe(format!(
            "UPDATE token SET ended_at = $1 WHERE {condition} AND ended_at IS NULL AND expires_at >= $1"
        )));
        update = update.bind(millis(now));
        for value in values {
            update = update.bind(value);
        }
        let done = update.execute(self.0.connection()).await.map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected())
    }
}
