//! Revoking: how long an acknowledgement takes and how soon the list is out when 100,000 certificates are revoked
//! already, and how long a list of a million takes to be put together and signed, in the daemon with its database.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use ringfence_api::authority::route::{DELETE_CERTIFICATE, LIST_CERTIFICATES, READ_CRL};
use ringfence_api::certificate::Certificate;
use ringfence_api::{ProjectName, UserName};
use ringfence_pki::Serial;
use ringfence_tests::{Head, Sandbox, eventually};

use crate::cpu::cpu_seconds;
use crate::figure::{Figure, Measure, report_all};
use crate::issue::{MEMBERS, of_daemon};
use crate::load::{Target, of_operator};
use crate::memory::resident_kib;
use crate::table::{in_millis, mebibytes, median, report, seconds};

/// In how many shards an authority's certificates are listed: as many as keep each list below a mebibyte.
const SHARDS: u32 = 64;
/// How many are revoked before anything is measured.
const REVOKED: usize = 100_000;
/// The longer list.
const MANY: usize = 1_000_000;
/// How many revocations are measured, and how many of them a second.
const MEASURED: usize = 1_000;
const PACE: u32 = 100;
/// How often the list is waited for.
const LISTS: usize = 15;

/// A daemon in which many certificates are revoked.
pub(crate) struct Revoking {
    issue: Target,
    head: Head,
    _sandbox: Sandbox,
}

impl Measure for Revoking {
    const PAIRS: usize = 3;

