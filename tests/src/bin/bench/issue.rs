//! Issuing: how many certificates for callers' own keys the daemon signs, records and answers over HTTPS, held against
//! `cfssl serve`, which answers plain HTTP and records nothing, and against what the cryptography alone takes on one
//! core.

use std::hint::black_box;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use ringfence_api::project::route::POST_MEMBER_CERTIFICATE;
use ringfence_api::project::{MemberRole, PutMember, PutProject};
use ringfence_api::{ProjectName, UserName};
use ringfence_pki::{PrivateKey, Request};
use ringfence_tests::{Head, Sandbox, eventually};

use crate::cpu::cpu_seconds;
use crate::figure::{Figure, Measure, report_all};
use crate::load::{Target, of_operator};
use crate::table::{in_millis, report};

/// How many requests are outstanding at once.
const CONNECTIONS: usize = 128;
/// How many project users are asked for in turn.
pub(crate) const MEMBERS: usize = 128;
const REQUESTS: usize = 20_000;
/// How often both are measured, one after the other.
const RUNS: usize = 3;
/// The pace at which the latency is looked at.
const PACE: u32 = 1_000;

/// A daemon that issues.
pub(crate) struct Issuing {
    target: Target,
    head: Head,
    sandbox: Sandbox,
}

impl Issuing {
    /// Asks as fast as it goes. Certificates a second, and the processor time for one in microseconds.
    async fn fast(&self) -> Result<(f64, f64)> {
        let before = cpu_seconds(self.head.pid())?;
        let rate = self.target.as_fast_as_it_goes(CONNECTIONS, REQUESTS).await?.rate();
        let cost = (cpu_seconds(self.head.pid())? - before) / f64::from(u32::try_from(REQUESTS)?) * 1e6;
        Ok((rate, cost))
    }

    /// Asks at a pace. The median latency, and that of 99 of 100.
    async fn paced(&self) -> Result<[Figure; 2]> {
        let mut paced = self.target.at_a_pace(CONNECTIONS, PACE, PACE as usize * 10).await?;
        Ok([
            Figure::new("issue: at 1,000 a second, median ms", in_millis(paced.percentile(50)), 1, ""),
            Figure::new("issue: at 1,000 a second, 99 of 100, ms", in_millis(paced.percentile(99)), 1, "< 10"),
        ])
    }
}

impl Measure for Issuing {
    const PAIRS: usize = 5;

    async fn prepare(programs: &Path) -> Result<Self> {
        let sandbox = Sandbox::new();
        let mut head = Head::prepare_with(sandbox.path(), programs.join("ringfenced"));
        head.restart(&[]).await;
        let target = of_daemon(&head).await?;
        target.as_fast_as_it_goes(CONNECTIONS, REQUESTS / 10).await?;
        Ok(Self { target, head, sandbox })
    }

    async fn run(&mut self) -> Result<Vec<Figure>> {
        let (rate, cost) = self.fast().await?;
        let mut figures = vec![Figure::new(RATE, rate, 0, ""), Figure::new(COST, cost, 0, "")];
        figures.extend(self.paced().await?);
        Ok(figures)
    }
}

const RATE: &str = "issue: certificates a second, HTTPS and durable";
const COST: &str = "issue: the daemon's CPU for one certificate, us";

/// Measures this build beside cfssl and the bare cryptography, and reports.
pub(crate) async fn measure(programs: &Path) -> Result<()> {
    let (sign, verify, parse) = raw()?;
    report("issue: P-256 signatures a second, one core", &format!("{sign:.0}"), "");
    report("issue: P-256 verifications a second, one core", &format!("{verify:.0}"), "");
    report("issue: requests read and proven a second, one core", &format!("{parse:.0}"), "");

    let ours = Issuing::prepare(programs).await?;
    let cfssl = Cfssl::start(ours.sandbox.path()).await?;
    let theirs = cfssl.target()?;
    theirs.as_fast_as_it_goes(CONNECTIONS, REQUESTS / 10).await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let (rate, cost) = ours.fast().await?;
        let other = theirs.as_fast_as_it_goes(CONNECTIONS, REQUESTS).await?.rate();
        runs.push(vec![
            Figure::new(RATE, rate, 0, ""),
            Figure::new("issue: cfssl serve, HTTP and not recorded", other, 0, ""),
            Figure::new("issue: ratio to cfssl serve", rate / other, 2, ">= 1"),
            Figure::new(COST, cost, 0, ""),
        ]);
    }
    report_all(&runs);
    report_all(&[ours.paced().await?.into()]);
    Ok(())
}

