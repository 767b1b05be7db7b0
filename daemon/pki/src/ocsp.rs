//! Answers to the question whether one certificate is revoked (OCSP, RFC 6960). An answer is signed by the authority
//! that issued the certificate, so that a verifier needs no other certificate to believe it. It carries no nonce, so
//! that it can be given more than once (RFC 5019).

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::certificate::RevocationReason;

use crate::Serial;
use crate::authority::{Authority, AuthorityError};
use crate::crl::reason_code;
use crate::der::{
    self, ENUMERATED, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, context,
    context_primitive,
};

/// The longest request that is read, in bytes. Extensions and signatures are not looked at, and need no room.
const LONGEST: usize = 4_096;
/// The most certificates that one request may ask about. Verifiers ask about one.
const MOST: usize = 16;

/// Which certificates somebody asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspRequest {
    /// In the order of the request.
    pub asked: Vec<CertificateId>,
}

/// One certificate, by its issuer and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateId {
    /// Its serial number.
    pub serial: Serial,
    hash: Hash,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    /// The whole, as it stands in the request and in the answer.
    der: Vec<u8>,
}

/// How an issuer is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
}

/// The status of a certificate (RFC 6960, section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It was issued and is not revoked.
    Good,
    /// It is revoked.
    Revoked(Timestamp, RevocationReason),
}

/// Why there is no answer (RFC 6960, section 4.2.1). These are not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no request.
    Malformed,
    /// Something went wrong here.
    InternalError,
    /// None of our certificates is asked about.
    Unauthorized,
}

impl Refusal {
    /// The answer that says so.
    pub fn to_der(self) -> Vec<u8> {
        let code = match self {
            Self::Malformed => 1,
            Self::InternalError => 2,
            Self::Unauthorized => 6,
        };
        der::value(SEQUENCE, &der::value(ENUMERATED, &[code]))
    }
}

/// Object identifiers, in the bytes of DER.
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];

impl OcspRequest {
    /// Reads a request in DER. What it holds besides certificates (a name, a signature, extensions) is not looked at.
    pub fn parse(request: &[u8]) -> Result<Self, Refusal> {
        Some(request)
            .filter(|request| request.len() <= LONGEST)
            .and_then(Self::read)
            .filter(|asked| (1..=MOST).contains(&asked.len()))
            .map(|asked| Self { asked })
            .ok_or(Refusal::Malformed)
    }

    fn read(request: &[u8]) -> Option<Vec<CertificateId>> {
        let mut outer = Reader::new(request);
        let mut request = outer.take(SEQUENCE)?;
        outer.is_empty().then_some(())?;
        let mut to_be_signed = request.take(SEQUENCE)?;
        to_be_signed.skip(context(0));
        to_be_signed.skip(context(1));
        let mut list = to_be_signed.take(SEQUENCE)?;
        let mut asked = Vec::new();
        while !list.is_empty() {
            let mut one = list.take(SEQUENCE)?;
            let whole = one.peek_whole(SEQUENCE)?.to_vec();
            let mut id = one.take(SEQUENCE)?;
            let hash = match id.take(SEQUENCE)?.take(OBJECT_IDENTIFIER)?.rest() {
                SHA1 => Hash::Sha1,
                SHA256 => Hash::Sha256,
                _ => return None,
            };
            let issuer_name = id.take(OCTET_STRING)?.rest().to_vec();
            let issuer_key = id.take(OCTET_STRING)?.rest().to_vec();
            let serial = id.take(INTEGER)?.rest();
            // One that is too long to be ours is nobody's.
            let serial = Serial::from_der_bytes(serial)?;
            asked.push(CertificateId { serial, hash, issuer_name, issuer_key, der: whole });
        }
        Some(asked)
    }
}

impl OcspRequest {
    /// What is asked, without what is not looked at: two requests of which this is equal have the same answer.
    pub fn key(&self) -> Vec<u8> {
        self.asked.iter().flat_map(|id| id.der.iter().copied()).collect()
    }
}

impl Authority {
    /// Whether this authority is meant by a request.
    pub fn is_asked(&self, id: &CertificateId) -> bool {
        let [name, key] = [&self.name.subject[..], &self.name.key_bits[..]].map(|bytes| match id.hash {
            Hash::Sha1 => sha1(bytes),
            Hash::Sha256 => aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().to_vec(),
        });
        name == id.issuer_name && key == id.issuer_key
    }

    /// Signs the status of certificates of this authority. The answer is valid for this long.
    pub fn sign_ocsp(
        &self,
        answers: &[(&CertificateId, Status)],
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<Vec<u8>, AuthorityError> {
        let (this_update, next_update) = (time(now), time(now + lifetime));
        let mut responses = Vec::new();
        for (id, status) in answers {
            let status = match status {
                Status::Good => der::value(context_primitive(0), &[]),
                Status::Revoked(at, reason) => {
                    let reason = der::value(context(0), &der::value(ENUMERATED, &[reason_code(*reason)]));
                    der::constructed(context(1), &[&time(*at), &reason])
                }
            };
            let next = der::value(context(0), &next_update);
            responses.extend(der::constructed(SEQUENCE, &[&id.der, &status, &this_update, &next]));
        }
        let responder = der::value(context(2), &der::value(OCTET_STRING, &sha1(&self.name.key_bits)));
        let responses = der::value(SEQUENCE, &responses);
        let data = der::constructed(SEQUENCE, &[&responder, &this_update, &responses]);
        let basic = self.sign(&data)?;
        let kind = der::value(OBJECT_IDENTIFIER, BASIC);
        let bytes = der::constructed(SEQUENCE, &[&kind, &der::value(OCTET_STRING, &basic)]);
        let successful = der::value(ENUMERATED, &[0]);
        Ok(der::constructed(SEQUENCE, &[&successful, &der::value(context(0), &bytes)]))
    }
}

/// The protocol names issuers and responders by SHA-1 (RFC 6960, section 4.2.1); nothing rests on its strength.
fn sha1(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

/// A time as OCSP writes it: always with four digits for the year.
fn time(at: Timestamp) -> Vec<u8> {
    let civil = TimeZone::UTC.to_datetime(at);
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    );
    der::value(GENERALIZED_TIME, text.as_bytes())
}
