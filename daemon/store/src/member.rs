//! Members of projects, and the certificate and sealed key of each.

use jiff::Timestamp;
use ringfence_api::project::{Member, MemberRole};
use ringfence_api::{ProjectName, ProjectUser, UserName};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{ROWS, Row, millis, parsed, time, value, values};
use crate::transaction::Transaction;

/// The certificate and key of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberKeyRow {
    /// Serial number of the certificate.
    pub certificate: String,
    /// The private key, sealed for the context `member/PROJECT__USER`.
    pub sealed_key: Vec<u8>,
}

const SELECT: &str = "SELECT project, user_name, role, created_at FROM member";

fn read(row: &Row) -> Result<Member, StoreError> {
    let project = parsed(row, "project", |text| ProjectName::parse(text).ok())?;
    let user = parsed(row, "user_name", |text| UserName::parse(text).ok())?;
    let role = parsed(row, "role", MemberRole::from_word)?;
    let project_user = ProjectUser { project: project.clone(), user: user.clone() };
    Ok(Member { project, user, role, project_user, created_at: time(row, "created_at")? })
}

/// Statements about members.
#[derive(Debug)]
pub struct Members<'t>(&'t mut Transaction);

impl Transaction {
    /// Members.
    pub fn members(&mut self) -> Members<'_> {
        Members(self)
    }
}

impl Members<'_> {
    /// Adds a member.
    pub async fn insert(
        &mut self,
        identity: &ProjectUser,
        role: MemberRole,
        key: &MemberKeyRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        query(
            "INSERT INTO member (project, user_name, role, certificate, sealed_key, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(identity.project.as_str())
        .bind(identity.user.as_str())
        .bind(role.as_str())
        .bind(&key.certificate)
        .bind(&key.sealed_key)
        .bind(millis(now))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.refused("the member", e))?;
        Ok(())
    }

    /// Changes a member's role. The certificate proves identity only, so it stays.
    pub async fn update_role(&mut self, identity: &ProjectUser, role: MemberRole) -> Result<(), StoreError> {
        query("UPDATE member SET role = $1 WHERE project = $2 AND user_name = $3")
            .bind(role.as_str())
            .bind(identity.project.as_str())
            .bind(identity.user.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Replaces a member's certificate and key.
    pub async fn update_key(&mut self, identity: &ProjectUser, key: &MemberKeyRow) -> Result<(), StoreError> {
        query("UPDATE member SET certificate = $1, sealed_key = $2 WHERE project = $3 AND user_name = $4")
            .bind(&key.certificate)
            .bind(&key.sealed_key)
            .bind(identity.project.as_str())
            .bind(identity.user.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// The members among these identities.
    pub async fn find_many(&mut self, identities: &[&ProjectUser]) -> Result<Vec<Member>, StoreError> {
        let mut found = Vec::new();
        for identities in identities.chunks(ROWS) {
            let wanted = values(identities.len(), 2);
            let mut select =
                query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE (project, user_name) IN (VALUES {wanted})")));
            for identity in identities {
                select = select.bind(identity.project.as_str()).bind(identity.user.as_str());
            }
            let rows = select.fetch_all(self.0.connection()).await.map_err(|e| self.0.failed(e))?;
            for row in &rows {
                found.push(read(row)?);
            }
        }
        Ok(found)
    }

    /// One member.
    pub async fn find(&mut self, identity: &ProjectUser) -> Result<Option<Member>, StoreError> {
        let row = query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE project = $1 AND user_name = $2")))
            .bind(identity.project.as_str())
            .bind(identity.user.as_str())
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// The certificate and key of a member.
    pub async fn find_key(&mut self, identity: &ProjectUser) -> Result<Option<MemberKeyRow>, StoreError> {
        let row = query("SELECT certificate, sealed_key FROM member WHERE project = $1 AND user_name = $2")
            .bind(identity.project.as_str())
            .bind(identity.user.as_str())
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.map(|row| {
            Ok(MemberKeyRow { certificate: value(&row, "certificate")?, sealed_key: value(&row, "sealed_key")? })
        })
        .transpose()
    }

    /// The members of a project, by user.
    pub async fn list(&mut self, project: &ProjectName) -> Result<Vec<Member>, StoreError> {
        let rows = query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE project = $1 ORDER BY user_name LIMIT 100000")))
            .bind(project.as_str())
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// The members whose certificate is past two thirds of its lifetime, or was signed by a distrusted authority that
    /// has a successor. The first to expire come first, at most `limit`.
    pub async fn list_due_for_renewal(&mut self, now: Timestamp, limit: u32) -> Result<Vec<ProjectUser>, StoreError> {
        let rows = query(
            "SELECT project, user_name FROM member JOIN certificate ON certificate.serial = member.certificate \
             WHERE certificate.issued_at + (certificate.not_after - certificate.issued_at) * 2 / 3 <= $1 \
             OR certificate.not_before > $1 \
             OR certificate.issuer IN (SELECT id FROM issuer WHERE state = 'retired' AND distrusted_at IS NOT NULL) \
             ORDER BY certificate.not_after LIMIT $2",
        )
        .bind(millis(now))
        .bind(i64::from(limit))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter()
            .map(|row| {
                Ok(ProjectUser {
                    project: parsed(row, "project", |text| ProjectName::parse(text).ok())?,
                    user: parsed(row, "user_name", |text| UserName::parse(text).ok())?,
                })
            })
            .collect()
    }

    /// Removes a member. Returns whether there was one.
    pub async fn delete(&mut self, identity: &ProjectUser) -> Result<bool, StoreError> {
        let done = query("DELETE FROM member WHERE project = $1 AND user_name = $2")
            .bind(identity.project.as_str())
            .bind(identity.user.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected() > 0)
    }
}
