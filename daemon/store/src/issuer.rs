//! Authorities and their sealed keys. Rows are never deleted; the key of an authority that is gone is erased.

use jiff::Timestamp;
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, millis, number, optional_time, parsed, time, value};
use crate::transaction::Transaction;

/// See [`Issuers::issuing_state`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuingState(Vec<(String, AuthorityState, bool, i64)>);

/// An authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRow {
    /// What the API shows of it.
    pub view: Authority,
    /// Its number within its domain, from 1.
    pub number: u32,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Its private key, sealed for the context `issuer/ID`; empty once it is erased.
    pub sealed_key: Vec<u8>,
    /// Of a root: its public key signed by the previous root, DER.
    pub cross_certificate: Option<Vec<u8>>,
    /// How many CRL shards it has.
    pub shards: u32,
    /// When its certificate becomes valid.
    pub not_before: Timestamp,
    /// The generation of the cluster that distributes it to nodes.
    pub prepared_generation: i64,
    /// When every node was found to have applied that generation.
    pub known_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, domain, parent, state, not_after, created_at, activated_at, retired_at, \
    rotation_requested_at, distrusted_at, number, certificate, sealed_key, cross_certificate, shards, not_before, \
    prepared_generation, known_at";

fn read(row: &Row) -> Result<IssuerRow, StoreError> {
    Ok(IssuerRow {
        view: Authority {
            id: value(row, "id")?,
            domain: parsed(row, "domain", AuthorityDomain::from_word)?,
            parent: value(row, "parent")?,
            state: parsed(row, "state", AuthorityState::from_word)?,
            not_after: time(row, "not_after")?,
            created_at: time(row, "created_at")?,
            activated_at: optional_time(row, "activated_at")?,
            retired_at: optional_time(row, "retired_at")?,
            rotation_requested_at: optional_time(row, "rotation_requested_at")?,
            distrusted_at: optional_time(row, "distrusted_at")?,
        },
        number: number(row, "number")?,
        certificate: value(row, "certificate")?,
        sealed_key: value(row, "sealed_key")?,
        cross_certificate: value(row, "cross_certificate")?,
        shards: number(row, "shards")?,
        not_before: time(row, "not_before")?,
        prepared_generation: value(row, "prepared_generation")?,
        known_at: optional_time(row, "known_at")?,
    })
}

/// Statements about authorities.
#[derive(Debug)]
pub struct Issuers<'t>(&'t mut Transaction);

impl Transaction {
    /// Authorities.
    pub fn issuers(&mut self) -> Issuers<'_> {
        Issuers(self)
    }
}

