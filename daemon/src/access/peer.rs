//! The other end of a connection.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;

/// What authorization tells the listener about the connection of a request.
pub(crate) trait Connection: fmt::Debug + Send + Sync {
    /// Its peer has shown a credential of this cluster: it is no stranger any more.
    fn became_known(&self);
}

/// The other end of the connection; an extension of each request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peer {
    /// The client certificate, DER, if one was presented. TLS has verified that the peer holds its key.
    pub(crate) certificate: Option<Arc<[u8]>>,
    /// The address.
    pub(crate) address: Option<SocketAddr>,
    /// The connection itself.
    pub(crate) connection: Option<Arc<dyn Connection>>,
}

impl Peer {
    /// The peer that sent this request.
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get().cloned().unwrap_or_default()
    }

    /// The address, for the audit log.
    pub(crate) fn source(&self) -> String {
        self.address.map_or_else(String::new, |address| address.to_string())
    }

    /// The peer has shown a credential of this cluster.
    pub(crate) fn became_known(&self) {
        if let Some(connection) = &self.connection {
            connection.became_known();
        }
    }
}
