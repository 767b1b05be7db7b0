//! Leaf certificates before they are signed: what each profile may say.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ringfence_api::authority::AuthorityDomain;
use ringfence_api::certificate::CertificateProfile;

use crate::{Serial, Validity};

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
