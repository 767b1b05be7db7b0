//! Private keys: ECDSA on P-256 unless another kind is asked for, since every peer of ringfence can verify that.

use aws_lc_rs::signature::Ed25519KeyPair;
use rcgen::{
    CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    RsaKeySize,
};
use zeroize::Zeroizing;

use crate::PublicKeyInfo;

/// A private key. It has no `Debug` that shows it, and its PEM is wiped when dropped.
pub struct PrivateKey(pub(crate) KeyPair);

/// Why a key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("private key {0}")]
pub struct KeyError(String);

/// What kind of key, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519 (RFC 8410). Browsers and older Java do not take it in certificates.
    Ed25519,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits. Making one takes a second or so.
    Rsa4096,
}

impl KeyAlgorithm {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::EcdsaP256, Self::EcdsaP384, Self::Ed25519, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// The word in declarations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa_p256",
            Self::EcdsaP384 => "ecdsa_p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa_2048",
            Self::Rsa3072 => "rsa_3072",
            Self::Rsa4096 => "rsa_4096",
        }
    }

    /// The kind of this word.
    pub fn from_word(word: &str) -> Result<Self, KeyError> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == word);
        found.ok_or_else(|| KeyError(format!("cannot be of the kind {word:?}, which is not known")))
    }
}

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
