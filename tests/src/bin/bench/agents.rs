//! Two thousand agents, all in this process, with the real protocol and the real files: how soon a revocation is on
//! every node, and whether all of them can come back at once.
//!
//! The nodes' directories are in memory where the system has such a place, because two thousand machines have as many
//! disks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ringfence_api::certificate::PostIdentityCertificate;
use ringfence_api::cluster::{Cluster, ClusterState, PutCluster, WorkerGroup};
use ringfence_api::project::{MemberRole, PutMember, PutProject};
use ringfence_api::{Client, Clock as _, GroupName, Lifetime, ProjectName, ServiceName, SystemClock, UserName};
use ringfence_pki::{PrivateKey, Serial, pem_crls};
use ringfence_tests::{Head, Sandbox, eventually};
use tokio::task::JoinSet;

use crate::cpu::cpu_seconds;
use crate::memory::resident_kib;
use crate::table::{mebibytes, median, report, seconds};

/// In two groups, beside the head.
const GROUP: u32 = 1_000;
const GROUPS: [&str; 2] = ["left", "right"];
/// How many revocations are waited for.
const REVOCATIONS: usize = 5;
/// What agents may not need: the longest that anything is waited for.
const PATIENCE: Duration = Duration::from_mins(5);
/// Certificates live so long, so that some are renewed all the time.
const LIFETIME: Lifetime = Lifetime::from_secs(600);

/// Starts them, measures, reports.
pub(crate) async fn measure(programs: &Path) -> Result<()> {
    let warnings = count_warnings()?;
    let sandbox = Sandbox::new();
    let memory = Path::new("/dev/shm");
    let nodes = tempfile::Builder::new().prefix("ringfence-bench-").tempdir_in(if memory.is_dir() {
        memory
    } else {
        sandbox.path()
    })?;
    let directory = nodes.path().join("nodes");
    let mut head = Head::prepare(sandbox.path());
    let config = sandbox.path().join("head/serve.toml");
    let text = std::fs::read_to_string(&config)?;
    let text =
        text.replace(&sandbox.path().join("nodes").display().to_string(), &directory.display().to_string()).replace(
            &ringfence_tests::sandbox::program("ringfenced").display().to_string(),
            &programs.join("stand_in").display().to_string(),
        );
    std::fs::write(&config, text)?;
    head.restart(&[("RINGFENCE_LOG", "warn")]).await;
    let outcome = with_agents(&head, &directory, &warnings).await;
    head.kill().await;
    end_stand_ins(&directory).await;
    outcome
}

async fn with_agents(head: &Head, directory: &Path, warnings: &AtomicU64) -> Result<()> {
    let client = head.operator();
    let agents = Agents::start(directory.to_owned());
    let began = Instant::now();
    client.put_cluster(&declared()).await?;
    let count = GROUP as usize * GROUPS.len() + 1;
    ready(&client, count).await?;
    report("agents: 2,001 nodes launched and ready, s", &seconds(began.elapsed()), "");
    let joining = warnings.swap(0, Ordering::Relaxed);

    let (cpu, watched) = (cpu_seconds(head.pid())?, Instant::now());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle = (cpu_seconds(head.pid())? - cpu) / watched.elapsed().as_secs_f64();
    report("agents: the daemon's cores while nothing happens", &format!("{idle:.2}"), "");

    let mut reached = Vec::new();
    for _ in 0..REVOCATIONS {
        reached.push(revocation(&client, directory, count).await?);
    }
    reached.sort_unstable();
    report("agents: a revocation on every node after, s", &seconds(median(&mut reached)), "< 3");
    report("agents: the same, the longest", &seconds(reached.last().copied().unwrap_or_default()), "< 3");
    let steady = warnings.swap(0, Ordering::Relaxed);

    let cpu = cpu_seconds(head.pid())?;
    agents.stop().await;
    let restarted = Instant::now();
    let before = SystemClock.now();
    let agents = Agents::start(directory.to_owned());
    eventually("every agent has reported again", PATIENCE, async || {
        let cluster = client.cluster().await.map_err(|error| error.to_string())?;
        let late = cluster.nodes.iter().filter(|node| node.reported_at.is_none_or(|at| at < before)).count();
        if late == 0 { Ok(()) } else { Err(format!("{late} have not")) }
    })
    .await;
    report("agents: all back after a restart of all, s", &seconds(restarted.elapsed()), "");
    report("agents: the daemon's processor time for that, s", &format!("{:.2}", cpu_seconds(head.pid())? - cpu), "");
    let cluster = ready(&client, count).await?;
    let now = SystemClock.now();
    let lapsed = cluster.nodes.iter().flat_map(|node| &node.certificates).filter(|held| held.not_after < now).count();
    let faults = cluster.nodes.iter().filter(|node| node.fault.is_some()).count();
    report("agents: certificates that lapsed", &lapsed.to_string(), "0");
    report("agents: nodes with a fault", &faults.to_string(), "0");
    let restart = warnings.swap(0, Ordering::Relaxed);
    report("agents: rounds that failed while joining", &joining.to_string(), "0");
    report("agents: rounds that failed in the steady state", &steady.to_string(), "0");
    report("agents: rounds that failed during the restart", &restart.to_string(), "0");
    report("agents: resident memory of the daemon, MiB", &mebibytes(resident_kib(head.pid())?), "");
    agents.stop().await;
    Ok(())
}

