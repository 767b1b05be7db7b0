//! The cluster, as a client of the daemon.

use super::{Cluster, PutCluster, route};
use crate::client::{Client, ClientError};

impl Client {
    /// The cluster as it is.
    pub async fn cluster(&self) -> Result<Cluster, ClientError> {
        self.ask(&route::READ_CLUSTER, &[]).await
    }

    /// The cluster once its revision is above `after`, or unchanged after a [long poll](crate::client::LONG_POLL).
    pub async fn cluster_after(&self, after: i64) -> Result<Cluster, ClientError> {
        self.ask_after(&route::READ_CLUSTER, &[], after).await
    }

    /// Declares the cluster.
    pub async fn put_cluster(&self, put: &PutCluster) -> Result<Cluster, ClientError> {
        self.give(&route::PUT_CLUSTER, &[], put).await
    }
}
