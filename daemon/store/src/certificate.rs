//! Certificates: recorded before they leave, revoked by a mark, never deleted.

use jiff::Timestamp;
use ringfence_api::certificate::{Certificate, CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_api::{JobId, ProjectUser};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{ROWS, Row, millis, number, optional_time, parsed, time, value, values};
use crate::transaction::Transaction;

/// A certificate about to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCertificate<'a> {
    /// Its serial number.
    pub serial: &'a str,
    /// Who signed it.
    pub issuer: &'a str,
    /// The shard of its issuer's CRL.
    pub shard: u32,
    /// What it is for.
    pub profile: CertificateProfile,
    /// Who holds its key.
    pub holder: CertificateHolder,
    /// The common name.
    pub common_name: &'a str,
    /// The node it lies on, if any.
    pub node: Option<&'a str>,
    /// The service it is for, if any.
    pub service: Option<&'a str>,
    /// The job it is for, if any.
    pub job: Option<&'a str>,
    /// The certificate, DER.
    pub der: &'a [u8],
    /// The first second of its life.
    pub not_before: Timestamp,
    /// The last second of its life.
    pub not_after: Timestamp,
}

/// A recorded certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    /// What the API shows of it.
    pub view: Certificate,
    /// The shard of its issuer's CRL.
    pub shard: u32,
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// The first second of its life.
    pub not_before: Timestamp,
}

const COLUMNS: &str = "serial, issuer, shard, profile, holder, common_name, node, service, job, der, not_before, \
    not_after, issued_at, revoked_at, revocation_reason";

/// A statement over [`COLUMNS`]. It is made of constants only.
pub(crate) fn select(rest: &'static str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM certificate {rest}"))
}

pub(crate) fn read(row: &Row) -> Result<CertificateRow, StoreError> {
    let reason: Option<String> = value(row, "revocation_reason")?;
    let corrupt = StoreError::Corrupt { column: "revocation_reason" };
    Ok(CertificateRow {
        view: Certificate {
            serial: value(row, "serial")?,
            issuer: value(row, "issuer")?,
            profile: parsed(row, "profile", CertificateProfile::from_word)?,
            holder: parsed(row, "holder", CertificateHolder::from_word)?,
            common_name: value(row, "common_name")?,
            node: value(row, "node")?,
            service: value(row, "service")?,
            job: value(row, "job")?,
            issued_at: time(row, "issued_at")?,
            not_after: time(row, "not_after")?,
            revoked_at: optional_time(row, "revoked_at")?,
            revocation_reason: reason.map(|word| RevocationReason::from_word(&word).ok_or(corrupt)).transpose()?,
        },
        shard: number(row, "shard")?,
        der: value(row, "der")?,
        not_before: time(row, "not_before")?,
    })
}

