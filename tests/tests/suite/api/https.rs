//! Raw requests: what a client of another make would send, and what exactly comes back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ringfence_api::project::MemberCredentials;
use ringfence_api::{Connection, Problem, ProblemCode};
use ringfence_pki::pem_certificates;
use rustls::client::{ResolvesClientCert, WantsClientCert};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, StreamOwned, SupportedProtocolVersion};
use serde_json::Value;

/// How long one request may take; more than any but a long poll needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A chain and its key, in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Pem {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl From<&MemberCredentials> for Pem {
    fn from(credentials: &MemberCredentials) -> Self {
        Self { chain: credentials.chain.clone(), key: credentials.private_key.clone() }
    }
}

impl Pem {
    /// The holder's own certificate, DER.
    pub(crate) fn leaf(&self) -> Vec<u8> {
        pem_certificates(&self.chain).unwrap()[0].to_vec()
    }
}

/// Somebody who sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Https {
    http: reqwest::Client,
    endpoint: String,
    authorization: Option<String>,
}

impl Https {
    /// Without credentials.
    pub(crate) fn public(connection: &Connection) -> Self {
        Self::new(connection, None)
    }

    /// With a client certificate.
    pub(crate) fn holder(connection: &Connection, pem: &Pem) -> Self {
        let identity = reqwest::Identity::from_pem(format!("{}\n{}", pem.chain, pem.key).as_bytes()).unwrap();
        Self::new(connection, Some(identity))
    }

