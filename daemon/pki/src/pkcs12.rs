//! Key and chain in one file (PKCS #12, RFC 7292), for Java and whoever else reads nothing else. AES-256 and HMAC with
//! SHA-256, which Java reads from 8u301 on.

use p12_keystore::{Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKeyChain};
use zeroize::Zeroizing;

use crate::PrivateKey;
use crate::read::pem_certificates;

/// Why the file cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the PKCS #12 file cannot be made: {0}")]
pub struct Pkcs12Error(String);

/// The name of the one entry.
const ALIAS: &str = "tls";

/// Puts a key and its chain (PEM, leaf first) into one file under a password.
pub fn pkcs12(chain: &str, key: &PrivateKey, password: &str) -> Result<Zeroizing<Vec<u8>>, Pkcs12Error> {
    let failed = |error: &dyn std::fmt::Display| Pkcs12Error(error.to_string());
    let certificates = pem_certificates(chain).map_err(|e| failed(&e))?;
    let certificates = certificates.iter().map(|der| Certificate::from_der(der));
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|e| failed(&e))?;
    let key = p12_keystore::PrivateKey::from_der(&key.to_der()).map_err(|e| failed(&e))?;
    let mut store = KeyStore::new();
    let entry = PrivateKeyChain::new(ALIAS.as_bytes(), key, certificates);
    store.add_entry(ALIAS, KeyStoreEntry::PrivateKeyChain(entry));
    let writer = store.writer(password).encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
    writer.mac_algorithm(MacAlgorithm::HmacSha256).write().map(Zeroizing::new).map_err(|e| failed(&e))
}
