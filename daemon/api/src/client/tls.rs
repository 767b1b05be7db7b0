//! TLS of the client: it trusts exactly the given roots, and knows the API by its own name instead of the address that
//! it connects to. A service may be declared with any address, also with the API's; the name is the API's alone.

use std::error::Error;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::ClientError;
use crate::name::API_NAME;

/// What the roots are called in errors.
const ROOTS: &str = "the CA certificate";
/// What a client's own certificate and key are called in errors.
const IDENTITY: &str = "the client certificate or its key";

/// The root certificates in a PEM text: several, while one root follows another.
pub(super) fn roots(pem: &str) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    certificates(pem, ROOTS)
}

/// A chain and the key of its first certificate, both in PEM.
pub(super) fn identity(chain: &str, private_key: &str) -> Result<CertifiedKey, ClientError> {
    let chain = certificates(chain, IDENTITY)?;
    let key = PrivateKeyDer::from_pem_slice(private_key.as_bytes());
    let key = key.map_err(|_| ClientError::Material { what: IDENTITY })?;
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|_| ClientError::Mismatch)
}

fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or(ClientError::Material { what })
}

/// The configuration that trusts these roots and shows this identity to whoever asks for one.
pub(super) fn config(
    roots: &[CertificateDer<'static>],
    identity: Option<CertifiedKey>,
) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(default_provider());
    let verifier = Arc::new(ApiVerifier::trusting(roots, provider.clone())?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has a cipher suite for each version of TLS")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether a call failed because the server's chain ends in a trusted root, but its certificate is not the API's.
pub(super) fn is_of_another_name(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) = error.downcast_ref()
        {
            return true;
        }
        // What an I/O error carries is not its source.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(carried) => Some(carried as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    false
}

/// Verifies the chain and the API's name.
#[derive(Debug)]
struct ApiVerifier {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ApiVerifier {
    fn trusting(roots: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Self, ClientError> {
        let no_ca = || ClientError::Material { what: ROOTS };
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root.clone()).map_err(|_| no_ca())?;
        }
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider);
        let inner = builder.build().map_err(|_| no_ca())?;
        let name = ServerName::try_from(API_NAME).expect("the API's name is a DNS name");
        Ok(Self { inner, name })
    }
}

impl ServerCertVerifier for ApiVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