    fn new(connection: &Connection, identity: Option<reqwest::Identity>) -> Self {
        // Only the first caller sets it; whoever came before has set the same.
        let _ = default_provider().install_default();
        let trusted = reqwest::Certificate::from_pem(connection.ca_certificate.as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder()
            .tls_certs_only([trusted])
            .tls_info(true)
            .https_only(true)
            .no_proxy()
            .timeout(PATIENCE);
        if let Some(identity) = identity {
            builder = builder.identity(identity);
        }
        let http = builder.build().unwrap();
        Self { http, endpoint: connection.endpoint.clone(), authorization: None }
    }

    /// The same with this session.
    pub(crate) fn with_session(self, session: &str) -> Self {
        self.with_authorization(&format!("Bearer {session}"))
    }

    /// The same with this `Authorization`.
    pub(crate) fn with_authorization(mut self, value: &str) -> Self {
        self.authorization = Some(value.to_owned());
        self
    }

    /// A request that others may go on with.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = if path.starts_with("https://") { path.to_owned() } else { format!("{}{path}", self.endpoint) };
        let request = self.http.request(method, url);
        match &self.authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        }
    }

    /// Sends, with a JSON body unless it is null.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path);
        let request = if body.is_null() { request } else { request.json(body) };
        Answer::of(&format!("{method} {path}"), request).await
    }

    /// Sends this text as the body, as JSON.
    pub(crate) async fn call_text(&self, method: &str, path: &str, text: &str) -> Answer {
        let request = self.request(method, path).header("content-type", "application/json").body(text.to_owned());
        Answer::of(&format!("{method} {path} {}", text.chars().take(60).collect::<String>()), request).await
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null).await
    }

    /// Reads, if anybody answers.
    pub(crate) async fn try_get(&self, path: &str) -> Option<Answer> {
        Answer::try_of(&format!("GET {path}"), self.request("GET", path)).await.ok()
    }

    /// The certificate that the server shows, DER.
    pub(crate) async fn server_certificate(&self) -> Vec<u8> {
        let answer = self.request("GET", "/v1/health").send().await.unwrap();
        answer.extensions().get::<reqwest::tls::TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
    }

    /// Why no answer came at all: the error and its causes.
    pub(crate) async fn failure(&self, path: &str) -> String {
        match self.request("GET", path).send().await {
            Ok(answer) => panic!("GET {path} was answered with {}", answer.status()),
            Err(error) => format!("{error:?}"),
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    request: String,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(request: &str, builder: reqwest::RequestBuilder) -> Self {
        Self::try_of(request, builder).await.unwrap_or_else(|error| panic!("{request}: {error:?}"))
    }

    async fn try_of(request: &str, builder: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let answer = builder.send().await?;
        let content_type = answer.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?.to_vec();
        Ok(Self { request: request.to_owned(), status, content_type, bytes })
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The answer must be a problem of this code, whole and in its proper form.
    #[track_caller]
    pub(crate) fn refused(&self, code: ProblemCode) -> Problem {
        let what = format!("{}: {} {} {}", self.request, self.status, self.content_type, self.text());
        let problem: Problem = serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{what}"));
        assert_eq!(problem.code, code, "{what}");
        assert_eq!(self.status, code.status(), "{what}");
        assert_eq!(self.content_type, "application/problem+json", "{what}");
        let canonical = Problem::new(code, problem.detail.clone());
        assert_eq!(problem, canonical, "{what}");
        assert!(!problem.detail.is_empty(), "{what}");
        problem
    }

    /// The answer must be good, and JSON.
    #[track_caller]
    pub(crate) fn served(&self) -> Value {
        let what = format!("{}: {} {} {}", self.request, self.status, self.content_type, self.text());
        assert_eq!(self.status, 200, "{what}");
        assert_eq!(self.content_type, "application/json", "{what}");
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{what}"))
    }
}

/// One connection, held open: whatever is asked on it is asked on the same TLS session.
pub(crate) struct KeptOpen {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl KeptOpen {
    /// Connects with this certificate.
    pub(crate) fn open(connection: &Connection, pem: &Pem) -> Self {
        Self::with_versions(connection, pem, rustls::DEFAULT_VERSIONS).unwrap()
    }

    /// Connects with one of these versions of TLS.
    pub(crate) fn with_versions(
        connection: &Connection,
        pem: &Pem,
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<Self> {
        let chain = pem_certificates(&pem.chain).unwrap();
        let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
        // A daemon must not rely on its peer to see that key and certificate belong together.
        let key = default_provider().key_provider.load_private_key(key).unwrap();
        let resolver = Arc::new(Always(Arc::new(CertifiedKey::new(chain, key))));
        Self::connect(connection, trusting(connection, versions).with_client_cert_resolver(resolver))
    }

    /// Connects without a certificate.
    pub(crate) fn public(connection: &Connection) -> Self {
        Self::connect(connection, trusting(connection, rustls::DEFAULT_VERSIONS).with_no_client_auth()).unwrap()
    }

    fn connect(connection: &Connection, config: ClientConfig) -> std::io::Result<Self> {
        let address = connection.endpoint.trim_start_matches("https://");
        let host = address.rsplit_once(':').unwrap().0.to_owned();
        let session = ClientConnection::new(Arc::new(config), ServerName::try_from(host).unwrap()).unwrap();
        let tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let mut kept = Self { stream: StreamOwned::new(session, tcp) };
        kept.stream.conn.complete_io(&mut kept.stream.sock)?;
        Ok(kept)
    }

    /// Asks for a path on this connection.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    /// Asks for a path on this connection; an error says that the connection is of no use.
    pub(crate) fn try_get(&mut self, path: &str) -> std::io::Result<Answer> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: ringfence\r\n\r\n"))?;
        self.answer(&format!("GET {path} on an open connection"))
    }

    /// Sends some text, such as a part of a request.
    pub(crate) fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.flush()
    }

    /// Whether something comes from the daemon within this time, or the connection ends.
    pub(crate) fn is_answered(&mut self, within: Duration) -> bool {
        let sock = &self.stream.sock;
        sock.set_read_timeout(Some(within)).unwrap();
        let come = sock.peek(&mut [0]);
        sock.set_read_timeout(Some(PATIENCE)).unwrap();
        !come.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Reads the answer to what was sent.
    pub(crate) fn answer(&mut self, request: &str) -> std::io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        let mut bytes = vec![0; field("content-length").unwrap().parse().unwrap()];
        self.stream.read_exact(&mut bytes)?;
        Ok(Answer {
            request: request.to_owned(),
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            content_type: field("content-type").unwrap_or_default(),
            bytes,
        })
    }
}

/// TLS of a client that trusts the cluster.
fn trusting(
    connection: &Connection,
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    for root in pem_certificates(&connection.ca_certificate).unwrap() {
        roots.add(root).unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

/// Shows one certificate to whoever asks for any.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
