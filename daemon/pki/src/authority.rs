//! Certificate authorities: a root that signs only intermediates, and intermediates with a domain each, so that
//! a breach of one stays small.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::lint::LintError;
use crate::read::{CertificateFacts, ReadError};
use crate::validity::to_offset;
use crate::{KeyError, PrivateKey, Serial, Validity};

/// What an authority signs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// The root: intermediates only.
    Root,
    /// Nodes, services and the API server.
    Services,
    /// Project users.
    Projects,
}

impl Domain {
    /// The word in ids, names and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Services => "services",
            Self::Projects => "projects",
        }
    }

    /// The domain of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Root, Self::Services, Self::Projects].into_iter().find(|domain| domain.as_str() == word)
    }

    /// Ten years for a root, five for an intermediate.
    pub fn lifetime(self) -> SignedDuration {
        let years = if self == Self::Root { 10 } else { 5 };
        SignedDuration::from_hours(years * 365 * 24)
    }
}

/// Why an authority could not be made, or could not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Its key is unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its certificate is unusable.
    #[error("the authority's certificate is unusable: {0}")]
    Certificate(#[from] ReadError),
    /// Signing failed.
    #[error("signing failed: {0}")]
    Sign(String),
    /// A name cannot stand in a certificate.
    #[error("{0:?} cannot stand in a certificate")]
    Name(String),
    /// What was signed is not what should have been; it must not leave.
    #[error("the certificate breaks a rule of its profile and is withheld: {0}")]
    Lint(#[from] LintError),
}

impl From<rcgen::Error> for AuthorityError {
    fn from(error: rcgen::Error) -> Self {
        Self::Sign(error.to_string())
    }
}

/// A certificate and key that were just made, to be sealed and recorded.
pub struct NewAuthority {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The private key, PKCS #8 DER.
    pub private_key: Zeroizing<Vec<u8>>,
    /// Its serial number.
    pub serial: Serial,
    /// When it ends.
    pub not_after: Timestamp,
}

/// An authority that can sign.
pub struct Authority {
    pub(crate) certificate: Vec<u8>,
    pub(crate) facts: CertificateFacts,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a root. The name stands in its subject and should be unique to the cluster.
    pub fn create_root(name: &str, serial: Serial, now: Timestamp) -> Result<NewAuthority, AuthorityError> {
        let key = PrivateKey::generate()?;
        let (params, not_after) = params(name, Domain::Root, serial, Validity::starting(now, Domain::Root.lifetime()));
        let certificate = params.self_signed(&key.0)?.der().to_vec();
        Ok(NewAuthority { certificate, private_key: key.to_der(), serial, not_after })
    }

    /// Makes an intermediate, signed by this root. `crl_url` is where the root's CRL is found.
    pub fn create_intermediate(
        &self,
        name: &str,
        domain: Domain,
        serial: Serial,
        crl_url: &str,
        now: Timestamp,
    ) -> Result<NewAuthority, AuthorityError> {
        let key = PrivateKey::generate()?;
        let validity = Validity::starting(now, domain.lifetime()).within(self.facts.not_after);
        let (mut params, not_after) = params(name, domain, serial, validity);
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![crl_url.to_owned()] }];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key.0, &self.issuer)?.der().to_vec();
        Ok(NewAuthority { certificate, private_key: key.to_der(), serial, not_after })
    }

    /// Takes up a recorded authority.
    pub fn load(certificate: &[u8], private_key: &[u8]) -> Result<Self, AuthorityError> {
        let key = PrivateKey::from_der(private_key)?;
        let facts = CertificateFacts::read(certificate)?;
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(certificate), key.0)?;
        Ok(Self { certificate: certificate.to_vec(), facts, issuer })
    }

    /// Its own certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// What its own certificate says.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({})", self.facts.common_name)
    }
}

fn params(name: &str, domain: Domain, serial: Serial, validity: Validity) -> (CertificateParams, Timestamp) {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "ringfence");
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(serial.as_bytes().to_vec().into());
    params.not_before = to_offset(validity.not_before);
    params.not_after = to_offset(validity.not_after);
    params.is_ca = IsCa::Ca(match domain {
        // A root signs intermediates, and those sign leaves only.
        Domain::Root => BasicConstraints::Constrained(1),
        Domain::Services | Domain::Projects => BasicConstraints::Constrained(0),
    });
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params, validity.not_after)
}
