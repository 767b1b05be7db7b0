//! Secrets at rest: envelope encryption, so that the database alone is of no use to a thief.
//!
//! Each secret has a data key of its own (AES-256-GCM), and the data key is wrapped by the master key. The
//! *context* (what the secret is, such as `issuer/services-1`) is authenticated with it, so that one sealed secret
//! cannot be put in the place of another. Layout: format 1, version of the master key (4 bytes, big-endian),
//! wrapped key (12 + 32 + 16), nonce (12), ciphertext and tag.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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
    /// The text is not what [`MasterKey::to_text`] writes.
    #[error(
        "a master key is one line VERSION:KEY for each version, where KEY is 32 bytes in base64; \
         a line without VERSION is version 1"
    )]
    MasterKey,
    /// Sealed under another version of the master key.
    #[error("version {0} of the master key is not at hand")]
    Version(u32),
    /// Damaged, of another context, or sealed under another key.
    #[error("the secret does not open: it is damaged, or this is not the master key it was sealed under")]
    Refused,
}

/// The key that wraps all others, in its versions: one seals, and each opens what it has sealed.
pub struct MasterKey(RwLock<Versions>);

struct Versions {
    all: BTreeMap<u32, Zeroizing<[u8; KEY_LEN]>>,
    active: u32,
}

impl MasterKey {
    /// Draws a new key.
    pub fn generate(rng: &dyn SecureRandom) -> Self {
        Self::of([(1, random_key(rng))].into())
    }

