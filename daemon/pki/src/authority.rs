//! Certificate authorities: a root that signs only intermediates, and intermediates with a domain each, so that
//! a breach of one stays small.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SubjectPublicKeyInfo,
};
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::cluster::KeyAlgorithm;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::lint::{self, LintError};
use crate::read::{CertificateFacts, ReadError, SubjectAndKey};
use crate::validity::to_offset;
use crate::{KeyError, PrivateKey, Serial, Validity};

/// Why an authority could not be made, or could not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Its key is unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its certificate is unusable.
    #[error("the authority's certificate is unusable: {0}")]
    Certificate(#[from] ReadError),
    /// The key is not the certificate's.
    #[error("the private key is not the one of the authority's certificate")]
    OtherKey,
    /// Its key is not here.
    #[error("the key of this authority is offline: sign there, and import what it signed")]
    Offline,
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
    /// The first second of its life.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

/// A certificate for an authority that exists, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCertificate {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its serial number.
    pub serial: Serial,
    /// The first second of its life.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

/// What an authority is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it signs for.
    pub domain: AuthorityDomain,
    /// The common name of its subject, of which there is only one.
    pub name: String,
    /// Its serial number.
    pub serial: Serial,
    /// The kind of its key.
    pub algorithm: KeyAlgorithm,
    /// How long it lives, at most as long as its issuer.
    pub lifetime: SignedDuration,
}

/// An authority that can sign.
pub struct Authority {
    pub(crate) certificate: Vec<u8>,
    pub(crate) facts: CertificateFacts,
    /// Its name, as it stands in what it signs (DER).
    pub(crate) subject: Vec<u8>,
    /// The bits of its public key, by whose hash OCSP names it.
    pub(crate) key_bits: Vec<u8>,
    /// The identifier of its key, as it stands in what it signs.
    pub(crate) key_identifier: Vec<u8>,
    /// Its key; none for an offline root.
    issuer: Option<Issuer<'static, KeyPair>>,
}

impl Authority {
    /// Makes a root.
    pub fn create_root(plan: &Plan, now: Timestamp) -> Result<NewAuthority, AuthorityError> {
        let key = PrivateKey::generate_for(plan.algorithm)?;
        let validity = Validity::starting(now, plan.lifetime);
        let certificate = params(plan, validity).self_signed(&key.0)?.der().to_vec();
        lint::check_authority(plan, validity, &certificate, &certificate)?;
        Ok(NewAuthority {
            certificate,
            private_key: key.to_der(),
            serial: plan.serial,
            not_before: validity.not_before,
            not_after: validity.not_after,
        })
    }

