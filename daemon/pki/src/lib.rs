//! X.509 and JOSE for ringfence: keys, requests, certificates, CRLs, their verification, tokens, and sealing of
//! secrets.
//!
//! No IO and no clock: whoever calls says what time it is. Kinds of keys, domains and reasons are those of the API.
//! Nothing here remembers anything; what must be recorded before it leaves is the caller's to record (see the daemon's
//! `authority`).
//!
//! The order of an issuance: [`Request::parse`] proves possession → [`Leaf`] states the names from declared data
//! → [`Authority::issue`] signs and lints → the caller records → the caller gives it to its holder.

mod authority;
mod crl;
mod der;
mod import;
mod issue;
mod key;
mod leaf;
mod lint;
mod ocsp;
mod pkcs12;
mod plan;
mod read;
mod request;
mod rotation;
mod seal;
mod serial;
mod token;
mod validity;
mod verify;

pub use authority::{Authority, AuthorityError, NewAuthority, NewCertificate};
pub use crl::{Crl, CrlShard, Entries, Extent, Revoked};
pub use import::{ImportError, ListFacts, import_intermediate, import_list, import_root, read_list};
pub use issue::Issued;
pub use key::{KeyError, PrivateKey};
pub use leaf::{Leaf, NotALeaf, Profile};
pub use lint::LintError;
pub use ocsp::{CertificateId, OcspRequest, Refusal, Status};
pub use pkcs12::{Pkcs12Error, pkcs12};
pub use plan::Plan;
pub use read::{CertificateFacts, ReadError, fingerprint, pem_certificate, pem_certificates, pem_crl, pem_crls};
pub use request::{Request, RequestError};
pub use rotation::renew_at;
pub use seal::{MasterKey, SealError};
pub use serial::Serial;
pub use token::{About, Checkpoint, ReadToken, Token, TokenFacts, TokenKey, TokenKeyError, random_token_id, token_kid};
pub use validity::Validity;
pub use verify::{Usage, VerifyError, verify_leaf};

/// A public key as it stands in a certificate (SubjectPublicKeyInfo, DER).
pub type PublicKeyInfo = Vec<u8>;
