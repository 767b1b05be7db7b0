//! The story of the demo: every promise of `examples/local`, checked as it is told.
//!
//! `make demo` tells it to a person; the test suite runs it silently. A step that does not hold ends the story with
//! an error that says what was expected and what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ringfence_api::cluster::{Cluster, ClusterState};
use ringfence_api::project::MemberCredentials;
use ringfence_api::whoami::Caller;
use ringfence_api::{
    Client, Clock as _, ClusterId, Connection, Credentials, OperatorToken, ProblemCode, ProjectUser, SystemClock,
};
use ringfence_pki::{CertificateFacts, Usage, fingerprint, pem_certificates, verify_leaf};
use ringfence_place::process::{HEAD_CLAIM, Observed, observe};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::sandbox::processes_below;
use crate::terraform::{Outcome, Terraform};

/// How long rotation, and the return of a killed head, may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A copy of the example, and who tells about it.
pub struct Story<'a> {
    directory: PathBuf,
    terraform: Terraform,
    token: OperatorToken,
    tell: &'a dyn Fn(Line),
}

/// A line of the telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A new step begins.
    Step(String),
    /// Something takes a while.
    Doing(String),
    /// Something was checked and holds.
    Holds(String),
}

impl<'a> Story<'a> {
    /// Copies the example into this directory, which must exist.
    pub fn new(example: &Path, directory: &Path, token: &str, tell: &'a dyn Fn(Line)) -> Result<Self> {
        for file in ["main.tf", "variables.tf"] {
            std::fs::copy(example.join(file), directory.join(file)).with_context(|| format!("cannot copy {file}"))?;
        }
        let token_text = token.to_owned();
        let token = OperatorToken::parse(token)?;
        let terraform = Terraform::new(directory).with_token(Some(&token_text));
        Ok(Self { directory: directory.to_owned(), terraform, token, tell })
    }

    /// Tells everything up to the head's return. The cluster is left running.
    pub async fn tell_until_recovered(&self) -> Result<()> {
        self.apply_makes_a_cluster().await?;
        self.certificates_rotate().await?;
        self.identities_are_separate().await?;
        self.a_removed_member_is_refused_at_once().await?;
        self.a_plan_says_no_changes().await?;
        self.a_killed_head_comes_back().await
    }

    /// Tells the end: destroy leaves nothing.
    pub async fn tell_the_end(&self) -> Result<()> {
        self.step("6. Destroy leaves nothing behind");
        let port = self.connection()?.endpoint.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let port = port.context("the endpoint has a port")?;
        let before = processes_below(&self.cluster_directory());
        ensure!(before.len() >= 4, "a head and three agents should run, found {before:?}");
        self.doing("terraform destroy");
        succeeded(&self.terraform.destroy(&[]).await, "terraform destroy")?;
        for (directory, identity) in &before {
            let gone = identity.is_alive().is_ok_and(|alive| !alive);
            ensure!(gone, "process {} of {} still runs", identity.pid, directory.display());
        }
        self.holds(format!("the head and {} agents have ended", before.len() - 1));
        TcpListener::bind(("127.0.0.1", port)).with_context(|| format!("port {port} should be free"))?;
        self.holds(format!("port {port} is free"));
        ensure!(!self.cluster_directory().exists(), "{} should be gone", self.cluster_directory().display());
        self.holds("the cluster's directory is gone".to_owned());
        Ok(())
    }

    async fn apply_makes_a_cluster(&self) -> Result<()> {
        self.step("   Apply: a head, two workers, two projects, three members");
        self.doing("terraform apply");
        let applied = self.terraform.apply(&[]).await;
        succeeded(&applied, "terraform apply")?;
        let cluster = self.cluster().await?;
        ensure!(cluster.nodes.len() == 3, "three nodes should be there, found {:?}", cluster.nodes);
        let took = applied.took.as_secs_f32();
        self.holds(format!("applied in {took:.1} s: {} nodes, CA {}", cluster.nodes.len(), &self.ca()?[..16]));
        Ok(())
    }

    async fn certificates_rotate(&self) -> Result<()> {
        self.step("1. Every node holds a service certificate, and it rotates");
        let first = service_serials(&self.cluster().await?);
        ensure!(first.len() == 3, "every node should hold a service certificate, found {first:?}");
        for (node, serial) in &first {
            let path = self.cluster_directory().join(format!("nodes/{node}/services/query/current/tls.crt"));
            let chain = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let facts = CertificateFacts::read(&pem_certificates(&chain)?[0])?;
            ensure!(facts.common_name == format!("{node}.demo.internal"), "{node} holds {}", facts.common_name);
            self.holds(format!("{node} holds {} as {}", &serial[..16], facts.common_name));
        }
        self.doing("waiting for rotation; the certificates live 30 s and are renewed after about 20 s");
        let now = self
            .until("every node holds another certificate", async || {
                let now = service_serials(&self.cluster().await?);
                let changed =
                    now.len() == first.len() && first.iter().all(|(node, serial)| now.get(node) != Some(serial));
                Ok(changed.then_some(now))
            })
            .await?;
        for (node, serial) in &now {
            self.holds(format!("{node} holds {} now", &serial[..16]));
        }
        Ok(())
    }

