//! Projects.

use jiff::Timestamp;
use ringfence_api::ProjectName;
use ringfence_api::project::Project;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, millis, parsed, time, value};
use crate::transaction::Transaction;

fn read(row: &Row) -> Result<Project, StoreError> {
    Ok(Project {
        name: parsed(row, "name", |text| ProjectName::parse(text).ok())?,
        description: value(row, "description")?,
        created_at: time(row, "created_at")?,
    })
}

/// Statements about projects.
#[derive(Debug)]
pub struct Projects<'t>(&'t mut Transaction);

impl Transaction {
    /// Projects.
    pub fn projects(&mut self) -> Projects<'_> {
        Projects(self)
    }
}

impl Projects<'_> {
    /// Creates a project, or changes its description. A name that differs from an existing one only in case is refused.
    pub async fn upsert(
        &mut self,
        name: &ProjectName,
        description: &str,
        now: Timestamp,
    ) -> Result<Project, StoreError> {
        let row = query(
            "INSERT INTO project (name, folded, description, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET description = excluded.description \
             RETURNING name, description, created_at",
        )
        .bind(name.as_str())
        .bind(name.as_str().to_ascii_lowercase())
        .bind(description)
        .bind(millis(now))
        .fetch_one(self.0.connection())
        .await
        .map_err(|e| self.0.refused("a project whose name differs only in case", e))?;
        read(&row)
    }

    /// The project of exactly this name.
    pub async fn find(&mut self, name: &ProjectName) -> Result<Option<Project>, StoreError> {
        let row = query("SELECT name, description, created_at FROM project WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// All projects, by name.
    pub async fn list(&mut self) -> Result<Vec<Project>, StoreError> {
        let rows = query("SELECT name, description, created_at FROM project ORDER BY folded LIMIT 100000")
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// Deletes a project and, by its foreign key, its members. Returns whether there was one.
    pub async fn delete(&mut self, name: &ProjectName) -> Result<bool, StoreError> {
        let done = query("DELETE FROM project WHERE name = $1")
            .bind(name.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected() > 0)
    }
}