    /// Makes an intermediate, signed by this root. `crl_url` is where the root's CRL is found.
    pub fn create_intermediate(
        &self,
        plan: &Plan,
        crl_url: &str,
        now: Timestamp,
    ) -> Result<NewAuthority, AuthorityError> {
        let key = PrivateKey::generate_for(plan.algorithm)?;
        let validity = Validity::starting(now, plan.lifetime).within(self.facts.not_after);
        let mut params = params(plan, validity);
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![crl_url.to_owned()] }];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key.0, self.signer()?)?.der().to_vec();
        lint::check_authority(plan, validity, &certificate, &self.certificate)?;
        Ok(NewAuthority {
            certificate,
            private_key: key.to_der(),
            serial: plan.serial,
            not_before: validity.not_before,
            not_after: validity.not_after,
        })
    }

    /// Signs another root, so that whoever trusts only this one trusts what the other has signed too. It ends with the
    /// first of both. `crl_url` is where this root's CRL is found.
    pub fn cross_sign(
        &self,
        other: &Self,
        serial: Serial,
        crl_url: &str,
        now: Timestamp,
    ) -> Result<NewCertificate, AuthorityError> {
        let lifetime = other.facts.not_after.duration_since(now);
        let plan = Plan {
            domain: AuthorityDomain::Root,
            name: other.facts.common_name.clone(),
            serial,
            algorithm: KeyAlgorithm::default(),
            lifetime,
        };
        let validity = Validity::starting(now, lifetime).within(self.facts.not_after);
        let mut params = params(&plan, validity);
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![crl_url.to_owned()] }];
        params.use_authority_key_identifier_extension = true;
        let key = SubjectPublicKeyInfo::from_der(&other.facts.public_key)?;
        let certificate = params.signed_by(&key, self.signer()?)?.der().to_vec();
        lint::check_authority(&plan, validity, &certificate, &self.certificate)?;
        Ok(NewCertificate { certificate, serial, not_before: validity.not_before, not_after: validity.not_after })
    }

    /// Loads a recorded authority, and proves that its certificate verifies what its key signs.
    pub fn load(certificate: &[u8], private_key: &[u8]) -> Result<Self, AuthorityError> {
        let key = PrivateKey::from_der(private_key)?;
        let facts = CertificateFacts::read(certificate)?;
        if facts.public_key != key.public() {
            return Err(AuthorityError::OtherKey);
        }
        let SubjectAndKey { subject, key_bits, key_identifier } = SubjectAndKey::read(certificate)?;
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(certificate), key.0)?;
        let loaded =
            Self { certificate: certificate.to_vec(), facts, subject, key_bits, key_identifier, issuer: Some(issuer) };
        loaded.prove()?;
        Ok(loaded)
    }

    /// Loads an offline root from its certificate alone: it is trusted and signs nothing here.
    pub fn without_key(certificate: &[u8]) -> Result<Self, AuthorityError> {
        let facts = CertificateFacts::read(certificate)?;
        let SubjectAndKey { subject, key_bits, key_identifier } = SubjectAndKey::read(certificate)?;
        Ok(Self { certificate: certificate.to_vec(), facts, subject, key_bits, key_identifier, issuer: None })
    }

    /// Whether its key is here.
    pub fn can_sign(&self) -> bool {
        self.issuer.is_some()
    }

    /// What signs.
    pub(crate) fn signer(&self) -> Result<&Issuer<'static, KeyPair>, AuthorityError> {
        self.issuer.as_ref().ok_or(AuthorityError::Offline)
    }

    fn prove(&self) -> Result<(), AuthorityError> {
        use rcgen::SigningKey as _;
        use x509_parser::asn1_rs::BitString;
        use x509_parser::prelude::{FromDer as _, X509Certificate};
        use x509_parser::x509::AlgorithmIdentifier;
        let text = b"whatever an authority signs, its certificate verifies";
        let signature = self.signer()?.key().sign(text)?;
        let (_, certificate) = X509Certificate::from_der(&self.certificate).map_err(|_| ReadError::Malformed)?;
        let (_, algorithm) =
            AlgorithmIdentifier::from_der(self.signature_algorithm()?).map_err(|_| ReadError::Malformed)?;
        let signature = BitString::new(0, &signature);
        x509_parser::verify::verify_signature(certificate.public_key(), &algorithm, &signature, text)
            .map_err(|_| AuthorityError::OtherKey)
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

fn params(plan: &Plan, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "ringfence");
    params.distinguished_name.push(DnType::CommonName, plan.name.as_str());
    params.serial_number = Some(plan.serial.as_bytes().to_vec().into());
    params.not_before = to_offset(validity.not_before);
    params.not_after = to_offset(validity.not_after);
    params.is_ca = IsCa::Ca(match plan.domain {
        // A root signs intermediates, which sign leaves only, and its successor, which may have one too.
        AuthorityDomain::Root => BasicConstraints::Unconstrained,
        AuthorityDomain::Services | AuthorityDomain::Projects => BasicConstraints::Constrained(0),
    });
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // What an intermediate can be used for bounds what a thief of its key can do (RFC 5280, sections 4.2.1.10 and
    // 4.2.1.12): one that signs for project users can make nobody a server.
    match plan.domain {
        AuthorityDomain::Root => {}
        AuthorityDomain::Services => {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        }
        AuthorityDomain::Projects => {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: Vec::new(),
                excluded_subtrees: vec![
                    GeneralSubtree::DnsName(String::new()),
                    GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
                    GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
                ],
            });
        }
    }
    params
}
