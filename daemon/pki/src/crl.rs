//! Certificate revocation lists (RFC 5280, section 5), one per issuer and shard, whole or as what has changed since a
//! whole one (a delta, section 5.2.4). The cost of a list grows with its entries and with nothing else.

use jiff::Timestamp;
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::certificate::RevocationReason;

use crate::authority::{Authority, AuthorityError};
use crate::der::{self, ENUMERATED, SEQUENCE, context, context_primitive};
use crate::{Serial, Validity};

/// The number of a reason in lists and in OCSP answers (RFC 5280, section 5.3.1).
pub(crate) fn reason_code(reason: RevocationReason) -> u8 {
    match reason {
        RevocationReason::KeyCompromise => 1,
        RevocationReason::CaCompromise => 2,
        RevocationReason::Superseded => 4,
        RevocationReason::CessationOfOperation => 5,
        RevocationReason::PrivilegeWithdrawn => 9,
    }
}

/// The reason of a number; those that are not used here stand for a key that somebody else may have.
pub(crate) fn reason_of(code: u8) -> RevocationReason {
    match code {
        2 => RevocationReason::CaCompromise,
        4 => RevocationReason::Superseded,
        5 => RevocationReason::CessationOfOperation,
        9 => RevocationReason::PrivilegeWithdrawn,
        _ => RevocationReason::KeyCompromise,
    }
}

/// One entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Which certificate.
    pub serial: Serial,
    /// Since when.
    pub revoked_at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

/// The entries of a list to come, encoded as they are added, so that a million take no more than their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    der: Vec<u8>,
    /// The entry that is being written, kept for its memory.
    entry: Vec<u8>,
    count: usize,
}

impl Entries {
    /// Adds one.
    pub fn push(&mut self, one: Revoked) {
        self.entry.clear();
        der::put_unsigned(&mut self.entry, one.serial.as_bytes());
        der::put_time(&mut self.entry, one.revoked_at);
        let reason = der::extension(REASON_CODE, false, &der::value(ENUMERATED, &[reason_code(one.reason)]));
        der::put(&mut self.entry, SEQUENCE, &reason);
        der::put(&mut self.der, SEQUENCE, &self.entry);
        self.count += 1;
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl FromIterator<Revoked> for Entries {
    fn from_iter<T: IntoIterator<Item = Revoked>>(revoked: T) -> Self {
        let mut entries = Self::default();
        revoked.into_iter().for_each(|one| entries.push(one));
        entries
    }
}

/// Which list it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlShard {
    /// What the issuer signs for.
    pub domain: AuthorityDomain,
    /// Where it is found: for an intermediate the issuing distribution point, equal to the one in the certificates byte
    /// for byte.
    pub url: String,
    /// Where the delta is found, which its complete lists name (RFC 5280, section 5.2.6); nothing where there is none.
    pub delta_url: Option<String>,
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

/// Whether a list is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything that is revoked.
    Complete,
    /// What was revoked after the complete list of this number.
    Since(i64),
}

/// Object identifiers, in the bytes of DER.
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
const REASON_CODE: &[u8] = &[0x55, 0x1d, 0x15];
const DELTA_CRL_INDICATOR: &[u8] = &[0x55, 0x1d, 0x1b];
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
const FRESHEST_CRL: &[u8] = &[0x55, 0x1d, 0x2e];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];

impl Authority {
    /// Signs a list that is valid for this time. The number must be above every earlier one of this shard, and the
    /// time must not begin before that of an earlier one; the caller sees to both.
    pub fn sign_crl(
        &self,
        shard: &CrlShard,
        number: i64,
        extent: Extent,
        entries: Entries,
        validity: Validity,
    ) -> Result<Crl, AuthorityError> {
        let counted = |number: i64| {
            u64::try_from(number).map_err(|_| AuthorityError::Sign("a CRL number is never negative".to_owned()))
        };
        if validity.not_after <= validity.not_before {
            return Err(AuthorityError::Sign("a CRL must end after it begins".to_owned()));
        }
        let key = der::value(context_primitive(0), &self.name.key_identifier);
        let mut extensions = der::extension(AUTHORITY_KEY_IDENTIFIER, false, &der::value(SEQUENCE, &key));
        extensions.extend(der::extension(CRL_NUMBER, false, &der::unsigned(counted(number)?)));
        if let Extent::Since(base) = extent {
            extensions.extend(der::extension(DELTA_CRL_INDICATOR, true, &der::unsigned(counted(base)?)));
        }
        // The root's list has no issuing distribution point: verifiers that check the whole chain (nginx, PostgreSQL)
        // hold the root certificate itself against it, and that names no place where a list is found.
        if shard.domain != AuthorityDomain::Root {
            extensions.extend(der::extension(ISSUING_DISTRIBUTION_POINT, true, &distribution_point(&shard.url)));
        }
        if let Some(url) = shard.delta_url.as_ref().filter(|_| extent == Extent::Complete) {
            let point = der::value(SEQUENCE, &der::value(context(0), &full_name(url)));
            extensions.extend(der::extension(FRESHEST_CRL, false, &der::value(SEQUENCE, &point)));
        }
        let algorithm = self.signature_algorithm()?;
        let version = der::unsigned(1);
        let (mut times, mut listed) = (Vec::new(), Vec::new());
        der::put_time(&mut times, validity.not_before);
        der::put_time(&mut times, validity.not_after);
        if !entries.der.is_empty() {
            listed = der::value(SEQUENCE, &entries.der);
            drop(entries);
        }
        let extensions = der::value(context(0), &der::value(SEQUENCE, &extensions));
        let list = der::constructed(SEQUENCE, &[&version, algorithm, &self.name.subject, &times, &listed, &extensions]);
        drop(listed);
        let der = self.sign(&list)?;
        Ok(Crl { der, this_update: validity.not_before, next_update: validity.not_after })
    }
}

/// `IssuingDistributionPoint`: the one address, and that only leaves are listed.
fn distribution_point(url: &str) -> Vec<u8> {
    let name = der::value(context(0), &full_name(url));
    let only_leaves = der::value(context_primitive(1), &[0xff]);
    der::constructed(SEQUENCE, &[&name, &only_leaves])
}

/// A place by its one address: `fullName` of a `DistributionPointName`.
fn full_name(url: &str) -> Vec<u8> {
    der::value(context(0), &der::value(context_primitive(6), url.as_bytes()))
}
