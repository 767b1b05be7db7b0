//! A question that anybody may ask: whether the node's certificate is revoked, as openssl asks it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringfence_agent::Disk;
use ringfence_api::NodeName;
use ringfence_pki::{pem_certificate, pem_certificates};

/// The request about the head's certificate in the cluster of this directory, as it stands in a path.
pub(crate) fn ocsp_request(cluster: &Path) -> Result<String> {
    let (chain, _) = Disk::new(&cluster.join("nodes").join(NodeName::head().as_str())).node_identity()?;
    let chain = pem_certificates(&chain)?;
    let [leaf, issuer, ..] = &chain[..] else { anyhow::bail!("the node's chain has no issuer") };
    std::fs::write(cluster.join("leaf.pem"), pem_certificate(leaf))?;
    std::fs::write(cluster.join("issuer.pem"), pem_certificate(issuer))?;
    let mut openssl = Command::new("openssl");
    openssl.args(["ocsp", "-sha1", "-issuer", "issuer.pem", "-cert", "leaf.pem", "-reqout", "request.der"]);
    let output = openssl.current_dir(cluster).output().context(
        "openssl is missing: run `make bench`, which installs it, or install it (Debian: apt-get install openssl)",
    )?;
    let request = std::fs::read(cluster.join("request.der"))
        .with_context(|| format!("openssl says: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(STANDARD.encode(request).replace('/', "%2F").replace('+', "%2B"))
}
