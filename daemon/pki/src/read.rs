//! Reading certificates: the facts that callers decide by.

use jiff::Timestamp;
use ringfence_api::cluster::KeyAlgorithm;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::Serial;
use crate::validity::from_unix;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its serial number.
    pub serial: Serial,
    /// The common name.
    pub common_name: String,
    /// The first second of its life.
    pub not_before: Timestamp,
    /// The last second of its life.
    pub not_after: Timestamp,
    /// The public key (SubjectPublicKeyInfo, DER).
    pub public_key: Vec<u8>,
    /// The kind of key, if it is one of ours.
    pub key_algorithm: Option<KeyAlgorithm>,
    /// DNS names and addresses of the subject alternative name, as text, in order.
    pub alternative_names: Vec<String>,
    /// L of the subject, if any.
    pub locality: Option<String>,
    /// O of the subject, if any.
    pub organization: Option<String>,
}

/// Why bytes are no certificate of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not X.509.
    #[error("not an X.509 certificate")]
    Malformed,
    /// No PEM block of the expected kind.
    #[error("no PEM block of the expected kind")]
    Pem,
}

impl CertificateFacts {
    /// Reads DER. Says nothing about trust.
    pub fn read(der: &[u8]) -> Result<Self, ReadError> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| ReadError::Malformed)?;
        Self::of(&certificate)
    }

    /// What a certificate says that was parsed.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Result<Self, ReadError> {
        use x509_parser::extensions::GeneralName;
        let subject = certificate.subject();
        let text = |name: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
            name.and_then(|name| name.as_str().ok()).map(ToOwned::to_owned)
        };
        let mut alternative_names = Vec::new();
        if let Ok(Some(extension)) = certificate.subject_alternative_name() {
            for name in &extension.value.general_names {
                match name {
                    GeneralName::DNSName(name) => alternative_names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => alternative_names.push(address(bytes)),
                    other => alternative_names.push(other.to_string()),
                }
            }
        }
        Ok(Self {
            serial: Serial::from_der_bytes(certificate.raw_serial()).ok_or(ReadError::Malformed)?,
            common_name: text(subject.iter_common_name().next()).unwrap_or_default(),
            not_before: from_unix(certificate.validity().not_before.timestamp()).ok_or(ReadError::Malformed)?,
            not_after: from_unix(certificate.validity().not_after.timestamp()).ok_or(ReadError::Malformed)?,
            public_key: certificate.public_key().raw.to_vec(),
            key_algorithm: key_algorithm(certificate.public_key()),
            alternative_names,
            locality: text(subject.iter_locality().next()),
            organization: text(subject.iter_organization().next()),
        })
    }
}

/// How what an authority signs speaks of it.
pub(crate) struct SubjectAndKey {
    /// Its subject, DER.
    pub(crate) subject: Vec<u8>,
    /// The bits of its public key.
    pub(crate) key_bits: Vec<u8>,
    /// The subject key identifier.
    pub(crate) key_identifier: Vec<u8>,
}

impl SubjectAndKey {
    /// Reads them from an authority's certificate.
    pub(crate) fn read(der: &[u8]) -> Result<Self, ReadError> {
        use x509_parser::extensions::ParsedExtension;
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| ReadError::Malformed)?;
        let key = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
            _ => None,
        });
        Ok(Self {
            subject: certificate.subject().as_raw().to_vec(),
            key_bits: certificate.public_key().subject_public_key.data.to_vec(),
            key_identifier: key.ok_or(ReadError::Malformed)?,
        })
    }
}

fn key_algorithm(key: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> Option<KeyAlgorithm> {
    use x509_parser::public_key::PublicKey;
    match key.parsed().ok()? {
        PublicKey::EC(point) if point.key_size() == 256 => Some(KeyAlgorithm::EcdsaP256),
        PublicKey::EC(point) if point.key_size() == 384 => Some(KeyAlgorithm::EcdsaP384),
        PublicKey::RSA(rsa) => match rsa.key_size() {
            2_048 => Some(KeyAlgorithm::Rsa2048),
            3_072 => Some(KeyAlgorithm::Rsa3072),
            4_096 => Some(KeyAlgorithm::Rsa4096),
            _ => None,
        },
        // Ed25519 (RFC 8410) has no parsed form.
        PublicKey::Unknown(_) if key.algorithm.algorithm.to_id_string() == "1.3.101.112" => Some(KeyAlgorithm::Ed25519),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(v4).to_string();
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(v6) => std::net::Ipv6Addr::from(v6).to_string(),
        Err(_) => hex::encode(bytes),
    }
}

/// SHA-256 of DER, in lower-case hexadecimal.
pub fn fingerprint(der: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der))
}

/// One certificate as PEM.
pub fn pem_certificate(der: &[u8]) -> String {
    pem("CERTIFICATE", der)
}

/// One CRL as PEM.
pub fn pem_crl(der: &[u8]) -> String {
    pem("X509 CRL", der)
}

/// All certificates of a PEM text, in order.
pub fn pem_certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, ReadError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or(ReadError::Pem)
}

/// All CRLs of a PEM text, in order; none is fine.
pub fn pem_crls(text: &str) -> Result<Vec<CertificateRevocationListDer<'static>>, ReadError> {
    CertificateRevocationListDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(|_| ReadError::Pem)
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
