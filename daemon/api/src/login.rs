//! Logging in as the operator: a nonce from the daemon, signed together with the CA that the client trusts and the
//! certificate that the server showed.
//!
//! The fingerprints in the signed message are what makes a man in the middle useless: who ends TLS with another CA, or
//! with another certificate of the same CA, gets a signature over that, which the real daemon refuses. A client that
//! trusts several roots, as during a change of the root, signs over all of them.
//!
//! The certificate stands for the server's key: the daemon makes a new key for each, and has recorded each as it is, so
//! that one signed by a thief of the CA's key is of no use either.

pub mod route;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::ClusterId;

/// A challenge: used once, within a minute.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginNonce {
    /// 128 random bits, in hexadecimal.
    pub nonce: String,
    /// The cluster that asks.
    pub cluster_id: ClusterId,
}

/// The answer to a challenge.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutLogin {
    /// The nonce that was given.
    pub nonce: String,
    /// The operator's Ed25519 signature over [`message`], in base64.
    pub signature: String,
}

/// A session of the operator.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// Goes into `Authorization: Bearer …`.
    pub session: String,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login(.., expires_at: {})", self.expires_at)
    }
}

/// The SHA-256 of a certificate in DER.
pub fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    use aws_lc_rs::digest::{SHA256, digest};
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
    bytes
}

/// The fingerprint of what a client trusts, from the DER of its root certificates: the SHA-256 of the one, or of the
/// sorted SHA-256s of several.
pub fn trust_fingerprint<'a>(roots: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut fingerprints: Vec<_> = roots.into_iter().map(fingerprint).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    match &fingerprints[..] {
        [one] => *one,
        several => fingerprint(several.as_flattened()),
    }
}

/// What the operator signs: purpose, cluster, nonce, the [fingerprint](trust_fingerprint) of what the client trusts,
/// and the [fingerprint] of the server's certificate on the connection on which the nonce was given.
pub fn message(
    cluster_id: &ClusterId,
    nonce: &str,
    ca_fingerprint: &[u8; 32],
    server_fingerprint: &[u8; 32],
) -> Vec<u8> {
    let (ca, server) = (hex::encode(ca_fingerprint), hex::encode(server_fingerprint));
    format!("ringfence login v2\n{cluster_id}\n{nonce}\n{ca}\n{server}").into_bytes()
}

/// What clients of the version before sign. It logs nobody in; a daemon knows it to say that the client is too old.
pub fn message_before(cluster_id: &ClusterId, nonce: &str, ca_fingerprint: &[u8; 32]) -> Vec<u8> {
    format!("ringfence login v1\n{cluster_id}\n{nonce}\n{}", hex::encode(ca_fingerprint)).into_bytes()
}
