//! A client that starts and speaks to the example provider as Terraform does.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// An example provider, which `cargo test` builds beside the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let profile = test.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
    let example = profile.join("examples").join(name);
    assert!(
        example.exists(),
        "{} is missing: run `cargo test -p tfplugin-rs` or build the examples",
        example.display()
    );
    example
}

/// A client certificate as Terraform makes them.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    key: Vec<u8>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.distinguished_name.push(DnType::OrganizationName, "HashiCorp");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.der().clone(), pem: certificate.pem(), key: key.serialize_der() }
    }

    fn config(&self, server: &[u8]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(server.to_vec())).expect("the server certificate is one");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![self.certificate.clone()], PrivatePkcs8KeyDer::from(self.key.clone()).into())
            .expect("a client identity");
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }
}

/// The fields of the handshake line.
#[derive(Debug, Clone)]
pub(crate) struct Handshake {
    pub(crate) fields: Vec<String>,
}

impl Handshake {
    /// As if a provider without TLS had announced that socket.
    pub(crate) fn plain(socket: &Path) -> Self {
        let socket = socket.to_str().expect("the path is text");
        Self { fields: ["1", "6", "unix", socket, "grpc", ""].map(str::to_owned).into() }
    }

    pub(crate) fn socket(&self) -> &Path {
        Path::new(&self.fields[3])
    }

    pub(crate) fn certificate(&self) -> Vec<u8> {
        STANDARD_NO_PAD.decode(&self.fields[5]).expect("base64 without padding")
    }
}

/// A running provider; killed when dropped, and what it leaves then is removed.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) handshake: Handshake,
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child, self.handshake.socket());
    }
}

/// Kills a provider and removes its socket, which it cannot do itself then.
pub(crate) fn end(child: &mut Child, socket: &Path) {
    let _ = child.kill();
    let _ = child.wait();
    // A TCP address is no path that exists.
    let _ = std::fs::remove_file(socket);
    let _ = socket.parent().map(std::fs::remove_dir);
}

/// The example with the environment that Terraform gives, less the certificate.
pub(crate) fn command() -> Command {
    let mut command = Command::new(example("note"));
    host_environment(&mut command);
    command
}

pub(crate) fn host_environment(command: &mut Command) {
    command.env_clear().env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "5,6");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

pub(crate) fn start(mut command: Command, identity: Option<&Identity>) -> Running {
    if let Some(identity) = identity {
        command.env("PLUGIN_CLIENT_CERT", &identity.pem);
    }
    let mut child = command.spawn().expect("the provider starts");
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("a handshake line");
    let fields = line.trim_end().split('|').map(str::to_owned).collect();
    Running { child, handshake: Handshake { fields } }
}

/// Connects, with TLS when there is an identity.
pub(crate) async fn connect(
    handshake: &Handshake,
    identity: Option<&Identity>,
) -> Result<Channel, tonic::transport::Error> {
    let socket = handshake.socket().to_owned();
    let tls = identity.map(|identity| TlsConnector::from(Arc::new(identity.config(&handshake.certificate()))));
    let connector = tower::service_fn(move |_: Uri| {
        let (socket, tls) = (socket.clone(), tls.clone());
        async move {
            let stream = UnixStream::connect(socket).await?;
            let stream: Box<dyn Duplex> = match tls {
                Some(tls) => {
                    let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
                    Box::new(tls.connect(name, stream).await?)
                }
                None => Box::new(stream),
            };
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    });
    Endpoint::from_static("http://unused").connect_with_connector(connector).await
}

trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Duplex for T {}

/// A provider with a client connected over mutual TLS.
pub(crate) async fn started() -> (Running, ProviderClient<Channel>) {
    let identity = Identity::new();
    let running = start(command(), Some(&identity));
    let channel = connect(&running.handshake, Some(&identity)).await.expect("a connection");
    (running, ProviderClient::new(channel))
}

/// Waits until something holds; a minute is more than any machine needs.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
