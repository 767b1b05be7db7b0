//! Certificates: recorded before they are returned to anyone, marked when revoked, never deleted.

use jiff::Timestamp;
use ringfence_api::certificate::{Certificate, CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_api::{JobId, NodeName, ProjectUser, ServiceName};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{ROWS, Row, millis, number, optional_time, parsed, time, value, values};
use crate::transaction::Transaction;

/// A certificate to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCertificate<'a> {
    /// Its serial number.
    pub serial: &'a str,
    /// The authority that signed it.
    pub issuer: &'a str,
    /// The shard of its issuer's CRL.
    pub shard: u32,
    /// Its profile.
    pub profile: CertificateProfile,
    /// Who holds its key.
    pub holder: CertificateHolder,
    /// The common name.
    pub common_name: &'a str,
    /// The node that it is on, if any.
    pub node: Option<&'a str>,
    /// The service that it is for, if any.
    pub service: Option<&'a str>,
    /// The job that it is for, if any.
    pub job: Option<&'a str>,
    /// The certificate, DER.
    pub der: &'a [u8],
    /// The start of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
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
    /// The start of its validity.
    pub not_before: Timestamp,
}

/// Which certificates [`Certificates::revoke_all`] revokes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoke<'a> {
    /// Those that this authority signed.
    IssuedBy(&'a str),
    /// Those of a project user and of its jobs.
    OfProjectUser(&'a ProjectUser),
    /// Those of this job of a project user.
    OfJob(&'a ProjectUser, &'a JobId),
    /// Those of a node.
    OfNode(&'a str),
}

impl Revoke<'_> {
    /// The condition in SQL, and the values of its placeholders, which begin with `$3`.
    fn condition(self) -> (&'static str, Vec<String>) {
        let (user, job) = (CertificateProfile::ProjectUser.as_str(), CertificateProfile::Job.as_str());
        match self {
            Self::IssuedBy(issuer) => ("issuer = $3", vec![issuer.to_owned()]),
            Self::OfProjectUser(identity) => {
                let values = vec![identity.to_string(), user.to_owned(), job.to_owned()];
                ("common_name = $3 AND profile IN ($4, $5)", values)
            }
            Self::OfJob(identity, id) => {
                let values = vec![identity.to_string(), id.to_string(), job.to_owned()];
                ("common_name = $3 AND job = $4 AND profile = $5", values)
            }
            Self::OfNode(node) => ("node = $3", vec![node.to_owned()]),
        }
    }
}

const COLUMNS: &str = "serial, issuer, shard, profile, holder, common_name, node, service, job, der, not_before, \
    not_after, issued_at, revoked_at, revocation_reason";

/// A statement that selects [`COLUMNS`], made of constants only.
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

/// Statements about certificates.
#[derive(Debug)]
pub struct Certificates<'t>(&'t mut Transaction);

impl Transaction {
    /// Certificates.
    pub fn certificates(&mut self) -> Certificates<'_> {
        Certificates(self)
    }
}

