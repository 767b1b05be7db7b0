//! Nodes through the real daemon and real agents: launch, rotation, repair, removal.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ringfence_agent::Agent;
use ringfence_api::cluster::{
    AuthoritySettings, Cluster, ClusterState, KeyAlgorithm, PutCluster, Service, ServiceCommand, ServiceFiles,
    WorkerGroup,
};
use ringfence_api::node::PostCertificate;
use ringfence_api::{
    Client, Clock, Credentials, GroupName, Lifetime, NodeName, ProblemCode, ServiceName, SystemClock, SystemUser,
};
use ringfence_pki::{CertificateFacts, PrivateKey, Usage, pem_certificates, verify_leaf};
use ringfence_place::process::{AGENT_CLAIM, Observed, observe};
use ringfence_tests::{Head, Sandbox, eventually};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A head, so many workers, and a service `query` on every node.
pub(crate) fn declared(workers: u32, authority: AuthoritySettings) -> PutCluster {
    let query = Service {
        user: SystemUser::parse("query").unwrap(),
        dns_names: ["query.test.internal".parse().unwrap()].into(),
        ip_addresses: ["127.0.0.1".parse().unwrap()].into(),
        node_groups: std::collections::BTreeSet::new(),
        key_algorithm: KeyAlgorithm::default(),
        files: ServiceFiles::default(),
        token: None,
        check: None,
        reload: None,
    };
    PutCluster {
        worker_groups: BTreeMap::from([(GroupName::parse("workers").unwrap(), WorkerGroup { count: workers })]),
        services: BTreeMap::from([(ServiceName::parse("query").unwrap(), query)]),
        authority,
        ..PutCluster::default()
    }
}

pub(crate) fn short_lives() -> AuthoritySettings {
    let short = Lifetime::from_secs(15);
    AuthoritySettings {
        service_certificate_lifetime: short,
        node_certificate_lifetime: short,
        ..AuthoritySettings::default()
    }
}

/// Waits until the cluster is ready with so many nodes.
pub(crate) async fn ready(client: &Client, nodes: usize) -> Cluster {
    eventually("the cluster is ready", PATIENCE, async || {
        let cluster = client.cluster().await.map_err(|error| error.to_string())?;
        let done = cluster.state == ClusterState::Ready && cluster.nodes.len() == nodes;
        if done { Ok(cluster) } else { Err(format!("{cluster:#?}")) }
    })
    .await
}

pub(crate) fn serials(cluster: &Cluster) -> BTreeMap<(NodeName, bool), String> {
    let nodes = cluster.nodes.iter();
    nodes
        .flat_map(|node| {
            let held = node.certificates.iter();
            held.map(|held| ((node.name.clone(), held.service.is_some()), held.serial.clone()))
        })
        .collect()
}

pub(crate) fn agent_pid(head: &Head, node: &str) -> Option<u32> {
    match observe(&head.directory().join("nodes").join(node), AGENT_CLAIM) {
        Ok(Observed::Running { identity }) => Some(identity.pid),
        _ => None,
    }
}

fn service_file(head: &Head, node: &str, file: &str) -> PathBuf {
    head.directory().join("nodes").join(node).join("services/query/current").join(file)
}

#[tokio::test]
async fn a_declared_cluster_becomes_ready_and_peers_accept_what_nodes_hold() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(2, AuthoritySettings::default())).await.unwrap();
    let cluster = ready(&client, 3).await;
    let names: Vec<&str> = cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["head", "workers-0", "workers-1"]);
    for node in names {
        let chain = std::fs::read_to_string(service_file(&head, node, "tls.crt")).unwrap();
        let facts = CertificateFacts::read(&pem_certificates(&chain).unwrap()[0]).unwrap();
        assert_eq!(facts.common_name, format!("{node}.test.internal"));
        assert_eq!(facts.locality.as_deref(), Some("query"));
        assert!(facts.alternative_names.contains(&"query.test.internal".to_owned()));
        let trust = head.directory().join("nodes").join(node).join("trust");
        let read = |file: &str| std::fs::read_to_string(trust.join(file)).unwrap();
        let now = ringfence_api::Clock::now(&ringfence_api::SystemClock);
        verify_leaf(&chain, &read("ca.pem"), &read("crl.pem"), Usage::Server, now).unwrap();
    }
}

