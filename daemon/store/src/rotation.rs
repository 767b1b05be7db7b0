//! Rotations of nodes: which certificates are to be replaced. They are named one by one, so that a clock that steps
//! back makes no new certificate look like an old one.

use jiff::Timestamp;
use ringfence_api::NodeName;
use ringfence_api::certificate::{Certificate, CertificateHolder};
use sqlx::query;

use crate::certificate::{read, select};
use crate::error::StoreError;
use crate::row::millis;
use crate::transaction::Transaction;

/// Statements about rotations of nodes.
#[derive(Debug)]
pub struct Rotations<'t>(&'t mut Transaction);

impl Transaction {
    /// Rotations of nodes.
    pub fn rotations(&mut self) -> Rotations<'_> {
        Rotations(self)
    }
}

impl Rotations<'_> {
    /// Records what a rotation replaces: every valid certificate of the node's agent.
    pub async fn insert(&mut self, node: &NodeName, now: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO node_rotation (node, serial) SELECT node, serial FROM certificate \
             WHERE node = $1 AND holder = $2 AND revoked_at IS NULL AND not_after >= $3",
        )
        .bind(node.as_str())
        .bind(CertificateHolder::Agent.as_str())
        .bind(millis(now))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.refused("the rotation", e))?;
        Ok(())
    }

    /// Deletes what the previous rotation recorded.
    pub async fn delete(&mut self, node: &NodeName) -> Result<(), StoreError> {
        query("DELETE FROM node_rotation WHERE node = $1")
            .bind(node.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// The certificates that the node's last rotation replaces: the node's own first, then those of services, by name.
    pub async fn list(&mut self, node: &NodeName) -> Result<Vec<Certificate>, StoreError> {
        let rows = query(select(
            "WHERE serial IN (SELECT serial FROM node_rotation WHERE node = $1) \
             ORDER BY service, issued_at, serial LIMIT 10000",
        ))
        .bind(node.as_str())
        .fetch_all(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        rows.iter().map(|row| read(row).map(|row| row.view)).collect()
    }
}
