//! Signing leaf certificates.

use jiff::Timestamp;
use rcgen::{
    CertificateParams, CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    SubjectPublicKeyInfo,
};

use crate::authority::{Authority, AuthorityError};
use crate::leaf::Leaf;
use crate::validity::to_offset;
use crate::{PublicKeyInfo, Serial, Validity, lint};

/// A certificate that passed its lint. It must be recorded before it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its serial number.
    pub serial: Serial,
    /// The first second of its life.
    pub not_before: Timestamp,
    /// The last second of its life.
    pub not_after: Timestamp,
}

impl Authority {
    /// Signs a leaf for this key and lints the result. It never outlives its issuer.
    pub fn issue(&self, leaf: &Leaf, public_key: &PublicKeyInfo) -> Result<Issued, AuthorityError> {
        let leaf = &Leaf { validity: leaf.validity.within(self.facts.not_after), ..leaf.clone() };
        let key = SubjectPublicKeyInfo::from_der(public_key)?;
        let certificate = params(leaf)?.signed_by(&key, self.signer()?)?.der().to_vec();
        lint::check(leaf, &certificate, &self.facts, &self.name)?;
        let Validity { not_before, not_after } = leaf.validity;
        Ok(Issued { certificate, serial: leaf.serial, not_before, not_after })
    }
}

fn params(leaf: &Leaf) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(user) = &leaf.system_user {
        params.distinguished_name.push(DnType::LocalityName, user.as_str());
    }
    if let Some(job) = &leaf.job {
        params.distinguished_name.push(DnType::OrganizationName, job.as_str());
    }
    params.distinguished_name.push(DnType::CommonName, leaf.common_name.as_str());
    params.serial_number = Some(leaf.serial.as_bytes().to_vec().into());
    params.not_before = to_offset(leaf.validity.not_before);
    params.not_after = to_offset(leaf.validity.not_after);
    for name in &leaf.dns_names {
        let name = name.as_str().try_into().map_err(|_| AuthorityError::Name(name.clone()))?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.subject_alt_names.extend(leaf.ip_addresses.iter().map(|address| SanType::IpAddress(*address)));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if leaf.profile.serves() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if leaf.profile.calls() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![leaf.crl_url.clone()] }];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