    async fn prepare(programs: &Path) -> Result<Self> {
        let sandbox = Sandbox::new();
        let mut head = Head::prepare_with(sandbox.path(), programs.join("ringfenced"));
        std::fs::write(sandbox.path().join("head/authority.json"), format!(r#"{{"crl_shards":{SHARDS}}}"#))?;
        head.restart(&[]).await;
        let issue = of_daemon(&head).await?;
        issue.as_fast_as_it_goes(128, REVOKED).await?;
        revoke_all(&head).await?;
        let issue = of_daemon(&head).await?;
        Ok(Self { issue, head, _sandbox: sandbox })
    }

    async fn run(&mut self) -> Result<Vec<Figure>> {
        let (middle, late) = acknowledgements(&self.head, &self.issue).await?;
        let mut listed = Vec::new();
        for _ in 0..LISTS {
            listed.push(listed_after(&self.head, &self.issue).await?);
        }
        let most = listed.iter().max().copied().unwrap_or_default();
        let published = publish(&self.head).await?.0;
        Ok(vec![
            Figure::new("revoke: acknowledged with 100,000 revoked, median ms", in_millis(middle), 1, ""),
            Figure::new("revoke: acknowledged with 100,000 revoked, 99 of 100, ms", in_millis(late), 1, "< 10"),
            Figure::new(
                "revoke: acknowledgement to the list with 100,000, ms",
                in_millis(median(&mut listed)),
                1,
                "< 1000",
            ),
            Figure::new("revoke: the same, the longest", in_millis(most), 1, "< 1000").most(),
            Figure::new(FEW, published.as_secs_f64(), 2, ""),
        ])
    }
}

const FEW: &str = "revoke: lists of 100,000 put together and signed, s";

/// Measures this build, with a million as well, and reports.
pub(crate) async fn measure(programs: &Path) -> Result<()> {
    let mut daemon = Revoking::prepare(programs).await?;
    let run = daemon.run().await?;
    report_all(std::slice::from_ref(&run));
    let few = run.iter().find(|figure| figure.what == FEW).context("it was measured")?.value;
    let (head, issue) = (&daemon.head, &daemon.issue);
    let more = MANY - REVOKED;
    issue.as_fast_as_it_goes(128, more).await?;
    revoke_all(head).await?;
    let idle = resident_kib(head.pid())?;
    let million = publish(head).await?;
    report("revoke: lists of 1,000,000 put together and signed, s", &seconds(million.0), "< 5");
    report("revoke: the many to the few", &format!("{:.1}", million.0.as_secs_f64() / few), "~ 10");
    report("revoke: processor time of the many, s", &format!("{:.2}", million.1), "");
    report("revoke: resident before the many, MiB", &mebibytes(idle), "");
    report("revoke: most resident during the many, MiB", &mebibytes(million.2), "");
    Ok(())
}

/// Removes all members, which revokes whatever they were issued, and waits until all is listed.
async fn revoke_all(head: &Head) -> Result<()> {
    let client = head.operator();
    let project = ProjectName::parse("fraud")?;
    for number in 0..MEMBERS {
        client.delete_member(&project, &UserName::parse(&format!("user{number:04}"))?).await?;
    }
    client.publish_crls().await?;
    Ok(())
}

/// Revokes certificates one by one at a pace, while lists are published behind it. The median and the 99th of 100.
async fn acknowledgements(head: &Head, issue: &Target) -> Result<(Duration, Duration)> {
    issue.as_fast_as_it_goes(64, MEASURED).await?;
    let client = head.operator();
    let rows: Vec<Certificate> = client.list(&LIST_CERTIFICATES, "limit=1000").await?;
    let paths: Vec<String> = rows
        .iter()
        .filter(|row| row.revoked_at.is_none() && row.common_name.starts_with("fraud__"))
        .filter(|row| row.holder == ringfence_api::certificate::CertificateHolder::Caller)
        .map(|row| DELETE_CERTIFICATE.path(&[&row.serial]))
        .collect();
    ensure!(paths.len() > MEASURED / 2, "there are certificates to revoke");
    let requests = paths.len();
    let target = of_operator(head, http::Method::DELETE, paths, vec![Bytes::new()]).await?;
    let mut answered = target.at_a_pace(16, PACE, requests).await?;
    Ok((answered.percentile(50), answered.percentile(99)))
}

/// Revokes one certificate and looks at the list until it is there. How long after the acknowledgement.
async fn listed_after(head: &Head, issue: &Target) -> Result<Duration> {
    issue.as_fast_as_it_goes(1, 1).await?;
    let client = head.operator();
    let rows: Vec<Certificate> = client.list(&LIST_CERTIFICATES, "limit=1").await?;
    let newest = rows.first().context("a certificate was issued")?;
    client.revoke_certificate(&newest.serial).await?;
    let acknowledged = Instant::now();
    let serial = Serial::parse(&newest.serial).context("a serial number")?;
    let significant: Vec<u8> = serial.as_bytes().iter().copied().skip_while(|byte| *byte == 0).collect();
    let url = format!(
        "{}{}",
        head.connection().endpoint,
        READ_CRL.path(&[&newest.issuer, &serial.shard(SHARDS).to_string()])
    );
    let trusted = reqwest::Certificate::from_pem(head.connection().ca_certificate.as_bytes())?;
    let http = reqwest::Client::builder().tls_certs_only([trusted]).build()?;
    Ok(eventually("the revocation is listed", Duration::from_secs(30), async || {
        let list = async { http.get(&url).send().await?.bytes().await }.await.map_err(|error| error.to_string())?;
        let found = list.windows(significant.len()).any(|bytes| bytes == significant);
        if found { Ok(acknowledged.elapsed()) } else { Err("it is not".to_owned()) }
    })
    .await)
}

/// Has every list signed anew. How long that took, by the clock and of the processor, and how much memory at most.
async fn publish(head: &Head) -> Result<(Duration, f64, u64)> {
    let client = head.operator();
    client.login().await?;
    let before = cpu_seconds(head.pid())?;
    let began = Instant::now();
    let publishing = tokio::spawn(async move { client.publish_crls().await });
    let mut most = 0;
    while !publishing.is_finished() {
        most = most.max(resident_kib(head.pid())?);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    publishing.await??;
    let took = began.elapsed();
    Ok((took, cpu_seconds(head.pid())? - before, most))
}