#[tokio::test]
async fn service_and_node_certificates_rotate_and_the_old_ones_are_revoked() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(1, short_lives())).await.unwrap();
    let first = serials(&ready(&client, 2).await);
    assert_eq!(first.len(), 4);
    eventually("every certificate is another one", PATIENCE, async || {
        let now = serials(&client.cluster().await.map_err(|error| error.to_string())?);
        let changed = first.iter().all(|(holder, serial)| now.get(holder).is_some_and(|new| new != serial));
        if changed { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    eventually("the first ones are revoked", PATIENCE, async || {
        let all: Vec<ringfence_api::certificate::Certificate> =
            client.read("/v1/certificates?limit=1000").await.map_err(|error| error.to_string())?;
        let open = all.iter().filter(|c| first.values().any(|serial| *serial == c.serial) && c.revoked_at.is_none());
        match open.count() {
            0 => Ok(()),
            count => Err(format!("{count} are not")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_dead_agent_is_started_again() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    let before = agent_pid(&head, "workers-0").unwrap();
    kill_process(Pid::from_raw(i32::try_from(before).unwrap()).unwrap(), Signal::KILL).unwrap();
    eventually("another agent runs", PATIENCE, async || {
        agent_pid(&head, "workers-0").filter(|pid| *pid != before).map(drop).ok_or_else(|| head.said())
    })
    .await;
    assert_eq!(sandbox.processes().len(), 3);
}

#[tokio::test]
async fn a_node_that_lost_its_certificate_joins_again_by_itself() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(1, short_lives())).await.unwrap();
    let first = serials(&ready(&client, 2).await);
    // As after a long sleep: the agent is stopped until its certificate has ended.
    let pid = Pid::from_raw(i32::try_from(agent_pid(&head, "workers-0").unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let chain = std::fs::read_to_string(head.directory().join("nodes/workers-0/node/current/tls.crt")).unwrap();
    let ends = CertificateFacts::read(&pem_certificates(&chain).unwrap()[0]).unwrap().not_after;
    eventually("the node's certificate has ended", PATIENCE, async || {
        let now = ringfence_api::Clock::now(&ringfence_api::SystemClock);
        if now > ends { Ok(()) } else { Err(format!("it ends at {ends}")) }
    })
    .await;
    let _ = kill_process(pid, Signal::CONT);
    let worker = (NodeName::parse("workers-0").unwrap(), true);
    eventually("the worker holds new certificates", PATIENCE, async || {
        let cluster = client.cluster().await.map_err(|error| error.to_string())?;
        let now = serials(&cluster);
        let good = cluster.state == ClusterState::Ready && now.get(&worker).is_some_and(|new| *new != first[&worker]);
        if good { Ok(()) } else { Err(format!("{cluster:?}\n{}", head.said())) }
    })
    .await;
}

#[tokio::test]
async fn shrinking_a_group_removes_its_last_nodes_and_revokes_their_certificates() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(2, AuthoritySettings::default())).await.unwrap();
    ready(&client, 3).await;
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    assert!(!head.directory().join("nodes/workers-1").exists());
    assert_eq!(sandbox.processes().len(), 3);
    let all: Vec<ringfence_api::certificate::Certificate> = client.read("/v1/certificates?limit=1000").await.unwrap();
    let gone: Vec<_> = all.iter().filter(|c| c.node.as_deref() == Some("workers-1")).collect();
    assert!(!gone.is_empty() && gone.iter().all(|c| c.revoked_at.is_some()), "{gone:#?}");
    // And it may grow again.
    client.put_cluster(&declared(2, AuthoritySettings::default())).await.unwrap();
    ready(&client, 3).await;
}

#[tokio::test]
async fn a_service_that_is_no_longer_declared_loses_its_certificate() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    let mut put = declared(1, AuthoritySettings::default());
    put.services.values_mut().for_each(|service| service.node_groups = ["head".to_owned()].into());
    client.put_cluster(&put).await.unwrap();
    let all: Vec<ringfence_api::certificate::Certificate> = client.read("/v1/certificates?limit=1000").await.unwrap();
    let (gone, kept): (Vec<_>, Vec<_>) =
        all.iter().filter(|c| c.service.is_some()).partition(|c| c.node.as_deref() == Some("workers-0"));
    assert!(!gone.is_empty() && gone.iter().all(|c| c.revoked_at.is_some()), "{gone:#?}");
    assert!(!kept.is_empty() && kept.iter().all(|c| c.revoked_at.is_none()), "{kept:#?}");
    eventually("its files are gone from the worker", PATIENCE, async || {
        if service_file(&head, "workers-0", "tls.key").exists() { Err(head.said()) } else { Ok(()) }
    })
    .await;
    assert!(service_file(&head, "head", "tls.key").exists());
}

#[tokio::test]
async fn a_service_is_reloaded_when_its_files_change_and_a_failing_command_is_reported() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    let told = sandbox.path().join("told");
    let mut put = declared(0, AuthoritySettings::default());
    let service = put.services.values_mut().next().unwrap();
    let failing = r"printf 'no\0\033[31m' >&2";
    let command = ["sh", "-c", &format!("{failing}; test -f {0}.allowed && echo told >> {0}", told.display())];
    let command = command.map(str::to_owned).to_vec();
    service.reload = Some(ServiceCommand { command, timeout: Lifetime::from_secs(5) });
    client.put_cluster(&put).await.unwrap();
    eventually("the fault is shown", PATIENCE, async || {
        let cluster = client.cluster().await.map_err(|error| error.to_string())?;
        let fault = cluster.nodes.first().and_then(|node| node.fault.clone()).unwrap_or_default();
        let shown = fault.contains("the reload command of service query") && cluster.state == ClusterState::Degraded;
        // What the command says is shown to people, without its power over their terminals.
        let shown = shown && fault.contains(r"no\0\u{1b}[31m");
        if shown { Ok(()) } else { Err(format!("{cluster:?}")) }
    })
    .await;
    std::fs::write(sandbox.path().join("told.allowed"), "").unwrap();
    ready(&client, 1).await;
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "told\n");
}

#[tokio::test]
async fn a_damaged_or_foreign_trust_bundle_is_repaired_automatically() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    let trust = sandbox.path().join("nodes/workers-0/trust");
    let kept = [
        ("ca.pem", std::fs::read(trust.join("ca.pem")).unwrap()),
        ("crl.pem", std::fs::read(trust.join("crl.pem")).unwrap()),
    ];
    // With another cluster's root, which is valid, the agent no longer reaches this daemon: the head misses the node
    // and puts the right one there.
    let stranger = Sandbox::new();
    let other = Head::start(stranger.path()).await.connection().ca_certificate;
    for damage in [b"\xff\xfe\x00 not even text".to_vec(), b"no certificate".to_vec(), other.into_bytes()] {
        for (file, _) in &kept {
            std::fs::write(trust.join(file), &damage).unwrap();
        }
        eventually("the trust is as it was", Duration::from_mins(2), async || {
            let wrong = kept.iter().find(|(file, bytes)| std::fs::read(trust.join(file)).ok().as_ref() != Some(bytes));
            wrong.map_or(Ok(()), |(file, _)| Err(format!("{file} is not: {}", head.said())))
        })
        .await;
    }
    ready(&client, 2).await;
}

