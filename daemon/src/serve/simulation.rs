//! A cluster in simulated time: the real daemon on a real database with a test clock, the agent's own planning for its
//! nodes, and members who join and leave.
//!
//! At every check, everything that is in use verifies against the roots and CRLs of each node, and nothing that was
//! revoked does.

mod histories;
mod ten_years;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::{FromRef as _, State};
use jiff::{SignedDuration, Timestamp};
use ringfence_agent::plan::{Action, plan};
use ringfence_agent::{HeldSet, Observed};
use ringfence_api::authority::{AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_api::cluster::{AuthoritySettings, PutCluster, ServiceFiles};
use ringfence_api::incarnation::Point;
use ringfence_api::node::{DesiredNode, HeldCertificate, PostCertificate, PutReport};
use ringfence_api::project::{MemberRole, PutMember, PutProject};
use ringfence_api::{Clock, Lifetime, NodeName, ProjectName, ServiceName, UserName};
use ringfence_pki::{CertificateFacts, PrivateKey, Usage, pem_certificates, verify_leaf};

use crate::access::{AgentCaller, OperatorCaller, ProjectCaller};
use crate::authority::{Authorities, Issuing, rotate_authority};
use crate::base::{Actor, Base, Body, Creating, Segment, Since};
use crate::config::ServeConfig;
use crate::daemon::Daemon;
use crate::node::{OnNode, post_certificate, put_report, read_desired};
use crate::project::{delete_member, put_member, put_project, read_credentials};
use crate::serve::open::open;

/// The lifetime of leaf certificates and CRLs.
const LEAF: Lifetime = Lifetime::from_secs(90 * 86_400);

#[derive(Debug)]
struct TestClock(Mutex<Timestamp>);

impl TestClock {
    /// Goes on by so long, or back.
    fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A node as its agent sees it.
struct Node {
    name: NodeName,
    observed: Observed,
    chains: BTreeMap<Option<ServiceName>, String>,
    /// What it was told last.
    known: Option<DesiredNode>,
}

/// A certificate that must not verify once its revocation is published.
struct Revoked {
    why: String,
    chain: String,
    not_after: Timestamp,
}

struct Simulation {
    daemon: Daemon,
    clock: Arc<TestClock>,
    nodes: Vec<Node>,
    members: BTreeSet<String>,
    joined: usize,
    /// What was revoked and published.
    revoked: Vec<Revoked>,
    /// Chains of compromised authorities, by authority.
    distrusted: BTreeMap<String, Vec<String>>,
    checks: u64,
    /// Whether nodes must accept one another between any two steps. Not while a clock jumps.
    is_steady: bool,
    directory: tempfile::TempDir,
}

fn actor() -> Actor {
    Actor::caller("operator", "test")
}

fn operator() -> ProjectCaller {
    ProjectCaller { actor: actor(), owner: None }
}

fn project() -> ProjectName {
    ProjectName::parse("fraud").unwrap()
}

/// In memory if possible, where many commits are cheap.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

const CONFIG: &str = "[cluster]\nid = \"7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34\"\nname = \"demo\"\n\
    operator_key = \"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n[api]\nlisten = \"127.0.0.1:0\"\n\
    [nodes]\nlocal_root = \"/nowhere\"\nprogram = \"/nowhere\"\n";

async fn open_daemon(directory: &Path, clock: &Arc<TestClock>) -> Daemon {
    let config = ServeConfig::read(directory).unwrap();
    let clock = Arc::<TestClock>::clone(clock);
    open(directory, &config, "https://127.0.0.1:8443", clock).await.unwrap()
}

impl Simulation {
    async fn new(names: &[&str], members: usize) -> Self {
        let directory = directory();
        std::fs::write(directory.path().join(ServeConfig::FILE), CONFIG).unwrap();
        let clock = Arc::new(TestClock(Mutex::new("2027-01-01T00:00:00Z".parse().unwrap())));
        let daemon = open_daemon(directory.path(), &clock).await;
        let names: Vec<NodeName> = names.iter().map(|name| NodeName::parse(name).unwrap()).collect();
        let mut tx = daemon.base.store.write("test").await.unwrap();
        let service = |user: &str| serde_json::from_value(serde_json::json!({ "user": user })).unwrap();
        let put = PutCluster {
            services: ["query", "ledger"].map(|name| (ServiceName::parse(name).unwrap(), service(name))).into(),
            authority: AuthoritySettings {
                service_certificate_lifetime: LEAF,
                node_certificate_lifetime: LEAF,
                project_user_certificate_lifetime: LEAF,
                crl_lifetime: LEAF,
                ..AuthoritySettings::default()
            },
            ..PutCluster::default()
        };
        put.check().expect("the declaration is valid");
        tx.cluster().update_declared(&put).await.unwrap();
        for name in &names {
            let group = if *name == NodeName::head() { "head" } else { "workers" };
            tx.nodes().insert(name, group, daemon.base.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let node = |name| Node { name, observed: Observed::default(), chains: BTreeMap::new(), known: None };
        let nodes = names.into_iter().map(node).collect();
        let mut simulation = Self {
            daemon,
            clock,
            nodes,
            members: BTreeSet::new(),
            joined: 0,
            revoked: Vec::new(),
            distrusted: BTreeMap::new(),
            checks: 0,
            is_steady: true,
            directory,
        };
        let put = Body(PutProject::default());
        let _ =
            put_project(State(simulation.base()), OperatorCaller(actor()), Segment(project()), Creating(false), put)
                .await
                .unwrap();
        for _ in 0..members {
            simulation.add_member().await;
        }
        simulation
    }

    fn base(&self) -> Arc<Base> {
        self.daemon.base.clone()
    }

    fn authorities(&self) -> Arc<Authorities> {
        self.daemon.authorities.clone()
    }

    async fn add_member(&mut self) {
        self.joined += 1;
        let name = format!("user_{:04}", self.joined);
        let put = Body(PutMember { role: MemberRole::DataScientist });
        let user = Segment(UserName::parse(&name).unwrap());
        let _ = put_member(State(self.authorities()), operator(), Segment(project()), user, Creating(false), put)
            .await
            .unwrap();
        self.members.insert(name);
    }

    /// A member's current chain.
    async fn chain_of(&self, member: &str) -> String {
        let user = Segment(UserName::parse(member).unwrap());
        let read = read_credentials(State(self.authorities()), OperatorCaller(actor()), Segment(project()), user).await;
        read.unwrap().0.chain
    }

    async fn remove_member(&mut self, member: &str) -> Revoked {
        let chain = self.chain_of(member).await;
        let user = Segment(UserName::parse(member).unwrap());
        let _ = delete_member(State(self.base()), operator(), Segment(project()), user).await.unwrap();
        self.members.remove(member);
        revoked(format!("{member} was removed"), chain)
    }

    /// Every chain that is in use, with its holder.
    async fn in_use(&self) -> Vec<(String, String)> {
        let mut chains = self.of_nodes();
        for member in &self.members {
            chains.push((member.clone(), self.chain_of(member).await));
        }
        chains
    }

    fn of_nodes(&self) -> Vec<(String, String)> {
        let of = |node: &Node| {
            let name = node.name.to_string();
            node.chains.iter().map(move |(service, chain)| (format!("{service:?} on {name}"), chain.clone())).collect()
        };
        self.nodes.iter().flat_map(|node| -> Vec<(String, String)> { of(node) }).collect()
    }

    /// The operator requests a rotation, perhaps because a key is compromised.
    async fn rotate(&mut self, domain: AuthorityDomain, compromised: bool) {
        if compromised {
            let live = |row: &ringfence_store::issuer::IssuerRow| row.view.state != AuthorityState::Gone;
            let rows = self.daemon.base.store.read("test").await.unwrap().issuers().list().await.unwrap();
            let concerned = rows.iter().filter(|row| live(row) && row.view.domain != AuthorityDomain::Root);
            let concerned = concerned.filter(|row| domain == AuthorityDomain::Root || row.view.domain == domain);
            let issuers: BTreeMap<String, String> = concerned
                .map(|row| (CertificateFacts::read(&row.certificate).unwrap().common_name, row.view.id.clone()))
                .collect();
            for (_, chain) in self.in_use().await {
                let parsed = pem_certificates(&chain).unwrap();
                let issuer = CertificateFacts::read(&parsed[1]).unwrap().common_name;
                if let Some(id) = issuers.get(&issuer) {
                    self.distrusted.entry(id.clone()).or_default().push(chain);
                }
            }
        }
        let rotate = Body(RotateAuthority { compromised });
        let _ = rotate_authority(State(self.base()), OperatorCaller(actor()), Segment(domain), rotate).await.unwrap();
    }

    /// Runs every task and every node's agent. Certificates that nodes replaced are revoked.
    async fn round(&mut self) {
        self.daemon.tasks.run_named("rotate_authorities").await.unwrap();
        self.verify_nodes("after a step of an authority");
        self.daemon.tasks.run_named("rotate_token_keys").await.unwrap();
        self.daemon.tasks.run_named("renew_project_users").await.unwrap();
        self.daemon.tasks.run_named("publish_crls").await.unwrap();
        let mut replaced = Vec::new();
        for index in 0..self.nodes.len() {
            replaced.extend(sync(&self.daemon, &mut self.nodes[index]).await);
        }
        // At most one CRL of a shard is published in a second.
        self.clock.advance(SignedDuration::from_secs(1));
        self.daemon.tasks.run_named("publish_crls").await.unwrap();
        for index in 0..self.nodes.len() {
            replaced.extend(sync(&self.daemon, &mut self.nodes[index]).await);
        }
        self.verify_nodes("after a round");
        self.revoked.extend(replaced);
        self.clock.advance(SignedDuration::from_secs(5));
    }

    /// Runs rounds until no authority is changing: for 13 minutes, as nodes may use what a distrusted authority has
    /// signed for ten.
    async fn settle(&mut self) {
        for _ in 0..130 {
            self.round().await;
            if !self.daemon.authorities.cached().is_changing() {
                self.round().await;
                return;
            }
        }
        panic!("authorities do not settle: {:?}", self.daemon.authorities.cached());
    }

    /// Certificates of nodes verify on all nodes at all times.
    fn verify_nodes(&mut self, when: &str) {
        if !self.is_steady {
            return;
        }
        for (who, chain) in self.of_nodes() {
            for node in &self.nodes {
                self.checks += 1;
                let verified = verify(node, &chain, self.clock.now());
                assert_eq!(verified, Ok(()), "{when}, {}: {who} to {}", self.clock.now(), node.name);
            }
        }
    }

    /// Everything that is in use verifies, and nothing that was revoked does.
    async fn verify_all(&mut self) {
        let now = self.clock.now();
        let gone: Vec<String> = {
            let rows = self.daemon.base.store.read("test").await.unwrap().issuers().list().await.unwrap();
            rows.into_iter().filter(|row| row.view.state == AuthorityState::Gone).map(|row| row.view.id).collect()
        };
        for id in gone {
            let chains = self.distrusted.remove(&id).unwrap_or_default();
            self.revoked.extend(chains.into_iter().map(|chain| revoked(format!("{id} was compromised"), chain)));
        }
        // On one node, because all nodes have the same files.
        for (who, chain) in self.in_use().await {
            self.checks += 1;
            assert_eq!(verify(&self.nodes[0], &chain, now), Ok(()), "{now}: {who}");
        }
        if self.is_steady {
            self.revoked.retain(|revoked| revoked.not_after >= now);
        }
        for revoked in &self.revoked {
            self.checks += 1;
            assert!(verify(&self.nodes[0], &revoked.chain, now).is_err(), "{now}: {}", revoked.why);
        }
    }
}

fn revoked(why: String, chain: String) -> Revoked {
    let leaf = pem_certificates(&chain).unwrap();
    let not_after = CertificateFacts::read(&leaf[0]).unwrap().not_after;
    Revoked { why, chain, not_after }
}

/// Verifies a chain with the roots and CRLs of a node, as a client's, which all certificates may be used for.
fn verify(node: &Node, chain: &str, now: Timestamp) -> Result<(), String> {
    let bundle = node.observed.ca_bundle.as_deref().unwrap_or_default();
    let crls = node.observed.crls.as_deref().unwrap_or_default();
    verify_leaf(chain, bundle, crls, Usage::Client, now).map_err(|error| error.to_string())
}

/// What a node should hold, as its agent hears it: news if there are any, or what it knows.
async fn news(daemon: &Daemon, node: &mut Node) -> DesiredNode {
    let database = daemon.base.store.read("test").await.unwrap().cluster().get().await.unwrap().point();
    let point = |known: &DesiredNode| {
        let incarnation = known.incarnation.clone().unwrap_or_default();
        Point { incarnation, generation: known.generation }
    };
    if node.known.as_ref().is_none_or(|known| point(known).is_outdated(&database)) {
        let caller = AgentCaller { node: node.name.clone(), actor: actor() };
        let since = Since { after: None, incarnation: None };
        node.known = Some(read_desired(State(daemon.nodes.clone()), caller, since).await.unwrap().0);
    }
    node.known.clone().unwrap()
}

/// One round of an agent: fetch, plan, apply, report. Returns what it replaced.
async fn sync(daemon: &Daemon, node: &mut Node) -> Vec<Revoked> {
    let desired = news(daemon, node).await;
    let dns_name = node.name.dns_name(&daemon.base.cluster_name);
    let mut replaced = Vec::new();
    for action in plan(&desired, &node.observed, &dns_name, daemon.base.now()) {
        let service = match action {
            Action::WriteCaBundle => {
                node.observed.ca_bundle = Some(desired.ca_bundle.clone());
                continue;
            }
            Action::WriteCrls => {
                node.observed.crls = Some(desired.crls.iter().map(|crl| crl.pem.as_str()).collect());
                continue;
            }
            Action::RenewNode => None,
            Action::Issue(service) => Some(service),
            other => panic!("unexpected action: {other:?}"),
        };
        let csr = PrivateKey::generate().unwrap().request("x").unwrap();
        let post = Body(PostCertificate { service: service.clone(), csr });
        let caller = AgentCaller { node: node.name.clone(), actor: actor() };
        let issuing = Arc::<Issuing<OnNode>>::from_ref(daemon);
        let issued = post_certificate(State(issuing), caller, post).await.unwrap().0;
        let facts = CertificateFacts::read(&pem_certificates(&issued.chain).unwrap()[0]).unwrap();
        let before = node.chains.insert(service.clone(), issued.chain);
        replaced.extend(before.map(|chain| revoked(format!("{service:?} on {} was replaced", node.name), chain)));
        match service {
            None => node.observed.node = Some(HeldSet { facts, files: ServiceFiles::default() }),
            Some(service) => {
                node.observed.services.insert(service, Some(HeldSet { facts, files: ServiceFiles::default() }));
            }
        }
    }
    let held = |service: Option<&ServiceName>, set: &HeldSet| HeldCertificate {
        service: service.cloned(),
        serial: set.facts.serial.to_string(),
        not_after: set.facts.not_after,
    };
    let services = node.observed.services.iter();
    let services = services.filter_map(|(name, set)| set.as_ref().map(|set| held(Some(name), set)));
    let certificates = node.observed.node.iter().map(|set| held(None, set)).chain(services).collect();
    let report = PutReport {
        generation: desired.generation,
        incarnation: desired.incarnation.clone(),
        certificates,
        fault: None,
    };
    let report = Body(report);
    let caller = AgentCaller { node: node.name.clone(), actor: actor() };
    let _ = put_report(State(daemon.nodes.clone()), caller, report).await.unwrap();
    replaced
}
