//! Join tickets. Only their hash is stored.

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
    /// When it expires.
    pub expires_at: Timestamp,
    /// SHA-256 of the public key that used it first, in hexadecimal.
    pub owner_key: Option<String>,
}

/// Statements about join tickets.
#[derive(Debug)]
pub struct Tickets<'t>(&'t mut Transaction);

impl Transaction {
    /// Join tickets.
    pub fn tickets(&mut self) -> Tickets<'_> {
        Tickets(self)
    }
}

impl Tickets<'_> {
    /// Sets a node's ticket. The same ticket again keeps its owner.
    pub async fn upsert(&mut self, node: &NodeName, hash: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO join_ticket (node, hash, expires_at, owner_key) VALUES ($1, $2, $3, NULL) \
             ON CONFLICT (node) DO UPDATE SET expires_at = excluded.expires_at, \
             owner_key = CASE WHEN join_ticket.hash = excluded.hash THEN join_ticket.owner_key END, \
             hash = excluded.hash",
        )
        .bind(node.as_str())
        .bind(hash)
        .bind(millis(expires_at))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// The ticket of a node.
    pub async fn find(&mut self, node: &NodeName) -> Result<Option<TicketRow>, StoreError> {
        let row = query("SELECT hash, expires_at, owner_key FROM join_ticket WHERE node = $1")
            .bind(node.as_str())
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.map(|row| {
            Ok(TicketRow {
                hash: value(&row, "hash")?,
                expires_at: time(&row, "expires_at")?,
                owner_key: value(&row, "owner_key")?,
            })
        })
        .transpose()
    }

    /// Makes a key the owner of the node's ticket, unless it has one.
    pub async fn update_owner(&mut self, node: &NodeName, owner_key: &str) -> Result<(), StoreError> {
        query("UPDATE join_ticket SET owner_key = $1 WHERE node = $2 AND owner_key IS NULL")
            .bind(owner_key)
            .bind(node.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Deletes every ticket.
    pub async fn delete_all(&mut self) -> Result<(), StoreError> {
        query("DELETE FROM join_ticket").execute(self.0.connection()).await.map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Deletes a node's ticket.
    pub async fn delete(&mut self, node: &NodeName) -> Result<(), StoreError> {
        query("DELETE FROM join_ticket WHERE node = $1")
            .bind(node.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }
}
