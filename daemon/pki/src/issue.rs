//! Leaf certificates: what each profile may say, and signing it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use rcgen::{
    CertificateParams, CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    SubjectPublicKeyInfo,
};
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::certificate::CertificateProfile;

use crate::authority::{Authority, AuthorityError};
use crate::validity::to_offset;
use crate::{PublicKeyInfo, Serial, Validity, lint};

/// What a leaf is for: any [`CertificateProfile`] but that of an authority. It decides who signs it and its extended
/// key usages (RFC 5280, section 4.2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The daemon's own server certificate.
    ApiServer,
    /// The certificate by which an agent authenticates.
    Node,
    /// A service on a node: it serves, and it calls other services.
    Service,
    /// A user in a project.
    ProjectUser,
    /// A job of a user in a project.
    Job,
}

/// The certificate of an authority is not a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the certificate of an authority is not signed as a leaf")]
pub struct NotALeaf;

impl TryFrom<CertificateProfile> for Profile {
    type Error = NotALeaf;

    fn try_from(profile: CertificateProfile) -> Result<Self, NotALeaf> {
        match profile {
            CertificateProfile::ApiServer => Ok(Self::ApiServer),
            CertificateProfile::Node => Ok(Self::Node),
            CertificateProfile::Service => Ok(Self::Service),
            CertificateProfile::ProjectUser => Ok(Self::ProjectUser),
            CertificateProfile::Job => Ok(Self::Job),
            CertificateProfile::Authority => Err(NotALeaf),
        }
    }
}

impl Profile {
    /// The domain of the authority that signs it.
    pub fn domain(self) -> AuthorityDomain {
        match self {
            Self::ApiServer | Self::Node | Self::Service => AuthorityDomain::Services,
            Self::ProjectUser | Self::Job => AuthorityDomain::Projects,
        }
    }

    pub(crate) fn serves(self) -> bool {
        matches!(self, Self::ApiServer | Self::Service)
    }

    pub(crate) fn calls(self) -> bool {
        matches!(self, Self::Node | Self::Service | Self::ProjectUser | Self::Job)
    }
}

/// What a leaf will say. All of it comes from declared data, nothing from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// What it is for.
    pub profile: Profile,
    /// The common name, at most 64 characters.
    pub common_name: String,
    /// L: the system user that runs a service.
    pub system_user: Option<String>,
    /// O: the job of a project user.
    pub job: Option<String>,
    /// DNS names of the subject alternative name.
    pub dns_names: BTreeSet<String>,
    /// Addresses of the subject alternative name.
    pub ip_addresses: BTreeSet<IpAddr>,
    /// Its serial number.
    pub serial: Serial,
    /// Its life.
    pub validity: Validity,
    /// Where its issuer's CRL shard is found. Stands in the certificate and, byte for byte, in the CRL.
    pub crl_url: String,
}

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
        lint::check(leaf, &certificate, self)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_but_that_of_an_authority_is_a_leaf_that_an_intermediate_signs() {
        for profile in CertificateProfile::ALL {
            match Profile::try_from(profile) {
                Ok(leaf) => assert_ne!(leaf.domain(), AuthorityDomain::Root, "{profile:?}"),
                Err(NotALeaf) => assert_eq!(profile, CertificateProfile::Authority),
            }
        }
    }
}