    async fn identities_are_separate(&self) -> Result<()> {
        self.step("2. Alice is somebody else in each project");
        for (identity, role) in [("fraud__alice", "data owner"), ("churn__alice", "data scientist")] {
            let credentials = self.credentials(identity).await?;
            let caller = self.member(&credentials)?.whoami().await?;
            let Caller::ProjectUser { name, role: found, .. } = &caller else {
                anyhow::bail!("with {identity}'s certificate the daemon sees {caller:?}")
            };
            ensure!(name.to_string() == identity, "with {identity}'s certificate the daemon sees {name}");
            ensure!(found.as_str().replace('_', " ") == role, "{identity} should be {role}, is {found}");
            self.holds(format!("with that certificate she is {name}, a {role}"));
        }
        Ok(())
    }

    async fn a_removed_member_is_refused_at_once(&self) -> Result<()> {
        self.step("3. Bob is removed, and his certificate is refused");
        let credentials = self.credentials("churn__bob").await?;
        let bob = self.member(&credentials)?;
        bob.whoami().await.context("bob should be known before he is removed")?;
        self.holds(format!("bob is churn__bob, until {}", credentials.not_after.strftime("%H:%M:%S")));
        let members = json!({ "members": {
            "fraud_alice": { "project": "fraud", "user": "alice", "role": "data_owner" },
            "churn_alice": { "project": "churn", "user": "alice", "role": "data_scientist" },
        }});
        std::fs::write(self.directory.join("members.auto.tfvars.json"), members.to_string())?;
        self.doing("terraform apply without bob");
        succeeded(&self.terraform.apply(&[]).await, "terraform apply")?;
        let applied = Instant::now();
        let refusal = bob.whoami().await.err().context("bob should be refused")?;
        let took = applied.elapsed();
        ensure!(refusal.code() == Some(ProblemCode::CertificateRevoked), "bob is refused otherwise: {refusal}");
        ensure!(took < Duration::from_secs(1), "bob was refused only after {took:?}");
        let left = credentials.not_after.duration_since(SystemClock.now());
        ensure!(left.is_positive(), "bob's certificate should have life left");
        self.holds(format!(
            "refused {} ms after apply, with {} minutes of life left: {refusal}",
            took.as_millis(),
            left.as_mins()
        ));
        let revoked = Instant::now();
        self.until("every node's CRL refuses bob", async || {
            let nodes = self.cluster().await?.nodes;
            let refused = nodes.iter().filter(|node| {
                let trust = self.cluster_directory().join(format!("nodes/{}/trust", node.name));
                let read = |file: &str| std::fs::read_to_string(trust.join(file)).unwrap_or_default();
                verify_leaf(&credentials.chain, &read("ca.pem"), &read("crl.pem"), Usage::Client, SystemClock.now())
                    .is_err()
            });
            Ok((refused.count() == nodes.len()).then_some(()))
        })
        .await?;
        self.holds(format!("and by the CRL on every node, at most {} ms later", revoked.elapsed().as_millis()));
        Ok(())
    }

    async fn a_plan_says_no_changes(&self) -> Result<()> {
        self.step("4. A plan after apply says no changes");
        self.doing("terraform plan");
        let planned = self.terraform.plan(&[]).await;
        ensure!(planned.code == 0, "the plan should be empty:\n{}{}", planned.stdout, planned.stderr);
        self.holds("no changes".to_owned());
        Ok(())
    }

