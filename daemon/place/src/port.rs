//! Whether a port can be listened on.
//!
//! The answer is a look, not a promise: somebody may take the port before it is used. Its worth
//! is an error at the start that names the port, instead of one in a log later.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: stop whoever uses the port, or choose another")]
pub struct PortError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

/// Whether `address` can be listened on now.
pub fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

/// Checks that `port` can be listened on, on the loopback address.
pub fn check_loopback(port: u16) -> Result<(), PortError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).map(drop).map_err(|source| PortError { address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_until_somebody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert!(!is_free(address));
        let refused = check_loopback(address.port()).unwrap_err();
        assert!(refused.to_string().contains(&address.to_string()), "{refused}");
        drop(listener);
        assert!(is_free(address));
        check_loopback(address.port()).unwrap();
    }
}
