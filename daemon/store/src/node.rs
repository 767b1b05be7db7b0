//! Nodes: their state, and what their agents report.

use jiff::Timestamp;
use ringfence_api::NodeName;
use ringfence_api::incarnation::Point;
use ringfence_api::node::{HeldCertificate, NodeState};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{Row, json, millis, optional_time, parsed, time, to_json, value};
use crate::transaction::Transaction;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// Its name.
    pub name: NodeName,
    /// `head`, or its worker group.
    pub group: String,
    /// Its state.
    pub state: NodeState,
    /// When its agent last reported.
    pub reported_at: Option<Timestamp>,
    /// The generation that it last reported as applied.
    pub reported_generation: i64,
    /// The certificates that it last reported.
    pub held: Vec<HeldCertificate>,
    /// The fault that its agent reported, or that its launch met.
    pub fault: Option<String>,
    /// When a rotation of everything that its agent holds was last requested.
    pub rotation_requested_at: Option<Timestamp>,
    /// When it was declared.
    pub created_at: Timestamp,
    /// The furthest point that its agent has heard of and this database has not had.
    pub beyond: Option<Point>,
}

const SELECT: &str = "SELECT name, node_group, state, reported_at, reported_generation, held, fault, \
    rotation_requested_at, created_at, beyond FROM node";

fn read(row: &Row) -> Result<NodeRow, StoreError> {
    Ok(NodeRow {
        name: parsed(row, "name", |text| NodeName::parse(text).ok())?,
        group: value(row, "node_group")?,
        state: parsed(row, "state", NodeState::from_word)?,
        reported_at: optional_time(row, "reported_at")?,
        reported_generation: value(row, "reported_generation")?,
        held: json(row, "held")?,
        fault: value(row, "fault")?,
        rotation_requested_at: optional_time(row, "rotation_requested_at")?,
        created_at: time(row, "created_at")?,
        beyond: value::<Option<String>>(row, "beyond")?.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// Statements about nodes.
#[derive(Debug)]
pub struct Nodes<'t>(&'t mut Transaction);

impl Transaction {
    /// Nodes.
    pub fn nodes(&mut self) -> Nodes<'_> {
        Nodes(self)
    }
}

impl Nodes<'_> {
    /// Records a node to launch.
    pub async fn insert(&mut self, name: &NodeName, group: &str, now: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO node (name, node_group, state, reported_generation, held, created_at) \
             VALUES ($1, $2, $3, 0, '[]', $4)",
        )
        .bind(name.as_str())
        .bind(group)
        .bind(NodeState::Launching.as_str())
        .bind(millis(now))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.refused("the node", e))?;
        Ok(())
    }

    /// All nodes, by name.
    pub async fn list(&mut self) -> Result<Vec<NodeRow>, StoreError> {
        let rows = query(sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY name LIMIT 100000")))
            .fetch_all(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// The latest generation that every joined node has applied without a fault; nothing if no node has joined.
    pub async fn find_applied_generation(&mut self) -> Result<Option<i64>, StoreError> {
        let row = query(
            "SELECT MIN(CASE WHEN fault IS NULL THEN reported_generation ELSE 0 END) AS taken FROM node \
             WHERE state IN ('joined', 'ready')",
        )
        .fetch_one(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        value(&row, "taken")
    }

    /// One node.
    pub async fn find(&mut self, name: &NodeName) -> Result<Option<NodeRow>, StoreError> {
        let row = query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE name = $1")))
            .bind(name.as_str())
            .fetch_optional(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// Changes a node's state and fault.
    pub async fn update_state(
        &mut self,
        name: &NodeName,
        state: NodeState,
        fault: Option<&str>,
    ) -> Result<(), StoreError> {
        query("UPDATE node SET state = $1, fault = $2 WHERE name = $3")
            .bind(state.as_str())
            .bind(fault)
            .bind(name.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Sets every ready node back to joined, so that it has to report again.
    pub async fn update_ready_to_joined(&mut self) -> Result<(), StoreError> {
        query("UPDATE node SET state = $1 WHERE state = $2")
            .bind(NodeState::Joined.as_str())
            .bind(NodeState::Ready.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records what an agent reported.
    pub async fn update_report(&mut self, node: &NodeRow) -> Result<(), StoreError> {
        query(
            "UPDATE node SET state = $1, reported_at = $2, reported_generation = $3, held = $4, fault = $5, \
             beyond = $7 WHERE name = $6",
        )
        .bind(node.state.as_str())
        .bind(node.reported_at.map(millis))
        .bind(node.reported_generation)
        .bind(to_json(&node.held))
        .bind(&node.fault)
        .bind(node.name.as_str())
        .bind(node.beyond.as_ref().map(to_json))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Forgets what every node has reported, because it was about another history of the database.
    pub async fn forget_reports(&mut self) -> Result<(), StoreError> {
        self.update_ready_to_joined().await?;
        query("UPDATE node SET reported_generation = 0, beyond = NULL")
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records when a rotation of the node was requested.
    pub async fn update_rotation_requested(&mut self, name: &NodeName, now: Timestamp) -> Result<(), StoreError> {
        query("UPDATE node SET rotation_requested_at = $1 WHERE name = $2")
            .bind(millis(now))
            .bind(name.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Deletes a node and its ticket. Its certificates stay recorded.
    pub async fn delete(&mut self, name: &NodeName) -> Result<(), StoreError> {
        query("DELETE FROM node WHERE name = $1")
            .bind(name.as_str())
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }
}
