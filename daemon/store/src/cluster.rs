//! The row of the cluster, and its counters.

use jiff::Timestamp;
use ringfence_api::cluster::PutCluster;
use ringfence_api::incarnation::{Incarnation, Point};
use ringfence_api::{ClusterId, ClusterName, OperatorPublicKey};
use sqlx::query;

use crate::error::StoreError;
use crate::row::{json, millis, optional_time, parsed, to_json, value};
use crate::transaction::Transaction;

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRow {
    /// Its identity.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// The operator's current public key. Another may be pending, see
    /// [`Operator::keys`](crate::operator::Operator::keys).
    pub operator_key: OperatorPublicKey,
    /// The address of its API when the cluster was created. CRL addresses keep it as their prefix.
    pub endpoint: String,
    /// Its declaration.
    pub declared: PutCluster,
    /// Incremented when the desired state of nodes changes.
    pub generation: i64,
    /// The generation of the last declaration.
    pub declared_generation: i64,
    /// Incremented by every change that a client may wait for.
    pub revision: i64,
    /// The history that this database is in.
    pub incarnation: Incarnation,
    /// When the rows came from a backup, until the incarnation that follows has begun.
    pub restored_at: Option<Timestamp>,
}

impl ClusterRow {
    /// Where the database is in its history.
    pub fn point(&self) -> Point {
        Point { incarnation: self.incarnation.clone(), generation: self.generation }
    }
}

/// Statements about the row of the cluster.
#[derive(Debug)]
pub struct Cluster<'t>(&'t mut Transaction);

impl Transaction {
    /// The cluster's row and its counters.
    pub fn cluster(&mut self) -> Cluster<'_> {
        Cluster(self)
    }
}

impl Cluster<'_> {
    /// The cluster; nothing in a new database.
    pub async fn find(&mut self) -> Result<Option<ClusterRow>, StoreError> {
        let row = query(
            "SELECT id, name, operator_key, endpoint, declared, generation, declared_generation, revision, \
             incarnation, incarnation_id, restored_at FROM cluster",
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
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
                incarnation: Incarnation { number: value(&row, "incarnation")?, id: value(&row, "incarnation_id")? },
                restored_at: optional_time(&row, "restored_at")?,
            })
        })
        .transpose()
    }

    /// The cluster. Its absence is an error.
    pub async fn get(&mut self) -> Result<ClusterRow, StoreError> {
        self.find().await?.ok_or(StoreError::Corrupt { column: "cluster.id" })
    }

    /// Records a new cluster.
    pub async fn insert(&mut self, cluster: &ClusterRow, now: Timestamp) -> Result<(), StoreError> {
        query(
            "INSERT INTO cluster (id, name, operator_key, endpoint, declared, generation, declared_generation, \
             revision, created_at, incarnation, incarnation_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
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
        .bind(cluster.incarnation.number)
        .bind(&cluster.incarnation.id)
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.refused("the cluster", e))?;
        Ok(())
    }

    /// Begins another history at this point. Every node has to take the whole state anew.
    pub async fn update_incarnation(&mut self, point: &Point) -> Result<(), StoreError> {
        query(
            "UPDATE cluster SET incarnation = $1, incarnation_id = $2, generation = $3, declared_generation = $3, \
             revision = revision + 1, restored_at = NULL",
        )
        .bind(point.incarnation.number)
        .bind(&point.incarnation.id)
        .bind(point.generation)
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records a declaration, which is a new generation.
    pub async fn update_declared(&mut self, declared: &PutCluster) -> Result<(), StoreError> {
        query(
            "UPDATE cluster SET declared = $1, generation = generation + 1, declared_generation = generation + 1, \
             revision = revision + 1",
        )
        .bind(to_json(declared))
        .execute(self.0.connection())
        .await
        .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records that the desired state of nodes has changed.
    pub async fn increment_generation(&mut self) -> Result<(), StoreError> {
        query("UPDATE cluster SET generation = generation + 1, revision = revision + 1")
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Writes what is there, to see whether anything can be written.
    pub async fn touch(&mut self) -> Result<(), StoreError> {
        query("UPDATE cluster SET revision = revision")
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }

    /// Records a change that a client may wait for.
    pub async fn increment_revision(&mut self) -> Result<(), StoreError> {
        query("UPDATE cluster SET revision = revision + 1")
            .execute(self.0.connection())
            .await
            .map_err(|e| self.0.failed(e))?;
        Ok(())
    }
}
