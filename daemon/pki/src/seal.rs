//! Secrets at rest: envelope encryption, so that the database alone is of no use to a thief.
//!
//! Each secret has a data key of its own (AES-256-GCM), and the data key is wrapped by the master key. The
//! *context* (what the secret is, such as `issuer/services-1`) is authenticated with it, so that one sealed secret
//! cannot be put in the place of another. Layout: format 1, version of the master key (4 bytes, big-endian),
//! wrapped key (12 + 32 + 16), nonce (12), ciphertext and tag.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
const WRAPPED_LEN: usize = NONCE_LEN + KEY_LEN + TAG_LEN;

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The master key is not 32 bytes in base64.
    #[error("the master key must be 32 bytes in base64")]
    MasterKey,
    /// Sealed under another version of the master key.
    #[error("the secret is sealed under version {0} of the master key, which is not at hand")]
    Version(u32),
    /// Damaged, of another context, or sealed under another key.
    #[error("the secret does not open: it is damaged, or this is not the master key it was sealed under")]
    Refused,
}

/// The key that wraps all others.
pub struct MasterKey {
    version: u32,
    bytes: Zeroizing<[u8; KEY_LEN]>,
}

impl MasterKey {
    /// Draws a new key.
    pub fn generate(rng: &dyn SecureRandom, version: u32) -> Self {
        Self { version, bytes: random_key(rng) }
    }

    /// Reads what [`MasterKey::to_base64`] wrote.
    pub fn from_base64(text: &str, version: u32) -> Result<Self, SealError> {
        let decoded = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| SealError::MasterKey)?);
        let bytes = <[u8; KEY_LEN]>::try_from(decoded.as_slice()).map_err(|_| SealError::MasterKey)?;
        Ok(Self { version, bytes: Zeroizing::new(bytes) })
    }

    /// The key for its file.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.bytes.as_ref()))
    }

    /// Seals a secret for its context.
    pub fn seal(&self, rng: &dyn SecureRandom, context: &str, secret: &[u8]) -> Vec<u8> {
        let data_key = random_key(rng);
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(&self.version.to_be_bytes());
        sealed.extend(encrypt(&self.bytes, context, data_key.as_ref()));
        sealed.extend(encrypt(&data_key, context, secret));
        sealed
    }

    /// Opens what was sealed for the same context.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (head, rest) = sealed.split_at_checked(5).ok_or(SealError::Refused)?;
        if head[0] != FORMAT {
            return Err(SealError::Refused);
        }
        let version = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        if version != self.version {
            return Err(SealError::Version(version));
        }
        let (wrapped, body) = rest.split_at_checked(WRAPPED_LEN).ok_or(SealError::Refused)?;
        let data_key = decrypt(&self.bytes, context, wrapped)?;
        let data_key = Zeroizing::new(<[u8; KEY_LEN]>::try_from(data_key.as_slice()).map_err(|_| SealError::Refused)?);
        decrypt(&data_key, context, body)
    }

    /// Derives a value from the master key that is the same each time: HMAC-SHA-256 over purpose and subject, in
    /// hexadecimal. For tickets, which a repeated step must find again.
    pub fn derive(&self, purpose: &str, subject: &str) -> Zeroizing<String> {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, self.bytes.as_ref());
        let tag = aws_lc_rs::hmac::sign(&key, format!("ringfence {purpose} v1\n{subject}").as_bytes());
        Zeroizing::new(hex::encode(tag))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey(version {}, ..)", self.version)
    }
}

fn random_key(rng: &dyn SecureRandom) -> Zeroizing<[u8; KEY_LEN]> {
    let mut bytes = Zeroizing::new([0_u8; KEY_LEN]);
    rng.fill(bytes.as_mut()).expect("the operating system's random source answers");
    bytes
}

fn encrypt(key: &[u8; KEY_LEN], context: &str, plain: &[u8]) -> Vec<u8> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key");
    let mut body = plain.to_vec();
    let nonce = key
        .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut body)
        .expect("a secret is far below the limit of AES-GCM");
    let mut sealed = nonce.as_ref().to_vec();
    sealed.append(&mut body);
    sealed
}

fn decrypt(key: &[u8; KEY_LEN], context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::Refused)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Refused)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key");
    let mut body = Zeroizing::new(body.to_vec());
    let length =
        key.open_in_place(nonce, Aad::from(context.as_bytes()), &mut body).map_err(|_| SealError::Refused)?.len();
    body.truncate(length);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_whole_in_its_context_under_its_key() {
        let rng = SystemRandom::new();
        let master = MasterKey::generate(&rng, 1);
        let sealed = master.seal(&rng, "issuer/services-1", b"secret");
        assert_eq!(master.open("issuer/services-1", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(master.open("issuer/projects-1", &sealed), Err(SealError::Refused));
        assert_eq!(MasterKey::generate(&rng, 1).open("issuer/services-1", &sealed), Err(SealError::Refused));
        assert_eq!(MasterKey::generate(&rng, 2).open("issuer/services-1", &sealed), Err(SealError::Version(1)));
        for at in 5..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(master.open("issuer/services-1", &damaged), Err(SealError::Refused), "byte {at}");
            assert_eq!(master.open("issuer/services-1", &sealed[..at]), Err(SealError::Refused), "cut at {at}");
        }
    }

    #[test]
    fn two_seals_of_one_secret_differ() {
        let rng = SystemRandom::new();
        let master = MasterKey::generate(&rng, 1);
        assert_ne!(master.seal(&rng, "a", b"secret"), master.seal(&rng, "a", b"secret"));
    }

    #[test]
    fn the_master_key_reads_back_and_derives_the_same() {
        let master = MasterKey::generate(&SystemRandom::new(), 1);
        let again = MasterKey::from_base64(&master.to_base64(), 1).unwrap();
        assert_eq!(master.derive("ticket", "a"), again.derive("ticket", "a"));
        assert_ne!(master.derive("ticket", "a"), master.derive("ticket", "b"));
    }
}