impl Transaction {
    /// Records certificates. A serial that exists is refused, and all with it.
    pub async fn insert_certificates(&mut self, new: &[NewCertificate<'_>], now: Timestamp) -> Result<(), StoreError> {
        for new in new.chunks(ROWS) {
            let values = values(new.len(), 13);
            let mut insert = query(sqlx::AssertSqlSafe(format!(
                "INSERT INTO certificate (serial, issuer, shard, profile, holder, common_name, node, service, job, der, \
                 not_before, not_after, issued_at) VALUES {values}"
            )));
            for new in new {
                insert = insert
                    .bind(new.serial)
                    .bind(new.issuer)
                    .bind(i64::from(new.shard))
                    .bind(new.profile.as_str())
                    .bind(new.holder.as_str())
                    .bind(new.common_name)
                    .bind(new.node)
                    .bind(new.service)
                    .bind(new.job)
                    .bind(new.der)
                    .bind(millis(new.not_before))
                    .bind(millis(new.not_after))
                    .bind(millis(now));
            }
            insert.execute(self.connection()).await.map_err(|e| self.refused("the serial number", e))?;
        }
        Ok(())
    }

    /// The certificate of this serial number.
    pub async fn find_certificate(&mut self, serial: &str) -> Result<Option<CertificateRow>, StoreError> {
        let row = query(select("WHERE serial = $1"))
            .bind(serial)
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// The newest certificates, at most so many.
    pub async fn list_certificates(&mut self, limit: u32) -> Result<Vec<Certificate>, StoreError> {
        let rows = query(select("ORDER BY issued_at DESC, serial LIMIT $1"))
            .bind(i64::from(limit))
            .fetch_all(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        rows.iter().map(|row| read(row).map(|row| row.view)).collect()
    }

    /// The certificates of a node that are live: neither revoked, nor over, nor yet to begin (as after a clock was
    /// set back). Oldest first.
    pub async fn list_live_certificates_of_node(
        &mut self,
        node: &str,
        now: Timestamp,
    ) -> Result<Vec<Certificate>, StoreError> {
        let rows = query(select(
            "WHERE node = $1 AND revoked_at IS NULL AND not_after >= $2 AND not_before <= $2 \
             ORDER BY issued_at, serial LIMIT 10000",
        ))
        .bind(node)
        .bind(millis(now))
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter().map(|row| read(row).map(|row| row.view)).collect()
    }

    /// The serials of what a node's agent holds that was signed by an authority which is not trusted any more and has a
    /// successor.
    pub async fn list_distrusted_serials_of_node(
        &mut self,
        node: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let rows = query(
            "SELECT serial FROM certificate WHERE node = $1 AND revoked_at IS NULL AND not_after >= $2 AND holder = $3 \
             AND issuer IN (SELECT id FROM issuer WHERE state = 'retired' AND distrusted_at IS NOT NULL) \
             ORDER BY serial LIMIT 10000",
        )
        .bind(node)
        .bind(millis(now))
        .bind(CertificateHolder::Agent.as_str())
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter().map(|row| value(row, "serial")).collect()
    }

    /// The serials of what a node's agent holds, or held, that are revoked and would otherwise still be good.
    pub async fn list_revoked_serials_of_node(
        &mut self,
        node: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let rows = query(
            "SELECT serial FROM certificate \
             WHERE node = $1 AND revoked_at IS NOT NULL AND not_after >= $2 AND holder = $3 ORDER BY serial LIMIT 10000",
        )
        .bind(node)
        .bind(millis(now))
        .bind(CertificateHolder::Agent.as_str())
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter().map(|row| value(row, "serial")).collect()
    }

    /// Revokes one certificate. Returns whether it was good before; a second revocation changes nothing.
    pub async fn update_certificate_revoked(
        &mut self,
        serial: &str,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = query(
            "UPDATE certificate SET revoked_at = $1, revocation_reason = $2 WHERE serial = $3 AND revoked_at IS NULL",
        )
        .bind(millis(now))
        .bind(reason.as_str())
        .bind(serial)
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Revokes every live certificate that an authority signed. Returns how many.
    pub async fn update_certificates_revoked_by_issuer(
        &mut self,
        issuer: &str,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let done = query(
            "UPDATE certificate SET revoked_at = $1, revocation_reason = $2 \
             WHERE issuer = $3 AND not_after >= $1 AND revoked_at IS NULL",
        )
        .bind(millis(now))
        .bind(reason.as_str())
        .bind(issuer)
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected())
    }

    /// Revokes every live certificate of a project user, its own and those of its jobs. Returns how many.
    pub async fn update_certificates_revoked_of_project_user(
        &mut self,
        identity: &ProjectUser,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let done = query(
            "UPDATE certificate SET revoked_at = $1, revocation_reason = $2 \
             WHERE common_name = $3 AND profile IN ($4, $5) AND revoked_at IS NULL AND not_after >= $1",
        )
        .bind(millis(now))
        .bind(reason.as_str())
        .bind(identity.to_string())
        .bind(CertificateProfile::ProjectUser.as_str())
        .bind(CertificateProfile::Job.as_str())
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected())
    }

    /// Revokes every live certificate of exactly this job. Returns how many.
    pub async fn update_certificates_revoked_of_job(
        &mut self,
        identity: &ProjectUser,
        job: &JobId,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let done = query(
            "UPDATE certificate SET revoked_at = $1, revocation_reason = $2 \
             WHERE common_name = $3 AND job = $4 AND profile = $5 AND revoked_at IS NULL AND not_after >= $1",
        )
        .bind(millis(now))
        .bind(reason.as_str())
        .bind(identity.to_string())
        .bind(job.as_str())
        .bind(CertificateProfile::Job.as_str())
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected())
    }

    /// Revokes every live certificate of a node. Returns how many.
    pub async fn update_certificates_revoked_of_node(
        &mut self,
        node: &str,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let done = query(
            "UPDATE certificate SET revoked_at = $1, revocation_reason = $2 \
             WHERE node = $3 AND revoked_at IS NULL AND not_after >= $1",
        )
        .bind(millis(now))
        .bind(reason.as_str())
        .bind(node)
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(done.rows_affected())
    }
}
