//! Answers to the question whether one certificate is revoked (OCSP, RFC 6960). An answer is signed by the authority
//! that issued the certificate, so that a verifier needs no other certificate to believe it. It carries no nonce, so
//! that it can be given more than once (RFC 5019).
//!
//! A request is about one certificate (RFC 5019, section 2.1.1), which can be named in few ways. So there are few
//! different answers about each certificate, however many different requests are made.

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

/// Which certificate somebody asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspRequest {
    /// The certificate.
    pub asked: CertificateId,
}

/// One certificate, by its issuer and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateId {
    /// Its serial number.
    pub serial: Serial,
    hash: Hash,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    /// The whole, in its shortest form, as it stands in the answer.
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
    /// It is no request, or one about more than one certificate.
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

/// The parameters of a hash algorithm, which has none: this, or nothing (RFC 5754, section 2).
const NULL: &[u8] = &[0x05, 0x00];

impl OcspRequest {
    /// Reads a request in DER. What it holds besides the certificate (a name, a signature, extensions) is not looked
    /// at.
    pub fn parse(request: &[u8]) -> Result<Self, Refusal> {
        let asked = Some(request).filter(|request| request.len() <= LONGEST).and_then(Self::read);
        asked.map(|asked| Self { asked }).ok_or(Refusal::Malformed)
    }

    fn read(request: &[u8]) -> Option<CertificateId> {
        let mut outer = Reader::new(request);
        let mut request = outer.take(SEQUENCE)?;
        outer.is_empty().then_some(())?;
        let mut to_be_signed = request.take(SEQUENCE)?;
        to_be_signed.skip(context(0));
        to_be_signed.skip(context(1));
        let mut list = to_be_signed.take(SEQUENCE)?;
        let id = list.take(SEQUENCE)?.take(SEQUENCE)?;
        list.is_empty().then(|| CertificateId::read(id))?
    }
}

impl CertificateId {
    fn read(mut id: Reader<'_>) -> Option<Self> {
        let mut algorithm = id.take(SEQUENCE)?;
        let name = algorithm.take(OBJECT_IDENTIFIER)?.rest();
        let hash = match name {
            SHA1 => Hash::Sha1,
            SHA256 => Hash::Sha256,
            _ => return None,
        };
        // Verifiers compare the answer's with their own, so it is answered as it was asked.
        let parameters = Some(algorithm.rest()).filter(|rest| rest.is_empty() || *rest == NULL)?;
        let issuer_name = id.take(OCTET_STRING)?.rest().to_vec();
        let issuer_key = id.take(OCTET_STRING)?.rest().to_vec();
        // One that is too long to be ours is nobody's.
        let serial = Serial::from_der_bytes(id.take(INTEGER)?.rest())?;
        id.is_empty().then_some(())?;
        let algorithm = der::constructed(SEQUENCE, &[&der::value(OBJECT_IDENTIFIER, name), parameters]);
        let [name, key] = [&issuer_name, &issuer_key].map(|bytes| der::value(OCTET_STRING, bytes));
        let mut number = Vec::new();
        der::put_unsigned(&mut number, serial.as_bytes());
        let der = der::constructed(SEQUENCE, &[&algorithm, &name, &key, &number]);
        Some(Self { serial, hash, issuer_name, issuer_key, der })
    }

    /// What stands in the answer: where this is equal, one answer is good for both.
    pub fn as_der(&self) -> &[u8] {
        &self.der
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

    /// Signs the status of a certificate of this authority. The answer is valid for this long.
    pub fn sign_ocsp(
        &self,
        id: &CertificateId,
        status: Status,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<Vec<u8>, AuthorityError> {
        let (this_update, next_update) = (time(now), time(now + lifetime));
        let status = match status {
            Status::Good => der::value(context_primitive(0), &[]),
            Status::Revoked(at, reason) => {
                let reason = der::value(context(0), &der::value(ENUMERATED, &[reason_code(reason)]));
                der::constructed(context(1), &[&time(at), &reason])
            }
        };
        let next = der::value(context(0), &next_update);
        let response = der::constructed(SEQUENCE, &[&id.der, &status, &this_update, &next]);
        let responder = der::value(context(2), &der::value(OCTET_STRING, &sha1(&self.name.key_bits)));
        let responses = der::value(SEQUENCE, &response);
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

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = &[INTEGER, 1, 1];

    /// The name of a certificate: by SHA-1 with these parameters, with this serial number.
    fn id(parameters: &[u8], serial: &[u8]) -> Vec<u8> {
        let algorithm = der::constructed(SEQUENCE, &[&der::value(OBJECT_IDENTIFIER, SHA1), parameters]);
        let hash = der::value(OCTET_STRING, &[7; 20]);
        der::constructed(SEQUENCE, &[&algorithm, &hash, &hash, serial])
    }

    fn about(ids: &[Vec<u8>]) -> Vec<u8> {
        let requests: Vec<u8> = ids.iter().flat_map(|id| der::value(SEQUENCE, id)).collect();
        der::value(SEQUENCE, &der::value(SEQUENCE, &der::value(SEQUENCE, &requests)))
    }

    #[test]
    fn a_request_is_about_one_certificate() {
        let one = id(NULL, ONE);
        assert_eq!(OcspRequest::parse(&about(std::slice::from_ref(&one))).unwrap().asked.as_der(), one);
        assert_eq!(OcspRequest::parse(&about(&[one.clone(), one])), Err(Refusal::Malformed));
        assert_eq!(OcspRequest::parse(&about(&[])), Err(Refusal::Malformed));
    }

    #[test]
    fn a_certificate_cannot_be_named_in_many_ways() {
        let asked = |id: Vec<u8>| OcspRequest::parse(&about(&[id])).map(|request| request.asked.as_der().to_vec());
        // Algorithms stand with and without parameters, and an answer names the certificate as the request does.
        assert_eq!(asked(id(&[], ONE)), Ok(id(&[], ONE)));
        assert_eq!(asked(id(NULL, &[INTEGER, 3, 0, 0, 1])), Ok(id(NULL, ONE)));
        assert_eq!(asked(id(&[OCTET_STRING, 1, 9], ONE)), Err(Refusal::Malformed));
        assert_eq!(asked(id(NULL, &[ONE, ONE].concat())), Err(Refusal::Malformed));
    }
}