    async fn a_killed_head_comes_back(&self) -> Result<()> {
        self.step("5. The head is killed, and apply brings it back");
        let ca = self.ca()?;
        let before = self.operator()?;
        let projects = before.projects().await?;
        let members = self.members().await?;
        let alice = self.credentials("fraud__alice").await?;
        let head = self.cluster_directory().join("head");
        let Observed::Running { identity } = observe(&head, HEAD_CLAIM)? else { anyhow::bail!("the head should run") };
        let pid = Pid::from_raw(i32::try_from(identity.pid)?).context("a pid")?;
        kill_process(pid, Signal::KILL)?;
        self.until("the head is dead", async || Ok((!identity.is_alive()?).then_some(()))).await?;
        self.holds(format!("killed process {}", identity.pid));
        self.doing("terraform apply");
        succeeded(&self.terraform.apply(&[]).await, "terraform apply after the kill")?;
        let Observed::Running { identity: again } = observe(&head, HEAD_CLAIM)? else {
            anyhow::bail!("the head should run")
        };
        ensure!(again.pid != identity.pid, "the head should be another process");
        self.holds(format!("process {} serves", again.pid));
        ensure!(self.ca()? == ca, "the CA should be the same");
        self.holds(format!("with the same CA {}", &ca[..16]));
        let after = self.operator()?.projects().await?;
        ensure!(after == projects, "the projects should be the same:\n{projects:?}\n{after:?}");
        ensure!(self.members().await? == members, "the members should be the same");
        let now = self.credentials("fraud__alice").await?;
        ensure!(now.serial == alice.serial && now.private_key == alice.private_key, "alice's key should be the same");
        self.member(&alice)?.whoami().await.context("alice should still be known")?;
        self.holds(format!("and nothing lost: projects, {} members, alice's certificate", members.len()));
        self.until("every node is ready", async || {
            Ok((self.cluster().await?.state == ClusterState::Ready).then_some(()))
        })
        .await?;
        let planned = self.terraform.plan(&[]).await;
        ensure!(planned.code == 0, "the plan should be empty:\n{}{}", planned.stdout, planned.stderr);
        self.holds("every node is ready, and a plan says no changes".to_owned());
        Ok(())
    }

    /// Where the cluster lies.
    pub fn cluster_directory(&self) -> PathBuf {
        self.directory.join(".cluster")
    }

    async fn members(&self) -> Result<BTreeSet<String>> {
        let mut members = BTreeSet::new();
        for project in ["fraud", "churn"] {
            let listed = self.operator()?.members(&project.parse()?).await?;
            members.extend(listed.iter().map(|member| format!("{member:?}")));
        }
        Ok(members)
    }

    async fn cluster(&self) -> Result<Cluster> {
        Ok(self.operator()?.cluster().await?)
    }

    async fn credentials(&self, identity: &str) -> Result<MemberCredentials> {
        let ProjectUser { project, user } = ProjectUser::parse(identity)?;
        Ok(self.operator()?.member_credentials(&project, &user).await?)
    }

    fn operator(&self) -> Result<Client> {
        Ok(Client::new(self.connection()?, Credentials::Operator(self.token.key()), Duration::from_secs(5))?)
    }

    fn member(&self, credentials: &MemberCredentials) -> Result<Client> {
        let credentials =
            Credentials::Certificate { chain: credentials.chain.clone(), private_key: credentials.private_key.clone() };
        Ok(Client::new(self.connection()?, credentials, Duration::from_secs(5))?)
    }

    /// As the provider finds it: the directory is what vouches for the CA.
    fn connection(&self) -> Result<Connection> {
        let cluster = self.cluster_directory();
        let read =
            |file: &str| std::fs::read_to_string(cluster.join(file)).with_context(|| format!("cannot read {file}"));
        let owner: serde_json::Value = serde_json::from_str(&read("cluster.json")?)?;
        let cluster_id = ClusterId::parse(owner["id"].as_str().unwrap_or_default())?;
        Ok(Connection { endpoint: read("head/endpoint")?, ca_certificate: read("head/ca.pem")?, cluster_id })
    }

    fn ca(&self) -> Result<String> {
        Ok(fingerprint(&pem_certificates(&self.connection()?.ca_certificate)?[0]))
    }

    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            ensure!(Instant::now() < deadline, "{what}: not within {} s", PATIENCE.as_secs());
            tokio::time::sleep(LOOK).await;
        }
    }

    fn step(&self, text: &str) {
        (self.tell)(Line::Step(text.to_owned()));
    }

    fn doing(&self, text: &str) {
        (self.tell)(Line::Doing(text.to_owned()));
    }

    fn holds(&self, text: String) {
        (self.tell)(Line::Holds(text));
    }
}

fn service_serials(cluster: &Cluster) -> BTreeMap<String, String> {
    let nodes = cluster.nodes.iter();
    nodes
        .filter_map(|node| {
            let held = node.certificates.iter().find(|held| held.service.is_some())?;
            Some((node.name.to_string(), held.serial.clone()))
        })
        .collect()
}

fn succeeded(outcome: &Outcome, what: &str) -> Result<()> {
    ensure!(outcome.code == 0, "{what} failed:\n{}\n{}", outcome.stdout, outcome.stderr);
    Ok(())
}
