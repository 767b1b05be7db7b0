//! Jobs of project users.

use jiff::Timestamp;
use ringfence_api::job::Job;
use ringfence_api::{JobId, ProjectName, ProjectUser, UserName};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, millis, optional_time, parsed, time};
use crate::transaction::Transaction;

const SELECT: &str = "SELECT project, user_name, job, started_at, ended_at FROM job";

fn read(row: &Row) -> Result<Job, StoreError> {
    let project = parsed(row, "project", |text| ProjectName::parse(text).ok())?;
    let user = parsed(row, "user_name", |text| UserName::parse(text).ok())?;
    Ok(Job {
        job: parsed(row, "job", |text| JobId::parse(text).ok())?,
        project_user: ProjectUser { project, user },
        started_at: time(row, "started_at")?,
        ended_at: optional_time(row, "ended_at")?,
    })
}

/// Statements about jobs.
#[derive(Debug)]
pub struct Jobs<'t>(&'t mut Transaction);

impl Transaction {
    /// Jobs.
    pub fn jobs(&mut self) -> Jobs<'_> {
        Jobs(self)
    }
}

impl Jobs<'_> {
    /// Records a job that starts. An id that exists is refused.
    pub async fn insert(&mut self, identity: &ProjectUser, job: &JobId, now: Timestamp) -> Result<(), StoreError> {
        query("INSERT INTO job (project, user_name, job, started_at) VALUES ($1, $2, $3, $4)")
            .bind(identity.project.as_str())
            .bind(identity.user.as_str())
            .bind(job.as_str())
            .bind(millis(now))
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the job", e))?;
        Ok(())
    }

    /// One job.
    pub async fn find(&mut self, identity: &ProjectUser, job: &JobId) -> Result<Option<Job>, StoreError> {
        let row = query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE project = $1 AND user_name = $2 AND job = $3")))
            .bind(identity.project.as_str())
            .bind(identity.user.as_str())
            .bind(job.as_str())
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// Ends a job. Returns whether it was running.
    pub async fn end(&mut self, identity: &ProjectUser, job: &JobId, now: Timestamp) -> Result<bool, StoreError> {
        let done = query(
            "UPDATE job SET ended_at = $1 WHERE project = $2 AND user_name = $3 AND job = $4 AND ended_at IS NULL",
        )
        .bind(millis(now))
        .bind(identity.project.as_str())
        .bind(identity.user.as_str())
        .bind(job.as_str())
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected() > 0)
    }
}
