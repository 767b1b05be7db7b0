//! Health and the audit log, as a client of the daemon.

use super::{AuditCheckpoint, Health, route};
use crate::client::{Client, ClientError};

impl Client {
    /// Asks whether the daemon is up, and whether it is the right one.
    pub async fn health(&self) -> Result<Health, ClientError> {
        let health: Health = self.ask(&route::READ_HEALTH, &[]).await?;
        if health.cluster_id == self.connection().cluster_id {
            return Ok(health);
        }
        Err(ClientError::OtherCluster {
            endpoint: self.connection().endpoint.clone(),
            found: health.cluster_id,
            wanted: self.connection().cluster_id,
        })
    }

    /// Signs how the audit log stands now.
    pub async fn post_audit_checkpoint(&self) -> Result<AuditCheckpoint, ClientError> {
        self.ask(&route::POST_CHECKPOINT, &[]).await
    }
}
