//! The row of the cluster, and its counters.

use jiff::Timestamp;
use ringfence_api::cluster::PutCluster;
use ringfence_api::{ClusterId, ClusterName, OperatorPublicKey};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{json, millis, parsed, to_json, value};
use crate::transaction::Transaction;

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRow {
    /// Its identity.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// Whose signature logs in; another key may be about to take over, see [`Transaction::operator_keys`].
    pub operator_key: OperatorPublicKey,
    /// Where its API was served when the authority was made; CRL addresses begin with it for ever.
    pub endpoint: String,
    /// What is declared.
    pub declared: PutCluster,
    /// Counts what nodes should hold.
    pub generation: i64,
    /// The generation of the last declaration.
    pub declared_generation: i64,
    /// Counts every change that somebody may wait for.
    pub revision: i64,
}

impl Transaction {
    /// The cluster, unless this database is new.
    pub async fn find_cluster(&mut self) -> Result<Option<ClusterRow>, StoreError> {
        let row = query(
            "SELECT id, name, operator_key, endpoint, declared, generation, declared_generation, revision FROM cluster",
        )
        .fetch_optional(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        row.map(|row| {
            Ok(ClusterRow {
                id: parsed(&row, "id", |text| ClusterId::parse(text).ok())?,
                name: parsed(&row, "name", |text| ClusterName::parse(text).ok())?,
                operator_key: OperatorPublicKey::from_base64(&value::<String>(&row, "operator_key")?),
                endpoint: value(&row, "endpoint")?,
                declared: json(&row, "declared")?,
                generation: value(&row, "generation")?,
                declared_generation: value(&row, "declared_generation")?,
                revision: value(&row, "revision")?,
            })
        })
        .transpose()
    }

    /// The cluster of a database that has one.
    pub async fn cluster(&mut self) -> Result<ClusterRow, StoreError> {
        self.find_cluster().await?.ok_or(StoreError::Corrupt { column: "cluster.id" })
    }

    /// Records a new cluster.
    pub async fn insert_cluster(&mut self, cluster: &ClusterRow, now: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO cluster (id, name, operator_key, endpoint, declared, generation, declared_generation, revision, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(cluster.id.to_string())
        .bind(cluster.name.as_str())
        .bind(cluster.operator_key.to_string())
        .bind(&cluster.endpoint)
        .bind(to_json(&cluster.declared))
        .bind(cluster.generation)
        .bind(cluster.declared_generation)
        .bind(cluster.revision)
        .bind(millis(now))
        .execute(self.connection())
        .await
        .map_err(|e| self.refused("the cluster", e))?;
        Ok(())
    }

    /// Records a declaration: a new generation.
    pub async fn update_declared(&mut self, declared: &PutCluster) -> Result<(), StoreError> {
        query(
            "UPDATE cluster SET declared = $1, generation = generation + 1, declared_generation = generation + 1, \
             revision = revision + 1",
        )
        .bind(to_json(declared))
        .execute(self.connection())
        .await
        .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Nodes should hold something else than before.
    pub async fn update_generation(&mut self) -> Result<(), StoreError> {
        query("UPDATE cluster SET generation = generation + 1, revision = revision + 1")
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Something changed that somebody may wait for.
    pub async fn update_revision(&mut self) -> Result<(), StoreError> {
        query("UPDATE cluster SET revision = revision + 1")
            .execute(self.connection())
            .await
            .map_err(|e| self.failed(e))?;
        Ok(())
    }
}
