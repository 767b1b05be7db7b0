//! Importing what an offline root has signed: its own certificate, intermediates and its revocation list. Each must
//! follow the same rules as what is signed here.

use jiff::Timestamp;
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::cluster::KeyAlgorithm;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use crate::Serial;
use crate::authority::Authority;
use crate::crl::{Revoked, reason_of};
use crate::lint::{self, LintError};
use crate::plan::Plan;
use crate::read::CertificateFacts;
use crate::validity::{Validity, from_unix};

/// Why something is not imported: which rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} cannot be imported: {rule}")]
pub struct ImportError {
    what: &'static str,
    rule: String,
}

fn broken(what: &'static str, rule: impl Into<String>) -> ImportError {
    ImportError { what, rule: rule.into() }
}

/// What a list says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFacts {
    /// Its CRLNumber.
    pub number: i64,
    /// When it was signed.
    pub this_update: Timestamp,
    /// When verifiers stop believing it.
    pub next_update: Timestamp,
    /// The serial numbers that it names, lower-case hexadecimal.
    pub revoked: Vec<String>,
}

/// Imports the certificate of an offline root. It must be an authority, signed by itself.
pub fn import_root(certificate: &[u8], now: Timestamp) -> Result<(Authority, CertificateFacts), ImportError> {
    let what = "root";
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| broken(what, "it must be X.509"))?;
    let authority = Authority::without_key(certificate).map_err(|error| broken(what, error.to_string()))?;
    let facts = authority.facts().clone();
    let constraints = parsed.basic_constraints().ok().flatten();
    if !constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err(broken(what, "it must say that it is an authority"));
    }
    let usage = parsed.key_usage().ok().flatten();
    // keyCertSign and cRLSign are bits 5 and 6.
    if usage.is_none_or(|usage| usage.value.flags & 0b110_0000 != 0b110_0000) {
        return Err(broken(what, "its key usage must be to sign certificates and lists"));
    }
    if parsed.subject() != parsed.issuer() || parsed.verify_signature(None).is_err() {
        return Err(broken(what, "it must be signed by itself"));
    }
    if now < facts.not_before || facts.not_after <= now {
        return Err(broken(what, "it must be valid now"));
    }
    Ok((authority, facts))
}

/// Imports an intermediate with its key. It must be what this root would have signed for the domain.
pub fn import_intermediate(
    root: &Authority,
    domain: AuthorityDomain,
    certificate: &[u8],
    private_key: &[u8],
    now: Timestamp,
) -> Result<(Authority, CertificateFacts), ImportError> {
    let what = "intermediate";
    let refused = |error: LintError| broken(what, error.to_string());
    let facts = CertificateFacts::read(certificate).map_err(|error| broken(what, error.to_string()))?;
    let validity = Validity { not_before: facts.not_before, not_after: facts.not_after };
    let plan = Plan {
        domain,
        name: facts.common_name.clone(),
        serial: facts.serial,
        algorithm: KeyAlgorithm::default(),
        lifetime: facts.not_after.duration_since(facts.not_before),
    };
    lint::check_authority(&plan, validity, certificate, root.certificate()).map_err(refused)?;
    if now < facts.not_before || facts.not_after <= now {
        return Err(broken(what, "it must be valid now"));
    }
    let authority = Authority::load(certificate, private_key).map_err(|error| broken(what, error.to_string()))?;
    Ok((authority, facts))
}

/// The CRLNumber and the entries of a list, whole or delta, that this authority has signed at any time; nothing if it
/// has not.
pub fn read_list(authority: &[u8], list: &[u8]) -> Option<(i64, Vec<Revoked>)> {
    let (_, parsed) = CertificateRevocationList::from_der(list).ok()?;
    let (_, certificate) = X509Certificate::from_der(authority).ok()?;
    let is_signed =
        parsed.issuer() == certificate.subject() && parsed.verify_signature(certificate.public_key()).is_ok();
    let number = parsed.crl_number().filter(|_| is_signed).and_then(|number| i64::try_from(number).ok())?;
    let entries = parsed.iter_revoked_certificates().filter_map(|entry| {
        Some(Revoked {
            serial: Serial::from_der_bytes(entry.raw_serial())?,
            revoked_at: from_unix(entry.revocation_date.timestamp())?,
            reason: reason_of(entry.reason_code().map_or(0, |(_, reason)| reason.0)),
        })
    });
    Some((number, entries.collect()))
}

/// Imports a list of an offline root.
pub fn import_list(root: &Authority, list: &[u8], now: Timestamp) -> Result<ListFacts, ImportError> {
    let what = "list";
    let (rest, parsed) = CertificateRevocationList::from_der(list).map_err(|_| broken(what, "it must be a CRL"))?;
    let (_, certificate) =
        X509Certificate::from_der(root.certificate()).map_err(|_| broken(what, "its root is no X.509"))?;
    if !rest.is_empty() {
        return Err(broken(what, "it must be a CRL and nothing else"));
    }
    if parsed.issuer() != certificate.subject() || parsed.verify_signature(certificate.public_key()).is_err() {
        return Err(broken(what, "it must be signed by the root"));
    }
    // Delta CRL indicator and issuing distribution point: of a list that is not the whole one.
    let partial = ["2.5.29.27", "2.5.29.28"];
    if parsed.extensions().iter().any(|extension| partial.contains(&extension.oid.to_id_string().as_str())) {
        return Err(broken(what, "it must be the root's complete list"));
    }
    let number = parsed.crl_number().and_then(|number| i64::try_from(number).ok()).filter(|number| *number > 0);
    let time = |at: x509_parser::time::ASN1Time| from_unix(at.timestamp());
    let this_update = time(parsed.last_update()).ok_or_else(|| broken(what, "it must say when it was signed"))?;
    let next_update = parsed.next_update().and_then(time);
    let next_update = next_update.ok_or_else(|| broken(what, "it must say when it ends"))?;
    if now < this_update || next_update <= now {
        return Err(broken(what, "it must be valid now"));
    }
    let revoked = parsed.iter_revoked_certificates().map(|one| {
        crate::Serial::from_der_bytes(one.raw_serial()).map_or_else(String::new, |serial| serial.to_string())
    });
    Ok(ListFacts {
        number: number.ok_or_else(|| broken(what, "it must have a CRLNumber"))?,
        this_update,
        next_update,
        revoked: revoked.collect(),
    })
}