/// How many signatures, verifications and proofs of possession one core makes in a second.
fn raw() -> Result<(f64, f64, f64)> {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    let rng = aws_lc_rs::rand::SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    let text = [7_u8; 500];
    let signature = key.sign(&rng, &text)?;
    let public =
        aws_lc_rs::signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref().to_vec());
    let request = PrivateKey::generate()?.request("x")?;
    Ok((
        a_second(|| key.sign(&rng, &text).is_ok()),
        a_second(|| public.verify(&text, signature.as_ref()).is_ok()),
        a_second(|| Request::parse(&request).is_ok()),
    ))
}

fn a_second(work: impl Fn() -> bool) -> f64 {
    let (began, mut done) = (Instant::now(), 0_u32);
    while began.elapsed() < Duration::from_secs(1) {
        for _ in 0..64 {
            black_box(work());
        }
        done += 64;
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

/// Requests of as many different keys as may be outstanding.
fn requests() -> Result<Vec<String>> {
    (0..CONNECTIONS).map(|_| Ok(PrivateKey::generate()?.request("x")?)).collect()
}

/// The daemon, with members for whom certificates are asked in turn.
pub(crate) async fn of_daemon(head: &Head) -> Result<Target> {
    let client = head.operator();
    let project = ProjectName::parse("fraud")?;
    client.put_project(&project, &PutProject::default()).await?;
    let mut paths = Vec::new();
    for number in 0..MEMBERS {
        let user = UserName::parse(&format!("user{number:04}"))?;
        client.put_member(&project, &user, &PutMember { role: MemberRole::DataScientist }).await?;
        paths.push(POST_MEMBER_CERTIFICATE.path(&[project.as_str(), user.as_str()]));
    }
    let body = |request| Ok(Bytes::from(serde_json::to_vec(&serde_json::json!({ "request": request }))?));
    let bodies = requests()?.into_iter().map(body).collect::<Result<_>>()?;
    Ok(Target { holds: "BEGIN CERTIFICATE", ..of_operator(head, http::Method::POST, paths, bodies).await? })
}

/// A running `cfssl serve` with an authority of its own.
struct Cfssl {
    child: Child,
    port: u16,
}

impl Cfssl {
    async fn start(directory: &Path) -> Result<Self> {
        let at = |file: &str| directory.join(file);
        let authority = r#"{"CN":"bench","key":{"algo":"ecdsa","size":256}}"#;
        std::fs::write(at("ca.json"), authority)?;
        let profile = r#"{"signing":{"default":{"expiry":"24h","usages":["digital signature","client auth"]}}}"#;
        std::fs::write(at("profile.json"), profile)?;
        let made = Command::new("cfssl").args(["gencert", "-initca"]).arg(at("ca.json")).output().context(
            "cfssl is missing: run `make bench`, which installs it, or install it (Debian: apt-get install \
             golang-cfssl)",
        )?;
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).context("cfssl gencert")?;
        for (field, file) in [("cert", "ca.crt"), ("key", "ca.key")] {
            std::fs::write(at(file), made[field].as_str().context("cfssl gencert")?)?;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut serve = Command::new("cfssl");
        serve.args(["serve", "-address", "127.0.0.1", "-port", &port.to_string(), "-loglevel", "5"]);
        for (flag, file) in [("-ca", "ca.crt"), ("-ca-key", "ca.key"), ("-config", "profile.json")] {
            serve.arg(flag).arg(at(file));
        }
        let child = serve.current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let started = Self { child, port };
        eventually("cfssl serves", Duration::from_secs(10), async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        Ok(started)
    }

    fn target(&self) -> Result<Target> {
        let body = |request| {
            let body = serde_json::json!({ "certificate_request": request, "hosts": ["fraud__alice"] });
            Ok(Bytes::from(serde_json::to_vec(&body)?))
        };
        let bodies = requests()?.into_iter().map(body).collect::<Result<Vec<_>>>()?;
        ensure!(!bodies.is_empty(), "there are requests");
        Ok(Target {
            address: ([127, 0, 0, 1], self.port).into(),
            tls: None,
            method: http::Method::POST,
            paths: vec!["/api/v1/cfssl/sign".to_owned()],
            session: None,
            bodies,
            holds: "BEGIN CERTIFICATE",
        })
    }
}

impl Drop for Cfssl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
