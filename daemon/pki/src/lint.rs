//! Checks a certificate before it may leave: what was signed is read back, by another library than the one that wrote
//! it, and compared with what was declared.

use ringfence_api::API_NAME;
use ringfence_api::authority::AuthorityDomain;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

use crate::leaf::{Leaf, Profile};
use crate::plan::Plan;
use crate::read::{CertificateFacts, SubjectAndKey};
use crate::validity::Validity;

/// Which rule a certificate breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LintError(&'static str);

fn rule(holds: bool, text: &'static str) -> Result<(), LintError> {
    if holds { Ok(()) } else { Err(LintError(text)) }
}

/// Checks a leaf against its declaration and its issuer, given by what its certificate says and how it is named. That
/// the issuer's key makes signatures which its certificate verifies was proven when the authority was loaded; to prove
/// it for each leaf would take longer than all the rest.
pub(crate) fn check(
    leaf: &Leaf,
    certificate: &[u8],
    issuer: &CertificateFacts,
    name: &SubjectAndKey,
) -> Result<(), LintError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| LintError("it must be X.509"))?;
    let facts = CertificateFacts::of(&parsed).map_err(|_| LintError("it must be X.509"))?;

    rule(parsed.version() == X509Version::V3, "it must be version 3")?;
    rule(facts.serial == leaf.serial, "its serial must be the recorded one")?;
    rule(parsed.issuer().as_raw() == name.subject, "its issuer must be the authority's subject")?;
    rule(facts.not_before == leaf.validity.not_before, "it must begin when declared")?;
    rule(facts.not_after == leaf.validity.not_after, "it must end when declared")?;
    rule(facts.not_before < facts.not_after, "it must begin before it ends")?;
    rule(facts.not_after <= issuer.not_after, "it must not outlive its issuer")?;

    rule(facts.common_name == leaf.common_name, "its common name must be the declared one")?;
    rule((1..=64).contains(&facts.common_name.chars().count()), "its common name must have 1 to 64 characters")?;
    rule(facts.locality == leaf.system_user, "its locality must be the declared system user")?;
    rule(facts.organization == leaf.job, "its organization must be the job")?;
    rule(leaf.job.is_some() == (leaf.profile == Profile::Job), "a job's certificate, and no other, must name a job")?;
    let mut names: Vec<String> = leaf.dns_names.iter().cloned().collect();
    names.extend(leaf.ip_addresses.iter().map(ToString::to_string));
    rule(facts.alternative_names == names, "its alternative names must be the declared ones")?;
    rule(!leaf.profile.serves() || !names.is_empty(), "a server certificate must have an alternative name")?;
    let has_api_name = names.iter().any(|name| name.eq_ignore_ascii_case(API_NAME));
    rule(
        has_api_name == (leaf.profile == Profile::ApiServer),
        "the API's certificate, and no other, must have the API's name",
    )?;

    let usage = parsed.key_usage().ok().flatten();
    rule(usage.is_some_and(|u| u.critical && u.value.flags == 1), "its key usage must be digitalSignature, critical")?;
    let constraints = parsed.basic_constraints().ok().flatten();
    rule(constraints.is_some_and(|c| c.critical && !c.value.ca), "it must say that it is no authority")?;
    let extended = parsed.extended_key_usage().ok().flatten().map(|e| e.value);
    rule(
        extended
            .is_some_and(|e| e.server_auth == leaf.profile.serves() && e.client_auth == leaf.profile.calls() && !e.any),
        "its extended key usages must be those of its profile",
    )?;

    rule(crl_urls(&parsed) == [leaf.crl_url.as_str()], "it must name exactly its CRL shard")?;
    rule(issuer_key(&parsed) == Some(&name.key_identifier), "it must name its issuer's key")
}

/// Where the certificate says that its issuer's CRL is found.
fn crl_urls<'a>(certificate: &'a X509Certificate<'_>) -> Vec<&'a str> {
    let mut urls = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() else { continue };
        for point in points.iter() {
            let Some(DistributionPointName::FullName(names)) = &point.distribution_point else { continue };
            urls.extend(names.iter().filter_map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            }));
        }
    }
    urls
}

/// The identifier of the issuer's key, as the certificate names it.
fn issuer_key<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(key) => key.key_identifier.as_ref().map(|identifier| identifier.0),
        _ => None,
    })
}

/// Checks an authority's certificate against what it was planned to be, and its issuer (itself, for a root).
pub(crate) fn check_authority(
    plan: &Plan,
    validity: Validity,
    certificate: &[u8],
    issuer: &[u8],
) -> Result<(), LintError> {
    let facts = CertificateFacts::read(certificate).map_err(|_| LintError("it must be X.509"))?;
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| LintError("it must be X.509"))?;
    let (_, issuer) = X509Certificate::from_der(issuer).map_err(|_| LintError("its issuer must be X.509"))?;
    rule(parsed.version() == X509Version::V3, "it must be version 3")?;
    rule(facts.serial == plan.serial, "its serial must be the recorded one")?;
    rule(parsed.issuer() == issuer.subject(), "its issuer must be the authority's subject")?;
    rule(parsed.verify_signature(Some(issuer.public_key())).is_ok(), "its signature must verify")?;
    rule(facts.not_before == validity.not_before, "it must begin when declared")?;
    rule(facts.not_after == validity.not_after, "it must end when declared")?;
    rule(facts.not_before < facts.not_after, "it must begin before it ends")?;
    rule(parsed.validity().not_after <= issuer.validity().not_after, "it must not outlive its issuer")?;
    rule(facts.common_name == plan.name, "its common name must be the planned one")?;
    rule((1..=64).contains(&facts.common_name.chars().count()), "its common name must have 1 to 64 characters")?;
    let usage = parsed.key_usage().ok().flatten();
    // keyCertSign and cRLSign are bits 5 and 6.
    rule(usage.is_some_and(|u| u.critical && u.value.flags == 0b110_0000), "its key usage must be to sign both")?;
    let constraints = parsed.basic_constraints().ok().flatten();
    let is_authority = constraints.as_ref().is_some_and(|c| c.critical && c.value.ca);
    rule(is_authority, "it must say that it is an authority")?;
    let depth = constraints.and_then(|c| c.value.path_len_constraint);
    let of_domain = if plan.domain == AuthorityDomain::Root { None } else { Some(0) };
    rule(depth == of_domain, "its depth must be its domain's")?;
    let names = parsed.name_constraints().ok().flatten();
    rule(names.is_some() == (plan.domain == AuthorityDomain::Projects), "its name constraints must be its domain's")
}