    /// Reads what [`MasterKey::to_text`] wrote. The oldest version seals until another is told to.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let mut all = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (version, key) = line.split_once(':').unwrap_or(("1", line));
            let version = version.trim().parse().ok().filter(|version| *version > 0).ok_or(SealError::MasterKey)?;
            let decoded = Zeroizing::new(STANDARD.decode(key.trim()).map_err(|_| SealError::MasterKey)?);
            let bytes = <[u8; KEY_LEN]>::try_from(decoded.as_slice()).map_err(|_| SealError::MasterKey)?;
            if all.insert(version, Zeroizing::new(bytes)).is_some() {
                return Err(SealError::MasterKey);
            }
        }
        if all.is_empty() { Err(SealError::MasterKey) } else { Ok(Self::of(all)) }
    }

    fn of(all: BTreeMap<u32, Zeroizing<[u8; KEY_LEN]>>) -> Self {
        let active = all.keys().next().copied().unwrap_or_default();
        Self(RwLock::new(Versions { all, active }))
    }

    /// All versions, for where they are kept.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for (version, bytes) in &self.read().all {
            text.push_str(&version.to_string());
            text.push(':');
            text.push_str(&Zeroizing::new(STANDARD.encode(bytes.as_ref())));
            text.push('\n');
        }
        text
    }

    /// The versions at hand, the oldest first.
    pub fn versions(&self) -> Vec<u32> {
        self.read().all.keys().copied().collect()
    }

    /// The version that seals.
    pub fn active(&self) -> u32 {
        self.read().active
    }

    /// Seals with this version from now on, unless a later one does.
    pub fn activate(&self, version: u32) -> Result<(), SealError> {
        let mut versions = self.write();
        if !versions.all.contains_key(&version) {
            return Err(SealError::Version(version));
        }
        versions.active = version.max(versions.active);
        Ok(())
    }

    /// Draws one more version, which does not seal yet. Returns its number.
    pub fn add(&self, rng: &dyn SecureRandom) -> u32 {
        let mut versions = self.write();
        let version = versions.all.keys().next_back().copied().unwrap_or_default() + 1;
        versions.all.insert(version, random_key(rng));
        version
    }

    /// Forgets every version before this one, under which everything is sealed.
    pub fn forget_before(&self, needed: u32) {
        self.write().all.retain(|version, _| *version >= needed);
    }

    /// Tells this version from another key of the same number, and nothing else of it.
    pub fn check_of(&self, version: u32) -> Option<String> {
        let versions = self.read();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, versions.all.get(&version)?.as_ref());
        Some(hex::encode(aws_lc_rs::hmac::sign(&key, b"ringfence master key check v1")))
    }

    /// Seals a secret for its context.
    pub fn seal(&self, rng: &dyn SecureRandom, context: &str, secret: &[u8]) -> Vec<u8> {
        let data_key = random_key(rng);
        let mut sealed = self.wrap(context, data_key.as_ref());
        sealed.extend(encrypt(&data_key, context, secret));
        sealed
    }

    /// The same secret, sealed by the version that seals now. Only the data key is wrapped anew.
    pub fn reseal(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (data_key, body) = self.unwrap(context, sealed)?;
        let mut resealed = self.wrap(context, data_key.as_ref());
        resealed.extend_from_slice(body);
        Ok(resealed)
    }

    /// Opens what was sealed for the same context.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (data_key, body) = self.unwrap(context, sealed)?;
        decrypt(&data_key, context, body)
    }

    /// Format, version and wrapped key.
    fn wrap(&self, context: &str, data_key: &[u8]) -> Vec<u8> {
        let versions = self.read();
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(&versions.active.to_be_bytes());
        let master = versions.all.get(&versions.active).expect("the version that seals is at hand");
        sealed.extend(encrypt(master, context, data_key));
        sealed
    }

    /// The data key, and what is sealed with it.
    fn unwrap<'a>(&self, context: &str, sealed: &'a [u8]) -> Result<(Zeroizing<[u8; KEY_LEN]>, &'a [u8]), SealError> {
        let (head, rest) = sealed.split_at_checked(5).ok_or(SealError::Refused)?;
        if head[0] != FORMAT {
            return Err(SealError::Refused);
        }
        let version = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let versions = self.read();
        let master = versions.all.get(&version).ok_or(SealError::Version(version))?;
        let (wrapped, body) = rest.split_at_checked(WRAPPED_LEN).ok_or(SealError::Refused)?;
        let data_key = decrypt(master, context, wrapped)?;
        let data_key = <[u8; KEY_LEN]>::try_from(data_key.as_slice()).map_err(|_| SealError::Refused)?;
        Ok((Zeroizing::new(data_key), body))
    }

    fn read(&self) -> RwLockReadGuard<'_, Versions> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Versions> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Derives a value from the version that seals, the same each time: HMAC-SHA-256 over purpose and subject, in
    /// hexadecimal. For tickets, which a repeated step must find again.
    pub fn derive(&self, purpose: &str, subject: &str) -> Zeroizing<String> {
        let versions = self.read();
        let master = versions.all.get(&versions.active).expect("the version that seals is at hand");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, master.as_ref());
        let tag = aws_lc_rs::hmac::sign(&key, format!("ringfence {purpose} v1\n{subject}").as_bytes());
        Zeroizing::new(hex::encode(tag))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey(versions {:?}, ..)", self.versions())
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
        let master = MasterKey::generate(&rng);
        let sealed = master.seal(&rng, "issuer/services-1", b"secret");
        assert_eq!(master.open("issuer/services-1", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(master.open("issuer/projects-1", &sealed), Err(SealError::Refused));
        assert_eq!(MasterKey::generate(&rng).open("issuer/services-1", &sealed), Err(SealError::Refused));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(master.open("issuer/services-1", &damaged).is_err(), "byte {at}");
            assert_eq!(master.open("issuer/services-1", &sealed[..at]), Err(SealError::Refused), "cut at {at}");
        }
    }

    #[test]
    fn two_seals_of_one_secret_differ() {
        let rng = SystemRandom::new();
        let master = MasterKey::generate(&rng);
        assert_ne!(master.seal(&rng, "a", b"secret"), master.seal(&rng, "a", b"secret"));
    }

    #[test]
    fn the_master_key_reads_back_and_derives_the_same() {
        let master = MasterKey::generate(&SystemRandom::new());
        let again = MasterKey::from_text(&master.to_text()).unwrap();
        assert_eq!(master.derive("ticket", "a"), again.derive("ticket", "a"));
        assert_ne!(master.derive("ticket", "a"), master.derive("ticket", "b"));
    }

    #[test]
    fn a_line_without_a_version_is_the_first_and_nonsense_is_refused() {
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert_eq!(MasterKey::from_text(key).unwrap().versions(), [1]);
        assert_eq!(MasterKey::from_text(&format!("\n 3: {key}\n2:{key}\n")).unwrap().versions(), [2, 3]);
        for text in ["", "x", "1:x", "0:", &format!("0:{key}"), &format!("x:{key}"), &format!("1:{key}\n{key}")] {
            assert_eq!(MasterKey::from_text(text).err(), Some(SealError::MasterKey), "{text}");
        }
    }

    #[test]
    fn a_new_version_seals_when_it_is_told_to_and_the_old_one_opens_until_it_is_forgotten() {
        let rng = SystemRandom::new();
        let master = MasterKey::generate(&rng);
        let before = master.seal(&rng, "a", b"secret");
        assert_eq!(master.add(&rng), 2);
        assert_eq!(master.seal(&rng, "a", b"secret")[..5], before[..5], "it does not seal yet");
        master.activate(2).unwrap();
        assert_eq!(master.activate(3), Err(SealError::Version(3)));
        assert_eq!(master.open("a", &before).unwrap().as_slice(), b"secret");
        let resealed = master.reseal("a", &before).unwrap();
        assert_eq!(resealed[1..5], 2_u32.to_be_bytes());
        assert_eq!(master.reseal("b", &before), Err(SealError::Refused), "of another context");
        master.forget_before(2);
        assert_eq!(master.open("a", &resealed).unwrap().as_slice(), b"secret");
        assert_eq!(master.open("a", &before), Err(SealError::Version(1)));
        assert_eq!(MasterKey::from_text(&master.to_text()).unwrap().versions(), [2]);
    }
}
