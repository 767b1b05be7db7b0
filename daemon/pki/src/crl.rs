//! Certificate revocation lists (RFC 5280, section 5), one per issuer and shard.

use jiff::Timestamp;
use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope, KeyIdMethod,
    RevocationReason, RevokedCertParams,
};

use crate::authority::{Authority, AuthorityError};
use crate::validity::to_offset;
use crate::{Domain, Serial, Validity};

/// Why a certificate stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A newer one took its place.
    Superseded,
    /// What it was for has ended.
    CessationOfOperation,
    /// The holder may no longer.
    PrivilegeWithdrawn,
}

/// One entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Which certificate.
    pub serial: Serial,
    /// Since when.
    pub revoked_at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// Which list it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlShard {
    /// What the issuer signs for.
    pub domain: Domain,
    /// Where it is found: for an intermediate the issuing distribution point, equal to the one in the certificates byte
    /// for byte.
    pub url: String,
}

/// A signed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    /// The list, DER.
    pub der: Vec<u8>,
    /// When it was signed.
    pub this_update: Timestamp,
    /// When verifiers stop believing it.
    pub next_update: Timestamp,
}

impl Authority {
    /// Signs a list that is good for this time. The number must be above every earlier one of this shard, and the
    /// time must not begin before that of an earlier one; the caller sees to both.
    pub fn sign_crl(
        &self,
        shard: &CrlShard,
        number: i64,
        revoked: &[Revoked],
        validity: Validity,
    ) -> Result<Crl, AuthorityError> {
        // The root's list has no issuing distribution point: verifiers that check the whole chain (nginx, PostgreSQL)
        // hold the root certificate itself against it, and that names no place where a list is found.
        let distribution_point = (shard.domain != Domain::Root).then(|| CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec![shard.url.clone()] },
            scope: Some(CrlScope::UserCertsOnly),
        });
        let number =
            u64::try_from(number).map_err(|_| AuthorityError::Sign("a CRL number is never negative".to_owned()))?;
        let params = CertificateRevocationListParams {
            this_update: to_offset(validity.not_before),
            next_update: to_offset(validity.not_after),
            crl_number: number.into(),
            issuing_distribution_point: distribution_point,
            revoked_certs: revoked
                .iter()
                .map(|entry| RevokedCertParams {
                    serial_number: entry.serial.as_bytes().to_vec().into(),
                    revocation_time: to_offset(entry.revoked_at),
                    reason_code: Some(match entry.reason {
                        Reason::Superseded => RevocationReason::Superseded,
                        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
                        Reason::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
                    }),
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let der = params.signed_by(&self.issuer)?.der().to_vec();
        Ok(Crl { der, this_update: validity.not_before, next_update: validity.not_after })
    }
}
