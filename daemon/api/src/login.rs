//! Logging in as the operator: a nonce from the daemon, signed together with the CA that the client sees.
//!
//! The fingerprint in the signed message is what makes a man in the middle useless: who ends TLS with another CA
//! gets a signature over that other CA, which the real daemon refuses. A client that trusts several roots, as during a
//! change of the root, signs over all of them.

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

/// The fingerprint of what a client trusts, from the DER of its root certificates: the SHA-256 of the one, or of the
/// sorted SHA-256s of several.
pub fn trust_fingerprint<'a>(roots: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    use aws_lc_rs::digest::{SHA256, digest};
    let mut fingerprints: Vec<_> = roots.into_iter().map(|root| digest(&SHA256, root)).collect();
    fingerprints.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
    fingerprints.dedup_by(|one, other| one.as_ref() == other.as_ref());
    let whole = match &fingerprints[..] {
        [one] => *one,
        several => {
            let joined: Vec<u8> = several.iter().flat_map(AsRef::as_ref).copied().collect();
            digest(&SHA256, &joined)
        }
    };
    let mut bytes = [0; 32];
    bytes.copy_from_slice(whole.as_ref());
    bytes
}

/// What the operator signs: purpose, cluster, nonce, and the [fingerprint](trust_fingerprint) of what the client
/// trusts.
pub fn message(cluster_id: &ClusterId, nonce: &str, ca_fingerprint: &[u8; 32]) -> Vec<u8> {
    format!("ringfence login v1\n{cluster_id}\n{nonce}\n{}", hex::encode(ca_fingerprint)).into_bytes()
}
