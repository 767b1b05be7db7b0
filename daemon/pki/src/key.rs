//! Private keys: P-256 ECDSA, which every peer of ringfence can verify.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use zeroize::Zeroizing;

use crate::PublicKeyInfo;

/// A private key. It has no `Debug` that shows it, and its PEM is wiped when dropped.
pub struct PrivateKey(pub(crate) KeyPair);

/// Why a key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("private key {0}")]
pub struct KeyError(String);

impl PrivateKey {
    /// Makes a new key from the operating system's random source.
    pub fn generate() -> Result<Self, KeyError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|e| KeyError(format!("cannot be generated: {e}")))
    }

    /// Reads PKCS #8 in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        KeyPair::from_pem(pem).map(Self).map_err(|e| KeyError(format!("cannot be read: {e}")))
    }

    /// Reads PKCS #8 in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        KeyPair::try_from(der).map(Self).map_err(|e| KeyError(format!("cannot be read: {e}")))
    }

    /// PKCS #8 in PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// PKCS #8 in DER.
    pub fn to_der(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.serialize_der())
    }

    /// The public half.
    pub fn public(&self) -> PublicKeyInfo {
        rcgen::PublicKeyData::subject_public_key_info(&self.0)
    }

    /// A certificate signing request (PKCS #10) in PEM. The name in it is for people; no authority reads it.
    pub fn request(&self, name: &str) -> Result<String, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let request =
            params.serialize_request(&self.0).map_err(|e| KeyError(format!("cannot sign its request: {e}")))?;
        request.pem().map_err(|e| KeyError(format!("cannot write its request: {e}")))
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}
