//! What is needed to reach a cluster: the `connection` of a `ringfence_cluster`, and the `cluster` of what is in one.

use ringfence_api::{ClusterId, Connection};
use tfplugin_rs::prelude::*;

/// What is needed to reach a cluster. Nothing in it is secret.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ConnectionModel {
    /// Address of the daemon's API, `https://HOST:PORT`.
    #[tf(required, validate = check(check_endpoint))]
    pub(crate) endpoint: Value<String>,
    /// Root certificate of the cluster, in PEM.
    #[tf(required)]
    pub(crate) ca_certificate: Value<String>,
    /// Identity of the cluster.
    #[tf(required, validate = check(ClusterId::parse))]
    pub(crate) cluster_id: Value<String>,
}

fn check_endpoint(text: &str) -> std::result::Result<(), String> {
    if text.starts_with("https://") { Ok(()) } else { Err("it must begin with https://".to_owned()) }
}

impl From<&Connection> for ConnectionModel {
    fn from(connection: &Connection) -> Self {
        Self {
            endpoint: connection.endpoint.clone().into(),
            ca_certificate: connection.ca_certificate.clone().into(),
            cluster_id: connection.cluster_id.to_string().into(),
        }
    }
}

impl ConnectionModel {
    /// The connection, if all of it is known and valid.
    pub(crate) fn known(&self) -> Option<Connection> {
        Some(Connection {
            endpoint: self.endpoint.known()?.clone(),
            ca_certificate: self.ca_certificate.known()?.clone(),
            cluster_id: ClusterId::parse(self.cluster_id.known()?).ok()?,
        })
    }
}
