//! The one line on standard output that leads Terraform to a provider it has not started.
//!
//! Written and flushed only when the socket listens. It is the value of `TF_REATTACH_PROVIDERS`, as it stands.

use std::io::{self, Write};

use serde_json::json;

use super::handshake::PLUGIN_PROTOCOL;
use super::listener::Address;

/// Writes the line for the provider of that source.
pub(super) fn announce(out: &mut impl Write, source: &str, address: &Address, process: u32) -> io::Result<()> {
    let line = json!({
        full(source): {
            "Protocol": "grpc",
            "ProtocolVersion": PLUGIN_PROTOCOL,
            "Pid": process,
            // Terraform ends neither the process nor the provider in it.
            "Test": true,
            "Addr": { "Network": address.network, "String": address.path },
        }
    });
    writeln!(out, "{line}")?;
    out.flush()
}

/// The source with all three parts, completed as Terraform does it.
fn full(source: &str) -> String {
    match source.split('/').count() {
        1 => format!("registry.terraform.io/hashicorp/{source}"),
        2 => format!("registry.terraform.io/{source}"),
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_what_terraform_parses() {
        let mut out = Vec::new();
        let address = Address { network: "unix", path: "/tmp/x/s".to_owned() };
        announce(&mut out, "example.com/test/note", &address, 7).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let there = json!({ "Network": "unix", "String": "/tmp/x/s" });
        let provider = json!({ "Protocol": "grpc", "ProtocolVersion": 6, "Pid": 7, "Test": true, "Addr": there });
        assert_eq!(said, json!({ "example.com/test/note": provider }));
    }

    #[test]
    fn a_source_is_completed_as_terraform_does_it() {
        for (source, expected) in [
            ("note", "registry.terraform.io/hashicorp/note"),
            ("test/note", "registry.terraform.io/test/note"),
            ("example.com/test/note", "example.com/test/note"),
        ] {
            assert_eq!(full(source), expected);
        }
    }
}
