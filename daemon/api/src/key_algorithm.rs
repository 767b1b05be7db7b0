//! The kinds of keys that ringfence makes.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::word::words;

/// A kind of key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum KeyAlgorithm {
    /// ECDSA on P-256, which everything can verify.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519 (RFC 8410). Browsers and older Java do not take it in certificates.
    Ed25519,
    /// RSA of 2048 bits.
    #[serde(rename = "rsa_2048")]
    #[strum(serialize = "rsa_2048")]
    Rsa2048,
    /// RSA of 3072 bits.
    #[serde(rename = "rsa_3072")]
    #[strum(serialize = "rsa_3072")]
    Rsa3072,
    /// RSA of 4096 bits. Making one takes a second or so.
    #[serde(rename = "rsa_4096")]
    #[strum(serialize = "rsa_4096")]
    Rsa4096,
}

words!(KeyAlgorithm);

impl KeyAlgorithm {
    /// The kinds that sign tokens: ES256 and `EdDSA`.
    pub const OF_TOKENS: [Self; 2] = [Self::EcdsaP256, Self::Ed25519];
}
