//! Certificate authorities: a root that signs only intermediates, and intermediates with a domain each, so that
//! a breach of one stays small.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SigningKey as _, SubjectPublicKeyInfo,
};
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::cluster::KeyAlgorithm;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::der::{self, BIT_STRING, SEQUENCE};
use crate::lint::{self, LintError};
use crate::plan::Plan;
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

/// An authority that can sign.
pub struct Authority {
    pub(crate) certificate: Vec<u8>,
    pub(crate) facts: CertificateFacts,
    /// How what it signs names it.
    pub(crate) name: SubjectAndKey,
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
        let name = SubjectAndKey::read(certificate)?;
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(certificate), key.0)?;
        let loaded = Self { certificate: certificate.to_vec(), facts, name, issuer: Some(issuer) };
        loaded.prove()?;
        Ok(loaded)
    }

    /// Loads an offline root from its certificate alone: it is trusted and signs nothing here.
    pub fn without_key(certificate: &[u8]) -> Result<Self, AuthorityError> {
        let facts = CertificateFacts::read(certificate)?;
        let name = SubjectAndKey::read(certificate)?;
        Ok(Self { certificate: certificate.to_vec(), facts, name, issuer: None })
    }

    /// Whether its key is here.
    pub fn can_sign(&self) -> bool {
        self.issuer.is_some()
    }

    /// What signs.
    pub(crate) fn signer(&self) -> Result<&Issuer<'static, KeyPair>, AuthorityError> {
        self.issuer.as_ref().ok_or(AuthorityError::Offline)
    }

    /// What is to be signed, with the algorithm and the signature behind it.
    pub(crate) fn sign(&self, to_be_signed: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        let mut signature = vec![0];
        signature.extend(self.signer()?.key().sign(to_be_signed)?);
        let signature = der::value(BIT_STRING, &signature);
        Ok(der::constructed(SEQUENCE, &[to_be_signed, self.signature_algorithm()?, &signature]))
    }

    /// The `AlgorithmIdentifier` of this authority's signatures (RFC 5758, 8410 and 4055).
    pub(crate) fn signature_algorithm(&self) -> Result<&'static [u8], AuthorityError> {
        let algorithm = self.signer()?.key().algorithm();
        Ok(if algorithm == &rcgen::PKCS_ECDSA_P256_SHA256 {
            &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]
        } else if algorithm == &rcgen::PKCS_ECDSA_P384_SHA384 {
            &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03]
        } else if algorithm == &rcgen::PKCS_ED25519 {
            &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70]
        } else {
            &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00]
        })
    }

    fn prove(&self) -> Result<(), AuthorityError> {
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
