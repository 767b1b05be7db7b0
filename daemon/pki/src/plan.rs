//! What an authority is to be, before it is made.

use jiff::SignedDuration;
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::cluster::KeyAlgorithm;

use crate::Serial;

/// What an authority is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it signs for.
    pub domain: AuthorityDomain,
    /// The common name of its subject, of which there is only one.
    pub name: String,
    /// Its serial number.
    pub serial: Serial,
    /// The kind of its key.
    pub algorithm: KeyAlgorithm,
    /// How long it lives, at most as long as its issuer.
    pub lifetime: SignedDuration,
}
