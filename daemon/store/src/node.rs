//! Nodes: declared, launched, reported.

use jiff::Timestamp;
use ringfence_api::NodeName;
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
    /// Where it is in its life.
    pub state: NodeState,
    /// When its agent last reported.
    pub reported_at: Option<Timestamp>,
    /// The generation it last applied.
    pub reported_generation: i64,
    /// What it last reported to hold.
    pub held: Vec<HeldCertificate>,
    /// What it, or its launch, complains of.
    pub fault: Option<String>,
    /// When somebody last asked for everything that its agent holds to be replaced.
    pub rotation_requested_at: Option<Timestamp>,
    /// When it was declared.
    pub created_at: Timestamp,
}

const SELECT: &str = "SELECT name, node_group, state, reported_at, reported_generation, held, fault, \
    rotation_requested_at, created_at FROM node";

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
    })
}

impl Transaction {
    /// Records a node that is to be launched.
    pub async fn insert_node(&mut self, name: &NodeName, group: &str, now: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO node (name, node_group, state, reported_generation, held, created_at) \
             VALUES ($1, $2, $3, 0, '[]', $4)",
        )
        .bind(name.as_str())
        .bind(group)
        .bind(NodeState::Launching.as_str())
        .bind(millis(now))
        .execute(self.connection())
        .await
        .map_err(|e| self.refused("the node", e))?;
        Ok(())
    }

    /// All nodes, by name.
    pub async fn list_nodes(&mut self) -> Result<Vec<NodeRow>, StoreError> {
        let rows = query(sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY name LIMIT 100000")))
            .fetch_all(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        rows.iter().map(read).collect()
    }

    /// The lowest generation that every node which has joined has taken without a fault; nothing without such nodes.
    pub async fn find_taken_generation(&mut self) -> Result<Option<i64>, StoreError> {
        let row = query(
            "SELECT MIN(CASE WHEN fault IS NULL THEN reported_generation ELSE 0 END) AS taken FROM node \
             WHERE state IN ('joined', 'ready')",
        )
        .fetch_one(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        value(&row, "taken")
    }

    /// One node.
    pub async fn find_node(&mut self, name: &NodeName) -> Result<Option<NodeRow>, StoreError> {
        let row = query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE name = $1")))
            .bind(name.as_str())
            .fetch_optional(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        row.as_ref().map(read).transpose()
    }

    /// Moves a node on in its life.
    pub async fn update_node_state(
        &mut self,
        name: &NodeName,
        state: NodeState,
        fault: Option<&str>,
    ) -> Result<(), StoreError> {
        query("UPDATE node SET state = $1, fault = $2 WHERE name = $3")
            .bind(state.as_str())
            .bind(fault)
            .bind(name.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// What was complete is not known to be any more: ready nodes have to report again.
    pub async fn update_ready_nodes_joined(&mut self) -> Result<(), StoreError> {
        query("UPDATE node SET state = $1 WHERE state = $2")
            .bind(NodeState::Joined.as_str())
            .bind(NodeState::Ready.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Records a report.
    pub async fn update_node_report(&mut self, node: &NodeRow) -> Result<(), StoreError> {
        query(
            "UPDATE node SET state = $1, reported_at = $2, reported_generation = $3, held = $4, fault = $5 \
             WHERE name = $6",
        )
        .bind(node.state.as_str())
        .bind(node.reported_at.map(millis))
        .bind(node.reported_generation)
        .bind(to_json(&node.held))
        .bind(&node.fault)
        .bind(node.name.as_str())
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Forgets a node and its ticket. Its certificates stay recorded.
    pub async fn delete_node(&mut self, name: &NodeName) -> Result<(), StoreError> {
        query("DELETE FROM node WHERE name = $1")
            .bind(name.as_str())
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }
}
