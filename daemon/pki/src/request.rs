//! Certificate signing requests, of which only the key counts.
//!
//! A request that parses proves that its sender holds the private key, and that the key is strong enough. Its
//! names and extensions are ignored: what a certificate says comes from declared data.

use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use crate::PublicKeyInfo;

/// A request whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    public_key: PublicKeyInfo,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not PKCS #10 in PEM.
    #[error("the request is not PKCS #10 in PEM")]
    Malformed,
    /// The signature is not by the key in the request.
    #[error("the request is not signed by the key it carries")]
    NotProven,
    /// The kind or size of the key is not accepted.
    #[error("the key must be ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits")]
    Key,
}

impl Request {
    /// Parses PEM, verifies the signature and judges the key.
    pub fn parse(pem: &str) -> Result<Self, RequestError> {
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).map_err(|_| RequestError::Malformed)?;
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|_| RequestError::Malformed)?;
        if !rest.is_empty() {
            return Err(RequestError::Malformed);
        }
        let info = &request.certification_request_info.subject_pki;
        let accepted = match info.parsed().map_err(|_| RequestError::Key)? {
            PublicKey::EC(point) => matches!(point.key_size(), 256 | 384),
            PublicKey::RSA(rsa) => (2_048..=4_096).contains(&rsa.key_size()),
            // Ed25519 has no parsed form; its object identifier is 1.3.101.112 (RFC 8410).
            PublicKey::Unknown(_) => info.algorithm.algorithm.to_id_string() == "1.3.101.112",
            _ => false,
        };
        if !accepted {
            return Err(RequestError::Key);
        }
        request.verify_signature().map_err(|_| RequestError::NotProven)?;
        Ok(Self { public_key: info.raw.to_vec() })
    }

    /// The key that was proven.
    pub fn public_key(&self) -> &PublicKeyInfo {
        &self.public_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;

    #[test]
    fn a_proven_key_is_taken() {
        let key = PrivateKey::generate().unwrap();
        let request = Request::parse(&key.request("anything").unwrap()).unwrap();
        assert_eq!(*request.public_key(), key.public());
    }

    #[test]
    fn a_request_that_was_changed_is_refused() {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let pem = PrivateKey::generate().unwrap().request("alice").unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let mut der = STANDARD.decode(body).unwrap();
        let at = der.windows(5).position(|w| w == b"alice").unwrap();
        der[at] = b'b';
        let forged = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            STANDARD.encode(der)
        );
        assert_eq!(Request::parse(&forged), Err(RequestError::NotProven));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in ["", "hello", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"] {
            assert_eq!(Request::parse(text), Err(RequestError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_weak_key_is_refused() {
        // P-521 is stronger, but the TLS stacks of common services do not take it.
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let pem = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        assert_eq!(Request::parse(&pem), Err(RequestError::Key));
    }
}
