//! Rotations of nodes: which certificates somebody asked to be replaced. They are named one by one, so that a clock
//! that steps back makes no new certificate look like an old one.

use jiff::Timestamp;
use ringfence_api::NodeName;
use ringfence_api::certificate::{Certificate, CertificateHolder};
use sqlx::query;

use crate::certificate::{read, select};
use crate::error::StoreError;
use crate::row::millis;
use crate::transaction::Transaction;

impl Transaction {
    /// Notes when a rotation of the node was asked for.
    pub async fn update_node_rotation_requested(&mut self, node: &NodeName, now: Timestamp) -> Result<(), StoreError> {
        query("UPDATE node SET rotation_requested_at = $1 WHERE name = $2")
            .bind(millis(now))
            .bind(node.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Notes what the rotation is about: everything that the node's agent may hold now.
    pub async fn insert_rotation(&mut self, node: &NodeName, now: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO node_rotation (node, serial) SELECT node, serial FROM certificate \
             WHERE node = $1 AND holder = $2 AND revoked_at IS NULL AND not_after >= $3",
        )
        .bind(node.as_str())
        .bind(CertificateHolder::Agent.as_str())
        .bind(millis(now))
        .execute(self.connection())
        .await
        .map_err(|e| self.refused("the rotation", e))?;
        Ok(())
    }

    /// Forgets what the rotation before was about.
    pub async fn delete_rotation(&mut self, node: &NodeName) -> Result<(), StoreError> {
        query("DELETE FROM node_rotation WHERE node = $1")
            .bind(node.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// What the last rotation of the node is about: its own certificates first, then services by name.
    pub async fn list_rotation(&mut self, node: &NodeName) -> Result<Vec<Certificate>, StoreError> {
        let rows = query(select(
            "WHERE serial IN (SELECT serial FROM node_rotation WHERE node = $1) \
             ORDER BY service, issued_at, serial LIMIT 10000",
        ))
        .bind(node.as_str())
        .fetch_all(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        rows.iter().map(|row| read(row).map(|row| row.view)).collect()
    }
}
