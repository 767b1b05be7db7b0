//! The one line on standard output that tells Terraform where and how to connect.
//!
//! Written and flushed only when the socket listens: Terraform connects at once.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::listener::Address;

/// Version of the handshake itself.
const CORE_PROTOCOL: u32 = 1;
/// Version of the provider protocol.
pub(super) const PLUGIN_PROTOCOL: u32 = 6;

/// Writes the line. Without a certificate the connection is plain.
pub(super) fn announce(out: &mut impl Write, address: &Address, certificate: Option<&[u8]>) -> io::Result<()> {
    let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    let Address { network, path } = address;
    writeln!(out, "{CORE_PROTOCOL}|{PLUGIN_PROTOCOL}|{network}|{path}|grpc|{certificate}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_six_fields_and_no_padding() {
        let mut out = Vec::new();
        let address = Address { network: "unix", path: "/tmp/x/s".to_owned() };
        announce(&mut out, &address, Some(b"four")).unwrap();
        assert_eq!(out, b"1|6|unix|/tmp/x/s|grpc|Zm91cg\n");
        out.clear();
        announce(&mut out, &address, None).unwrap();
        assert_eq!(out, b"1|6|unix|/tmp/x/s|grpc|\n");
    }
}