impl Issuers<'_> {
    /// Records an authority.
    pub async fn insert(&mut self, issuer: &IssuerRow) -> Result<(), StoreError> {
        let view = &issuer.view;
        query(
            "INSERT INTO issuer (id, domain, parent, state, not_after, created_at, activated_at, number, certificate, \
             sealed_key, cross_certificate, shards, not_before, prepared_generation) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(&view.id)
        .bind(view.domain.as_str())
        .bind(&view.parent)
        .bind(view.state.as_str())
        .bind(millis(view.not_after))
        .bind(millis(view.created_at))
        .bind(view.activated_at.map(millis))
        .bind(i64::from(issuer.number))
        .bind(&issuer.certificate)
        .bind(&issuer.sealed_key)
        .bind(&issuer.cross_certificate)
        .bind(i64::from(issuer.shards))
        .bind(millis(issuer.not_before))
        .bind(issuer.prepared_generation)
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.refused("the authority", e))?;
        Ok(())
    }

    /// Every authority, by domain, the oldest first.
    pub async fn list(&mut self) -> Result<Vec<IssuerRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM issuer ORDER BY domain, number LIMIT 10000");
        let rows =
            query(sqlx::AssertSqlSafe(sql)).fetch_all(self.0.connection()).await.map_err(|e| self.0.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// What decides which authority signs and for how long: equal states mean the same authorities and settings.
    pub async fn issuing_state(&mut self) -> Result<IssuingState, StoreError> {
        let rows = query(
            "SELECT id, state, distrusted_at, (SELECT declared_generation FROM cluster) AS declared_generation \
             FROM issuer ORDER BY domain, number LIMIT 10000",
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        let issuer = |row| {
            let state = parsed(row, "state", AuthorityState::from_word)?;
            let distrusted = optional_time(row, "distrusted_at")?.is_some();
            Ok((value(row, "id")?, state, distrusted, value(row, "declared_generation")?))
        };
        rows.iter().map(issuer).collect::<Result<_, _>>().map(IssuingState)
    }

    /// Records a root's public key as signed by the previous root.
    pub async fn update_cross_certificate(&mut self, id: &str, certificate: &[u8]) -> Result<(), StoreError> {
        query("UPDATE issuer SET cross_certificate = $1 WHERE id = $2")
            .bind(certificate)
            .bind(id)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records that every node knows a prepared authority.
    pub async fn mark_known(&mut self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        query("UPDATE issuer SET known_at = $1 WHERE id = $2 AND known_at IS NULL")
            .bind(millis(now))
            .bind(id)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Makes a prepared authority the active one of its domain, and retires the one that was.
    pub async fn activate(&mut self, id: &str, domain: AuthorityDomain, now: Timestamp) -> Result<(), StoreError> {
        query("UPDATE issuer SET state = 'retired', retired_at = $1 WHERE domain = $2 AND state = 'active'")
            .bind(millis(now))
            .bind(domain.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        query("UPDATE issuer SET state = 'active', activated_at = $1 WHERE id = $2 AND state = 'prepared'")
            .bind(millis(now))
            .bind(id)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.refused("the active authority", e))?;
        Ok(())
    }

    /// Erases the key of an authority that is not needed any more, and deletes its CRLs.
    pub async fn erase(&mut self, id: &str) -> Result<(), StoreError> {
        query("UPDATE issuer SET state = 'gone', sealed_key = $1 WHERE id = $2 AND state IN ('retired', 'prepared')")
            .bind(Vec::<u8>::new())
            .bind(id)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        query("DELETE FROM crl_shard WHERE issuer = $1")
            .bind(id)
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records that a successor was requested, and whether the key is compromised.
    pub async fn request_rotation(&mut self, id: &str, compromised: bool, now: Timestamp) -> Result<(), StoreError> {
        query(
            "UPDATE issuer SET rotation_requested_at = $1, \
             distrusted_at = CASE WHEN $2 = 1 AND distrusted_at IS NULL THEN $1 ELSE distrusted_at END WHERE id = $3",
        )
        .bind(millis(now))
        .bind(i64::from(compromised))
        .bind(id)
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// When the last certificate that an authority signed expires, revoked or not; nothing if it signed none.
    pub async fn find_last_expiry(&mut self, issuer: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = query("SELECT not_after FROM certificate WHERE issuer = $1 ORDER BY not_after DESC LIMIT 1")
            .bind(issuer)
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.map(|row| time(&row, "not_after")).transpose()
    }

    /// Whether agents, or the daemon for project users, still hold live certificates of this authority. Of a project
    /// user only the current certificate counts, because the daemon serves no other.
    pub async fn is_in_use(&mut self, issuer: &str, now: Timestamp) -> Result<bool, StoreError> {
        let row = query(
            "SELECT serial FROM certificate WHERE issuer = $1 AND not_after >= $2 AND revoked_at IS NULL \
             AND holder = 'agent' \
             UNION ALL \
             SELECT serial FROM member JOIN certificate ON certificate.serial = member.certificate \
             WHERE issuer = $1 AND not_after >= $2 AND revoked_at IS NULL LIMIT 1",
        )
        .bind(issuer)
        .bind(millis(now))
        .fetch_optional(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(row.is_some())
    }
}
