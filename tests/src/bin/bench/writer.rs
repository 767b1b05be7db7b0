//! Small writes beside a large one: what another client's writes take while one request makes 25 members whose keys are
//! RSA of 4096 bits, and how many are refused because the daemon is busy.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use ringfence_api::ProjectName;
use ringfence_api::cluster::{AuthoritySettings, ClusterState, KeyAlgorithm, PutCluster};
use ringfence_api::project::PutProject;
use ringfence_tests::{Head, Sandbox, eventually};
use serde_json::{Map, json};
use tokio::time::Instant;

use crate::figure::{Figure, Measure};
use crate::load::{Answered, Target, of_operator};
use crate::table::in_millis;

pub(crate) const RUNS: usize = 3;
/// How many members the large write makes.
const MEMBERS: usize = 25;
/// How many small writes are sent in a second.
const PACE: u32 = 50;

/// A cluster whose project users get large keys.
pub(crate) struct Writer {
    /// How many projects got members so far.
    filled: usize,
    small: Target,
    head: Head,
    _sandbox: Sandbox,
}

impl Measure for Writer {
    const PAIRS: usize = 3;

    async fn prepare(programs: &Path) -> Result<Self> {
        let sandbox = Sandbox::new();
        let mut head = Head::prepare_with(sandbox.path(), programs.join("ringfenced"));
        head.restart(&[]).await;
        let client = head.operator();
        let authority =
            AuthoritySettings { project_user_key_algorithm: KeyAlgorithm::Rsa4096, ..AuthoritySettings::default() };
        client.put_cluster(&PutCluster { authority, ..PutCluster::default() }).await?;
        eventually("the cluster is ready", Duration::from_secs(30), async || match client.cluster().await {
            Ok(cluster) if cluster.state == ClusterState::Ready => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        // A change each time, so that each is a write.
        let bodies = ["one", "other"].map(|description| json!({ "description": description }).to_string().into());
        let small = of_operator(&head, http::Method::PUT, vec!["/v1/projects/small".to_owned()], bodies.into()).await?;
        Ok(Self { filled: 0, small, head, _sandbox: sandbox })
    }

    async fn run(&mut self) -> Result<Vec<Figure>> {
        self.filled += 1;
        let project = ProjectName::parse(&format!("large{}", self.filled))?;
        self.head.operator().put_project(&project, &PutProject::default()).await?;
        let members: Map<_, _> =
            (0..MEMBERS).map(|member| (format!("user{member}"), json!("data_scientist"))).collect();
        let large = of_operator(
            &self.head,
            http::Method::PUT,
            vec![format!("/v1/projects/{project}/members")],
            vec![json!({ "members": members }).to_string().into()],
        )
        .await?;
        let done = AtomicBool::new(false);
        let making = async {
            let answered = large.as_fast_as_it_goes(1, 1).await;
            done.store(true, Ordering::Relaxed);
            answered
        };
        let (made, written) = tokio::join!(making, writes_until(&self.small, &done));
        let (made, Written { mut answered, refused }) = (made?, written?);
        Ok(vec![
            Figure::new("writer: 25 members with RSA-4096 keys, s", made.elapsed.as_secs_f64(), 1, ""),
            Figure::new("writer: another write meanwhile, median ms", in_millis(answered.percentile(50)), 1, ""),
            Figure::new("writer: the same, 99 of 100, ms", in_millis(answered.percentile(99)), 1, "< 50"),
            Figure::new("writer: the same, the longest, ms", in_millis(answered.percentile(100)), 1, "").most(),
            Figure::new("writer: the same, answered 503", f64::from(refused), 0, "0").most(),
        ])
    }
}

/// How long small writes took, and how many of them were answered that the daemon is busy.
struct Written {
    answered: Answered,
    refused: u32,
}

/// Writes at a pace over one connection until told to stop. A latency counts from when the request was due, so one
/// request that is slow makes those behind it slow, as it does for clients.
async fn writes_until(target: &Target, done: &AtomicBool) -> Result<Written> {
    let mut connection = target.connect().await?;
    let (mut latencies, mut refused, began) = (Vec::new(), 0, Instant::now());
    while !done.load(Ordering::Relaxed) {
        let due = began + Duration::from_secs(1) * u32::try_from(latencies.len())? / PACE;
        tokio::time::sleep_until(due).await;
        if connection.is_closed() {
            connection = target.connect().await?;
        }
        let (status, text) = target.send(&mut connection, latencies.len()).await?;
        latencies.push(due.elapsed());
        if status == http::StatusCode::SERVICE_UNAVAILABLE {
            refused += 1;
        } else {
            ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&text));
        }
    }
    ensure!(!latencies.is_empty(), "the large write was over before the first small one");
    Ok(Written { answered: Answered { latencies, elapsed: began.elapsed() }, refused })
}