fn declared() -> PutCluster {
    let mut put = PutCluster::default();
    for group in GROUPS {
        put.worker_groups.insert(GroupName::parse(group).expect("a group"), WorkerGroup { count: GROUP });
    }
    let service = serde_json::from_value(serde_json::json!({ "user": "query" })).expect("a service");
    put.services.insert(ServiceName::parse("query").expect("a service"), service);
    put.authority.service_certificate_lifetime = LIFETIME;
    put.authority.node_certificate_lifetime = LIFETIME;
    put
}

async fn ready(client: &Client, count: usize) -> Result<Cluster> {
    let deadline = Instant::now() + PATIENCE;
    let mut cluster = client.cluster().await?;
    while cluster.state != ClusterState::Ready || cluster.nodes.len() != count {
        let ready = cluster.nodes.iter().filter(|node| node.state == ringfence_api::node::NodeState::Ready).count();
        ensure!(Instant::now() < deadline, "{ready} of {count} nodes are ready");
        tokio::time::sleep(Duration::from_millis(100)).await;
        cluster = client.cluster().await?;
    }
    Ok(cluster)
}

/// Revokes a certificate, and looks until its serial number is in the list on every node.
async fn revocation(client: &Client, directory: &Path, count: usize) -> Result<Duration> {
    let (project, user) = (ProjectName::parse("fraud")?, UserName::parse("alice")?);
    client.put_project(&project, &PutProject::default()).await?;
    client.put_member(&project, &user, &PutMember { role: MemberRole::DataScientist }).await?;
    let post = PostIdentityCertificate { request: PrivateKey::generate()?.request("x")?, lifetime: None };
    let issued = client.issue_member_certificate(&project, &user, &post).await?;
    client.revoke_certificate(&issued.serial).await?;
    let revoked = Instant::now();
    let serial = Serial::parse(&issued.serial).context("a serial number")?;
    let significant: Vec<u8> = serial.as_bytes().iter().copied().skip_while(|byte| *byte == 0).collect();
    let mut waiting: BTreeSet<PathBuf> =
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path().join("trust/crl.pem"))).collect::<Result<_>>()?;
    ensure!(waiting.len() == count, "there are {} nodes", waiting.len());
    while !waiting.is_empty() {
        ensure!(revoked.elapsed() < PATIENCE, "{} nodes do not list the revocation", waiting.len());
        waiting.retain(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let lists = pem_crls(&text).unwrap_or_default();
            !lists.iter().any(|list| list.windows(significant.len()).any(|bytes| bytes == significant))
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(revoked.elapsed())
}

/// The agents of every node that appears below a directory.
struct Agents {
    running: tokio::task::JoinHandle<()>,
    all: Arc<Mutex<JoinSet<()>>>,
}

impl Agents {
    fn start(directory: PathBuf) -> Self {
        let all = Arc::new(Mutex::new(JoinSet::new()));
        let set = all.clone();
        let running = tokio::spawn(async move {
            let mut known = BTreeSet::new();
            loop {
                for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
                    let path = entry.path();
                    if path.join("agent.json").exists() && known.insert(path.clone()) {
                        let agent = async move {
                            if let Err(error) = ringfence_agent::run(&path, Arc::new(SystemClock)).await {
                                tracing::warn!(%error, "an agent ended");
                            }
                        };
                        set.lock().expect("nobody panicked").spawn(agent);
                    }
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self { running, all }
    }

    async fn stop(self) {
        self.running.abort();
        let _ = self.running.await;
        let mut all = std::mem::take(&mut *self.all.lock().expect("nobody panicked"));
        all.shutdown().await;
    }
}

/// Ends the processes that stood in for agents.
async fn end_stand_ins(directory: &Path) {
    use ringfence_place::process::{AGENT_CLAIM, stop};
    let mut ending = JoinSet::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        ending.spawn(async move { stop(&entry.path(), AGENT_CLAIM, Duration::from_secs(1)).await.map(drop).ok() });
    }
    while ending.join_next().await.is_some() {}
}

/// Counts what agents warn of, which is what goes wrong for them.
fn count_warnings() -> Result<Arc<AtomicU64>> {
    struct Counter(Arc<AtomicU64>);
    impl tracing::Subscriber for Counter {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() <= tracing::Level::WARN && metadata.target().starts_with("ringfence")
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
    let count = Arc::new(AtomicU64::new(0));
    tracing::subscriber::set_global_default(Counter(count.clone()))?;
    Ok(count)
}
