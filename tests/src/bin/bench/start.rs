//! The start of the provider: to its handshake line, to the first answer, and what it weighs then.
//!
//! The first call is made as Terraform makes it, over gRPC with mutual TLS on the announced socket. An empty request
//! needs no protobuf: five zero bytes are the frame of an empty message.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::cluster::KeyAlgorithm;
use ringfence_pki::{Authority, Plan, PrivateKey, Serial, pem_certificate};

use crate::figure::{Figure, Measure};
use crate::memory::resident_kib;
use crate::table::{in_mebibytes, in_millis};

/// What Terraform sets so that a provider knows that it is started by Terraform.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");
pub(crate) const STARTS: usize = 21;
const SCHEMA: &str = "https://localhost/tfplugin6.Provider/GetProviderSchema";

/// The provider, started anew in each run and asked for its schema.
pub(crate) struct Start {
    programs: PathBuf,
    identity: Identity,
}

impl Measure for Start {
    const PAIRS: usize = STARTS;

    async fn prepare(programs: &Path) -> Result<Self> {
        Ok(Self { programs: programs.to_owned(), identity: Identity::new()? })
    }

    async fn run(&mut self) -> Result<Vec<Figure>> {
        let began = Instant::now();
        let provider = Provider::start(&self.programs, &self.identity)?;
        let started = began.elapsed();
        let resident = resident_kib(provider.child.id())?;
        let asked = Instant::now();
        let schema = provider.schema(&self.identity).await?;
        let answered = asked.elapsed();
        ensure!(schema.len() > 1_000, "no schema: {} bytes", schema.len());
        Ok(vec![
            Figure::new("provider: start to handshake line, ms", in_millis(started), 1, "< 15"),
            Figure::new("provider: handshake line to schema, ms", in_millis(answered), 1, "< 5"),
            Figure::new("provider: resident after the handshake, MiB", in_mebibytes(resident), 1, "< 30"),
        ])
    }
}

/// A provider that has announced itself.
struct Provider {
    child: Child,
    socket: String,
    /// Its certificate, in PEM.
    certificate: String,
}

impl Provider {
    fn start(programs: &Path, identity: &Identity) -> Result<Self> {
        let mut child = Command::new(programs.join("terraform-provider-ringfence"))
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_CLIENT_CERT", &identity.certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let fields: Vec<&str> = line.trim_end().split('|').collect();
        let ["1", "6", "unix", socket, "grpc", certificate] = fields[..] else {
            anyhow::bail!("no handshake line: {line}")
        };
        let certificate = pem_certificate(&STANDARD_NO_PAD.decode(certificate)?);
        Ok(Self { child, socket: socket.to_owned(), certificate })
    }

    /// Connects and asks for the schema.
    async fn schema(&self, identity: &Identity) -> Result<Vec<u8>> {
        let client = reqwest::Client::builder()
            .unix_socket(self.socket.as_str())
            .tls_certs_only([reqwest::Certificate::from_pem(self.certificate.as_bytes())?])
            .identity(reqwest::Identity::from_pem(format!("{}{}", identity.certificate, identity.key).as_bytes())?)
            .build()?;
        let call = client.post(SCHEMA).header("content-type", "application/grpc").header("te", "trailers");
        Ok(call.body(vec![0_u8; 5]).send().await?.error_for_status()?.bytes().await?.to_vec())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // Killed, it cannot remove its socket itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.socket);
        let _ = Path::new(&self.socket).parent().map(std::fs::remove_dir);
    }
}

/// A certificate for the provider to pin, and its key, in PEM. Terraform makes one for each start; any will do here.
struct Identity {
    certificate: String,
    key: String,
}

impl Identity {
    fn new() -> Result<Self> {
        let now = ringfence_api::Clock::now(&ringfence_api::SystemClock);
        let serial = Serial::parse("00000000000000000000000000000001").context("a serial")?;
        let plan = Plan {
            domain: AuthorityDomain::Root,
            name: "localhost".to_owned(),
            serial,
            algorithm: KeyAlgorithm::default(),
            lifetime: jiff::SignedDuration::from_hours(24),
        };
        let made = Authority::create_root(&plan, now)?;
        let key = PrivateKey::from_der(&made.private_key)?;
        Ok(Self { certificate: pem_certificate(&made.certificate), key: key.to_pem().to_string() })
    }
}
