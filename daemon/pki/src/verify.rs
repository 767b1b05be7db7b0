//! Verification as a peer would do it: chain, time, usage and revocation, with an expired CRL refused.

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};

use crate::read::{ReadError, pem_certificates, pem_crls};

/// What a certificate is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// Calling.
    Client,
    /// Serving.
    Server,
}

/// Why a certificate is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Something in hand is not PEM or X.509.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The verifier refused.
    #[error("{0}")]
    Refused(webpki::Error),
}

/// Verifies a leaf and its intermediates (PEM, leaf first) against a bundle of roots and a set of CRLs (PEM).
///
/// Every certificate of the chain must be covered by one of the CRLs, and that CRL must not be past its
/// nextUpdate. With no CRL at all, revocation is not judged: that is a node before its first list.
pub fn verify_leaf(chain: &str, bundle: &str, crls: &str, usage: Usage, now: Timestamp) -> Result<(), VerifyError> {
    let chain = pem_certificates(chain)?;
    let roots = pem_certificates(bundle)?;
    let crls = pem_crls(crls)?;
    let (leaf, intermediates) = chain.split_first().ok_or(ReadError::Pem)?;
    let anchors =
        roots.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>().map_err(VerifyError::Refused)?;
    let lists: Vec<CertRevocationList<'_>> = crls
        .iter()
        .map(|crl| BorrowedCertRevocationList::from_der(crl).map(CertRevocationList::from))
        .collect::<Result<_, _>>()
        .map_err(VerifyError::Refused)?;
    let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
        builder
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build()
    });
    let usage = match usage {
        Usage::Client => KeyUsage::client_auth(),
        Usage::Server => KeyUsage::server_auth(),
    };
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0)));
    let leaf = CertificateDer::from(leaf.as_ref());
    EndEntityCert::try_from(&leaf)
        .map_err(VerifyError::Refused)?
        .verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, intermediates, at, usage, revocation, None)
        .map(|_| ())
        .map_err(VerifyError::Refused)
}
