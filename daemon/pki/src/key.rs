//! Private keys: ECDSA on P-256 unless another kind is asked for, since every peer of ringfence can verify that.

use aws_lc_rs::signature::Ed25519KeyPair;
use rcgen::{
    CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    RsaKeySize,
};
use ringfence_api::cluster::KeyAlgorithm;
use zeroize::Zeroizing;

use crate::PublicKeyInfo;

/// A private key. It has no `Debug` that shows it, and its PEM is wiped when dropped.
pub struct PrivateKey(pub(crate) KeyPair);

/// Why a key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("private key {0}")]
pub struct KeyError(String);

impl PrivateKey {
    /// Makes a new key on P-256 from the operating system's random source.
    pub fn generate() -> Result<Self, KeyError> {
        Self::generate_for(KeyAlgorithm::default())
    }

    /// Makes a new key of this kind.
    pub fn generate_for(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size);
        let made = match algorithm {
            KeyAlgorithm::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            KeyAlgorithm::EcdsaP384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            KeyAlgorithm::Ed25519 => return generate_ed25519(),
            KeyAlgorithm::Rsa2048 => rsa(RsaKeySize::_2048),
            KeyAlgorithm::Rsa3072 => rsa(RsaKeySize::_3072),
            KeyAlgorithm::Rsa4096 => rsa(RsaKeySize::_4096),
        };
        made.map(Self).map_err(|e| KeyError(format!("cannot be generated: {e}")))
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

    /// Whether it is of Ed25519.
    pub(crate) fn is_ed25519(&self) -> bool {
        self.0.is_compatible(&PKCS_ED25519)
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

/// In the first version of PKCS #8: OpenSSL 3.0 does not read the second, which holds the public key too (RFC 5958).
fn generate_ed25519() -> Result<PrivateKey, KeyError> {
    let made = Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8v1());
    let document = made.map_err(|e| KeyError(format!("cannot be generated: {e}")))?;
    PrivateKey::from_der(document.as_ref())
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}
