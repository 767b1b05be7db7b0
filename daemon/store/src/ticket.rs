//! Join tickets. Only their hash is kept.

use jiff::Timestamp;
use ringfence_api::NodeName;
use sqlx::query;

use crate::error::StoreError;
use crate::row::{millis, time, value};
use crate::transaction::Transaction;

/// The ticket of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// SHA-256 of the ticket, in hexadecimal.
    pub hash: String,
    /// Until when it may be shown.
    pub expires_at: Timestamp,
    /// SHA-256 of the public key that showed it first, in hexadecimal.
    pub owner_key: Option<String>,
}

impl Transaction {
    /// Gives a node a ticket in the place of any it had. The same ticket again keeps its owner.
    pub async fn put_ticket(&mut self, node: &NodeName, hash: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO join_ticket (node, hash, expires_at, owner_key) VALUES ($1, $2, $3, NULL) \
             ON CONFLICT (node) DO UPDATE SET expires_at = excluded.expires_at, \
             owner_key = CASE WHEN join_ticket.hash = excluded.hash THEN join_ticket.owner_key END, hash = excluded.hash",
        )
        .bind(node.as_str())
        .bind(hash)
        .bind(millis(expires_at))
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// The ticket of a node.
    pub async fn find_ticket(&mut self, node: &NodeName) -> Result<Option<TicketRow>, StoreError> {
        let row = query("SELECT hash, expires_at, owner_key FROM join_ticket WHERE node = $1")
            .bind(node.as_str())
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        row.map(|row| {
            Ok(TicketRow {
                hash: value(&row, "hash")?,
                expires_at: time(&row, "expires_at")?,
                owner_key: value(&row, "owner_key")?,
            })
        })
        .transpose()
    }

    /// How many certificates this node's own profile was ever issued.
    pub async fn count_node_certificates(&mut self, node: &NodeName) -> Result<i64, StoreError> {
        let row = query("SELECT COUNT(*) AS issued FROM certificate WHERE node = $1 AND profile = 'node'")
            .bind(node.as_str())
            .fetch_one(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        value(&row, "issued")
    }

    /// The first key to show a ticket owns it.
    pub async fn update_ticket_owner(&mut self, node: &NodeName, owner_key: &str) -> Result<(), StoreError> {
        query("UPDATE join_ticket SET owner_key = $1 WHERE node = $2 AND owner_key IS NULL")
            .bind(owner_key)
            .bind(node.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Takes a node's ticket away.
    pub async fn delete_ticket(&mut self, node: &NodeName) -> Result<(), StoreError> {
        query("DELETE FROM join_ticket WHERE node = $1")
            .bind(node.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }
}
