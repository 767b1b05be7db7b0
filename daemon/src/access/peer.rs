//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;

/// The other end of the connection; it stands beside each request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peer {
    /// The client certificate, DER, if one was shown. Its possession is proven.
    pub(crate) certificate: Option<Arc<[u8]>>,
    /// The address.
    pub(crate) address: Option<SocketAddr>,
}

impl Peer {
    /// Who sent this request.
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get().cloned().unwrap_or_default()
    }

    /// Where it comes from, for the audit log.
    pub(crate) fn source(&self) -> String {
        self.address.map_or_else(String::new, |address| address.to_string())
    }
}
