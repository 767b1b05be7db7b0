//! TLS of the API: one server certificate that can be replaced while serving, and optional client certificates.

use std::sync::{Arc, RwLock};

use ringfence_pki::CertificateFacts;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

/// The server side of TLS.
#[derive(Debug)]
pub(crate) struct ServerTls {
    current: Arc<Current>,
    clients: Arc<DeferredExpiry>,
    config: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ServerTls {
    /// Serves with this chain and key (DER, PKCS #8), and accepts client certificates that chain to these roots.
    pub(crate) fn new(chain: Vec<Vec<u8>>, key: &[u8], roots: &[Vec<u8>]) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let current = Arc::new(Current(RwLock::new(Arc::new(certified(&provider, chain, key)?))));
        let clients = Arc::new(DeferredExpiry { inner: RwLock::new(verifier(&provider, roots)?) });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients.clone())
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Callers are recognized on each request, so resumption would be safe; but without it, TLS sessions are easier
        // to reason about.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { current, clients, config: Arc::new(config) })
    }

    /// The configuration for an acceptor.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Accepts client certificates that chain to these roots, from the next handshake on.
    pub(crate) fn trust(&self, roots: &[Vec<u8>]) -> anyhow::Result<()> {
        let verifier = verifier(self.config.crypto_provider(), roots)?;
        *self.clients.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner) = verifier;
        Ok(())
    }

    /// Serves with another certificate from the next handshake on.
    pub(crate) fn replace(&self, chain: Vec<Vec<u8>>, key: &[u8]) -> anyhow::Result<()> {
        let new = Arc::new(certified(self.config.crypto_provider(), chain, key)?);
        *self.current.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = new;
        Ok(())
    }
}

fn verifier(provider: &Arc<CryptoProvider>, roots: &[Vec<u8>]) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(CertificateDer::from(root.clone()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider.clone());
    // Clients need no hint of the authorities, and the hint could not be changed while serving.
    Ok(builder.allow_unauthenticated().clear_root_hint_subjects().build()?)
}

fn certified(provider: &CryptoProvider, chain: Vec<Vec<u8>>, key: &[u8]) -> anyhow::Result<CertifiedKey> {
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::try_from(key.to_vec()).map_err(|error| anyhow::anyhow!("server key: {error}"))?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }
}

/// Verifies the chain and the possession of the key. Verifies the chain of an expired certificate as of its last valid
/// second: expiry is checked on each request, where the answer is a problem with a code instead of a failed handshake.
#[derive(Debug)]
struct DeferredExpiry {
    inner: RwLock<Arc<dyn ClientCertVerifier>>,
}

impl DeferredExpiry {
    fn inner(&self) -> Arc<dyn ClientCertVerifier> {
        self.inner.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl ClientCertVerifier for DeferredExpiry {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let malformed = || rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
        let facts = CertificateFacts::read(end_entity).map_err(|_| malformed())?;
        let last = u64::try_from(facts.not_after.as_second()).map_err(|_| malformed())?;
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(last.min(now.as_secs())));
        self.inner().verify_client_cert(end_entity, intermediates, at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner().supported_verify_schemes()
    }
}