/// A clock that is wrong by this many seconds.
struct Wrong(AtomicI64);

impl Clock for Wrong {
    fn now(&self) -> jiff::Timestamp {
        SystemClock.now() + jiff::SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn an_agent_whose_clock_jumps_keeps_what_it_has_and_continues_when_the_clock_is_right() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    let pid = Pid::from_raw(i32::try_from(agent_pid(&head, "workers-0").unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let directory = sandbox.path().join("nodes/workers-0");
    let held = || {
        let sets =
            ["node/current", "services/query/current"].map(|link| std::fs::read_link(directory.join(link)).unwrap());
        (sets, std::fs::read(service_file(&head, "workers-0", "tls.key")).unwrap())
    };
    let before = held();
    let clock = Arc::new(Wrong(AtomicI64::new(0)));
    let mut agent = Agent::new(&directory, clock.clone()).unwrap();
    for days in [400, -400, 4_000, -2, 2] {
        clock.0.store(days * 86_400, Ordering::Relaxed);
        for _ in 0..3 {
            // What a round cannot do it may say or leave; nothing good is replaced by something worse.
            let _ = tokio::time::timeout(Duration::from_secs(2), agent.round()).await;
        }
        assert_eq!(held(), before, "{days} days");
    }
    clock.0.store(0, Ordering::Relaxed);
    client.rotate_node(&NodeName::parse("workers-0").unwrap()).await.unwrap();
    for _ in 0..20 {
        let _ = tokio::time::timeout(Duration::from_secs(2), agent.round()).await;
        if held().0.iter().zip(&before.0).all(|(now, before)| now != before) {
            let _ = kill_process(pid, Signal::CONT);
            ready(&client, 2).await;
            return;
        }
    }
    panic!("it has not gone on: {}", head.said());
}

#[tokio::test]
async fn a_node_has_a_quota_of_certificates() {
    let sandbox = Sandbox::new();
    let head = Head::start(sandbox.path()).await;
    let client = head.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    let current = head.directory().join("nodes/workers-0/node/current");
    let read = |file: &str| std::fs::read_to_string(current.join(file)).unwrap();
    let agent = head.client(Credentials::Certificate { chain: read("tls.crt"), private_key: read("tls.key") });
    let (node, service) = (NodeName::parse("workers-0").unwrap(), ServiceName::parse("query").unwrap());
    let csr = PrivateKey::generate().unwrap().request("x").unwrap();
    let post = PostCertificate { service: Some(service), csr };
    let mut issued = 0;
    let refused = loop {
        match agent.issue(&node, &post).await {
            Ok(_) => issued += 1,
            Err(error) => break error,
        }
        assert!(issued <= 200, "there is no quota");
    };
    assert_eq!(refused.code(), Some(ProblemCode::QuotaExceeded), "{refused}");
    assert!((90..=100).contains(&issued), "{issued}");
    // Others have their own.
    agent.issue(&node, &PostCertificate { service: None, csr: post.csr }).await.unwrap();
}
