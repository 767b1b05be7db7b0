//! Nodes and what their agents ask, as a client of the daemon.

use super::{DesiredNode, IssuedCertificate, NodeRotation, PostCertificate, PutJoin, PutReport, route};
use crate::certificate::PostIdentityCertificate;
use crate::client::{Client, ClientError};
use crate::incarnation::Incarnation;
use crate::name::{NodeName, ServiceName};
use crate::token::IssuedToken;

impl Client {
    /// A certificate of a service on a node, for a key of the caller's own.
    pub async fn issue_service_certificate(
        &self,
        name: &NodeName,
        service: &ServiceName,
        post: &PostIdentityCertificate,
    ) -> Result<IssuedCertificate, ClientError> {
        self.give(&route::POST_SERVICE_CERTIFICATE, &[name.as_str(), service.as_str()], post).await
    }

    /// Has everything that a node's agent holds replaced, unless that is under way already.
    pub async fn rotate_node(&self, name: &NodeName) -> Result<NodeRotation, ClientError> {
        self.ask(&route::ROTATE_NODE, &[name.as_str()]).await
    }

    /// The node's last rotation once its revision is above `after`, or unchanged after a
    /// [long poll](crate::client::LONG_POLL).
    pub async fn rotation_after(&self, name: &NodeName, after: i64) -> Result<NodeRotation, ClientError> {
        self.ask_after(&route::READ_ROTATION, &[name.as_str()], after).await
    }

    /// Trades a ticket for the node's certificate.
    pub async fn join(&self, name: &NodeName, put: &PutJoin) -> Result<IssuedCertificate, ClientError> {
        self.give(&route::JOIN_NODE, &[name.as_str()], put).await
    }

    /// What the node should hold, once it is not at this generation of this history, or unchanged after a
    /// [long poll](crate::client::LONG_POLL). A daemon of an earlier version names no history.
    pub async fn desired(
        &self,
        name: &NodeName,
        after: i64,
        incarnation: Option<&Incarnation>,
    ) -> Result<DesiredNode, ClientError> {
        let path = format!("{}?after={after}", route::READ_DESIRED.path(&[name.as_str()]));
        let history = incarnation.map_or_else(String::new, |incarnation| format!("&incarnation={incarnation}"));
        self.ask_at(&route::READ_DESIRED, &format!("{path}{history}")).await
    }

    /// Asks for a certificate of the node or of one of its services.
    pub async fn issue(&self, name: &NodeName, post: &PostCertificate) -> Result<IssuedCertificate, ClientError> {
        self.give(&route::POST_CERTIFICATE, &[name.as_str()], post).await
    }

    /// Asks for a token of a service on the node.
    pub async fn service_token(&self, name: &NodeName, service: &ServiceName) -> Result<IssuedToken, ClientError> {
        self.ask(&route::POST_SERVICE_TOKEN, &[name.as_str(), service.as_str()]).await
    }

    /// Says what the node holds.
    pub async fn report(&self, name: &NodeName, put: &PutReport) -> Result<(), ClientError> {
        self.give(&route::PUT_REPORT, &[name.as_str()], put).await
    }
}