impl Certificates<'_> {
    /// Records certificates. A serial number that exists refuses all of them.
    pub async fn insert(&mut self, new: &[NewCertificate<'_>], now: Timestamp) -> Result<(), StoreError> {
        for new in new.chunks(ROWS) {
            let values = values(new.len(), 13);
            let mut insert = query(sqlx::AssertSqlSafe(format!(
                "INSERT INTO certificate (serial, issuer, shard, profile, holder, common_name, node, service, job, \
                 der, not_before, not_after, issued_at) VALUES {values}"
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
            insert.execute(self.0.connection()).await.map_err(|e| self.0.refused("the serial number", e))?;
        }
        Ok(())
    }

    /// The certificate of this serial number.
    pub async fn find(&mut self, serial: &str) -> Result<Option<CertificateRow>, StoreError> {
        let row = query(select("WHERE serial = $1"))
            .bind(serial)
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// The newest certificates, at most `limit`.
    pub async fn list(&mut self, limit: u32) -> Result<Vec<Certificate>, StoreError> {
        let rows = query(select("ORDER BY issued_at DESC, serial LIMIT $1"))
            .bind(i64::from(limit))
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| read(row).map(|row| row.view)).collect()
    }

    /// The live certificates of a node: neither revoked, nor expired, nor not yet valid (as after a clock was set
    /// back). Oldest first.
    pub async fn list_live_of_node(&mut self, node: &str, now: Timestamp) -> Result<Vec<Certificate>, StoreError> {
        let rows = query(select(
            "WHERE node = $1 AND revoked_at IS NULL AND not_after >= $2 AND not_before <= $2 \
             ORDER BY issued_at, serial LIMIT 10000",
        ))
        .bind(node)
        .bind(millis(now))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| read(row).map(|row| row.view)).collect()
    }

    /// The certificates of a node that are neither revoked nor expired, also those that are not valid yet. Oldest
    /// first.
    pub async fn list_unrevoked_of_node(&mut self, node: &str, now: Timestamp) -> Result<Vec<Certificate>, StoreError> {
        let rows = query(select(
            "WHERE node = $1 AND revoked_at IS NULL AND not_after >= $2 ORDER BY issued_at, serial LIMIT 10000",
        ))
        .bind(node)
        .bind(millis(now))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| read(row).map(|row| row.view)).collect()
    }

    /// How many certificates that have not expired a node's agent has been issued for itself or one of its services,
    /// revoked or not.
    pub async fn count_of_holder(
        &mut self,
        node: &NodeName,
        service: Option<&ServiceName>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        // Two parts, because each has an index.
        let part = |revoked: &str| {
            format!(
                "SELECT serial FROM certificate WHERE node = $1 AND not_after >= $2 AND revoked_at IS {revoked} \
                 AND holder = $3 AND profile = $4 AND COALESCE(service, '') = $5"
            )
        };
        let sql =
            format!("SELECT count(*) AS issued FROM ({} UNION ALL {}) AS unexpired", part("NULL"), part("NOT NULL"));
        let profile = if service.is_some() { CertificateProfile::Service } else { CertificateProfile::Node };
        let row = query(sqlx::AssertSqlSafe(sql))
            .bind(node.as_str())
            .bind(millis(now))
            .bind(CertificateHolder::Agent.as_str())
            .bind(profile.as_str())
            .bind(service.map_or("", ServiceName::as_str))
            .fetch_one(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        value(&row, "issued")
    }

    /// The live certificates of the API in DER, of all daemons: neither revoked, nor expired, nor not yet valid. Newest
    /// first. At most 1,000, which are more than a day of restarts leaves behind.
    pub async fn list_live_of_api(&mut self, now: Timestamp) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = query(
            "SELECT der FROM certificate WHERE profile = 'api_server' AND revoked_at IS NULL AND not_after >= $1 \
             AND not_before <= $1 ORDER BY issued_at DESC, serial LIMIT 1000",
        )
        .bind(millis(now))
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| value(row, "der")).collect()
    }

    /// The serial numbers of what a node's agent holds from a distrusted authority that has a successor.
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
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| value(row, "serial")).collect()
    }

    /// The serial numbers of the revoked certificates of a node's agent that have not expired.
    pub async fn list_revoked_serials_of_node(
        &mut self,
        node: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let rows = query(
            "SELECT serial FROM certificate \
             WHERE node = $1 AND revoked_at IS NOT NULL AND not_after >= $2 AND holder = $3 \
             ORDER BY serial LIMIT 10000",
        )
        .bind(node)
        .bind(millis(now))
        .bind(CertificateHolder::Agent.as_str())
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| value(row, "serial")).collect()
    }

    /// How many certificates of the profile `node` this node was ever issued.
    pub async fn count_of_node_profile(&mut self, node: &NodeName) -> Result<i64, StoreError> {
        let row = query("SELECT COUNT(*) AS issued FROM certificate WHERE node = $1 AND profile = 'node'")
            .bind(node.as_str())
            .fetch_one(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        value(&row, "issued")
    }

    /// Revokes one certificate. Returns whether it was not revoked before; a second revocation changes nothing.
    pub async fn revoke(&mut self, serial: &str, reason: RevocationReason, now: Timestamp) -> Result<bool, StoreError> {
        let done = query(
            "UPDATE certificate SET revoked_at = $1, revocation_reason = $2 WHERE serial = $3 AND revoked_at IS NULL",
        )
        .bind(millis(now))
        .bind(reason.as_str())
        .bind(serial)
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Revokes every certificate that `which` selects and that has not expired. Returns how many.
    pub async fn revoke_all(
        &mut self,
        which: Revoke<'_>,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (condition, values) = which.condition();
        let mut update = query(sqlx::AssertSqlSafe(format!(
            "UPDATE certificate SET revoked_at = $1, revocation_reason = $2 \
             WHERE {condition} AND revoked_at IS NULL AND not_after >= $1"
        )));
        update = update.bind(millis(now)).bind(reason.as_str());
        for value in values {
            update = update.bind(value);
        }
        let done = update.execute(self.0.connection()).await.map_err(|e| self.0.failed(e))?;
        Ok(done.rows_affected())
    }
}
