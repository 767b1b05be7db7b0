//! The agent's loop: join, fetch, plan, apply, report, wait.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ringfence_api::node::{DesiredNode, HeldCertificate, PutReport};
use ringfence_api::{Client, Clock, Connection, Credentials, ProblemCode};
use tracing::{debug, info, warn};

use crate::apply::apply;
use crate::config::AgentConfig;
use crate::disk::{Disk, Observed};
use crate::error::AgentError;
use crate::join::join;
use crate::plan::{next_renewal, plan};

/// How long to wait for a ticket before looking again. A ticket arrives as a file.
const TICKET_PERIOD: Duration = Duration::from_millis(200);
/// Pauses after a failure: from the first, doubling, to the longest; each is shortened by up to a half at random,
/// so that a thousand agents do not retry at the same moment.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The longest wait before something that failed is tried again. The daemon takes a node that does not report for half
/// a minute for lost, so it is shorter.
const LONGEST_FAULT_PAUSE: Duration = Duration::from_secs(15);
/// How long a request is repeated while the daemon does not answer, before the round is.
const PATIENCE: Duration = Duration::from_secs(2);
/// The shortest wait before looking at a renewal that is due, so that a refused one is not asked for in a loop.
const RENEWAL_FLOOR: Duration = Duration::from_secs(1);

/// An agent of one node.
pub struct Agent {
    config: AgentConfig,
    disk: Disk,
    clock: Arc<dyn Clock>,
    /// The last desired state, and who answered with it.
    known: Option<DesiredNode>,
    /// The last report that arrived.
    reported: Option<PutReport>,
    /// How many rounds in a row ended with a fault.
    faulty_rounds: u32,
    /// The client of the last round, and what it was made of: its connection is reused until that changes.
    connected: Option<Connected>,
}

struct Connected {
    connection: Connection,
    chain: String,
    client: Client,
}

/// Runs an agent in this directory for ever; drop the future to stop it. What ends it is a configuration that cannot
/// be read at the start, and that the directory is gone: then there is no node any more.
pub async fn run(directory: &Path, clock: Arc<dyn Clock>) -> Result<(), AgentError> {
    let mut agent = Agent::new(directory, clock)?;
    agent.disk.sweep()?;
    let mut pause = FIRST_PAUSE;
    loop {
        match agent.round().await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) if matches!(directory.try_exists(), Ok(false)) => return Err(error),
            Err(error) => {
                warn!(node = %agent.config.node, error = error.chain(), "a round failed and will be repeated");
                let share = rand::random_range(0.5..=1.0);
                tokio::time::sleep(pause.mul_f64(share)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

impl Agent {
    /// An agent of the node that lives in this directory.
    pub fn new(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, AgentError> {
        let config = AgentConfig::read(directory)?;
        Ok(Self {
            config,
            disk: Disk::new(directory),
            clock,
            known: None,
            reported: None,
            faulty_rounds: 0,
            connected: None,
        })
    }

    /// One round. Returns after something was done, or when it is time to look again.
    pub async fn round(&mut self) -> Result<(), AgentError> {
        // The daemon may have moved to another port since the last round.
        self.config = AgentConfig::read(self.disk.root())?;
        let observed = self.disk.observe()?;
        let Some(client) = self.client(&observed).await? else {
            tokio::time::sleep(TICKET_PERIOD).await;
            return Ok(());
        };
        let observed = self.disk.observe()?;
        match self.desired(&client, &observed).await {
            Ok(desired) => self.converge(&client, desired).await,
            // The daemon refuses our certificate. It writes a new ticket when our reports are overdue; until then,
            // wait.
            Err(AgentError::Daemon(error)) if is_refusal(error.code()) => {
                self.await_ticket().await?;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A client with the node's certificate; joins first if a ticket is here. `None` while there is neither a
    /// certificate nor a ticket.
    async fn client(&mut self, observed: &Observed) -> Result<Option<Client>, AgentError> {
        let now = self.clock.now();
        let usable = observed.node.as_ref().is_some_and(|set| now < set.facts.not_after);
        if self.disk.ticket()?.is_some() {
            // A ticket comes with the roots to trust; the ones that lie here may be the reason why it is needed.
            let launched = self.config.connection.clone();
            let public = Client::new(launched.clone(), Credentials::Public, PATIENCE)?;
            join(&public, &self.disk, &self.config.node).await?;
            self.disk.write_ca_bundle(&launched.ca_certificate)?;
            return self.identified(launched).map(Some);
        } else if !usable {
            debug!(node = %self.config.node, "waiting for a ticket");
            return Ok(None);
        }
        self.identified(self.connection(observed)).map(Some)
    }

    /// A client with the node's certificate: the last one, unless the certificate, the trust or the address is another
    /// by now.
    fn identified(&mut self, connection: Connection) -> Result<Client, AgentError> {
        let (chain, key) = self.disk.node_identity()?;
        if let Some(last) = self.connected.as_ref().filter(|last| last.connection == connection && last.chain == chain)
        {
            return Ok(last.client.clone());
        }
        let credentials = Credentials::Certificate { chain: chain.clone(), private_key: key.to_string() };
        let client = Client::new(connection.clone(), credentials, PATIENCE)?;
        self.connected = Some(Connected { connection, chain, client: client.clone() });
        Ok(client)
    }

    /// How the daemon is reached, and whom to trust: the bundle that lies here is fresher than what the node was
    /// launched with, when the root has changed since.
    fn connection(&self, observed: &Observed) -> Connection {
        let launched = &self.config.connection;
        let ca_certificate = observed.ca_bundle.as_ref().unwrap_or(&launched.ca_certificate).clone();
        Connection { ca_certificate, ..launched.clone() }
    }

    /// What the node should hold: news from the daemon, or what we know already when a renewal is due first.
    async fn desired(&self, client: &Client, observed: &Observed) -> Result<DesiredNode, AgentError> {
        let Some(known) = &self.known else {
            return Ok(client.desired(&self.config.node, 0, None).await?);
        };
        if self.reported.as_ref().is_none_or(|report| report.fault.is_some()) {
            // Something is left to do; wait for news, longer each time, and then try it again.
            let wait = RENEWAL_FLOOR.saturating_mul(1 << self.faulty_rounds.min(8)).min(LONGEST_FAULT_PAUSE);
            return Ok(self.news_within(client, known, wait).await?.unwrap_or_else(|| known.clone()));
        }
        let until_renewal = next_renewal(observed).map_or(Duration::MAX, |at| {
            Duration::try_from(at.duration_since(self.clock.now())).unwrap_or(Duration::ZERO).max(RENEWAL_FLOOR)
        });
        let wait = until_renewal.min(known.report_every.as_duration());
        Ok(self.news_within(client, known, wait).await?.unwrap_or_else(|| known.clone()))
    }

    async fn news_within(
        &self,
        client: &Client,
        known: &DesiredNode,
        wait: Duration,
    ) -> Result<Option<DesiredNode>, AgentError> {
        let news = client.desired(&self.config.node, known.generation, known.incarnation.as_ref());
        match tokio::time::timeout(wait, news).await {
            Ok(answer) => Ok(Some(answer?)),
            Err(_) => Ok(None),
        }
    }

    /// Makes the disk what is desired, and reports.
    async fn converge(&mut self, client: &Client, desired: DesiredNode) -> Result<(), AgentError> {
        if desired.cluster_id != self.config.connection.cluster_id {
            return Err(AgentError::OtherCluster);
        }
        let node = &self.config.node;
        let now = self.clock.now();
        let actions = plan(&desired, &self.disk.observe()?, &self.config.dns_name, now);
        let faults = apply(client, &self.disk, node, &desired, &actions, now).await;
        let report = PutReport {
            generation: desired.generation,
            incarnation: desired.incarnation.clone(),
            certificates: held(&self.disk.observe()?),
            fault: (!faults.is_empty()).then(|| faults.join("; ")),
        };
        if !actions.is_empty() {
            let (generation, actions, faults) = (desired.generation, actions.len(), faults.len());
            info!(node = %node, generation, actions, faults, "applied");
        }
        self.faulty_rounds = if report.fault.is_some() { self.faulty_rounds + 1 } else { 0 };
        self.known = Some(desired);
        self.reported = None;
        // The node's certificate may be new; the old one is about to be revoked.
        let client = self.identified(self.connection(&self.disk.observe()?))?;
        client.report(&self.config.node, &report).await?;
        self.reported = Some(report);
        Ok(())
    }

    /// Waits until a ticket lies here, for as long as the daemon may need to notice that our reports are overdue.
    async fn await_ticket(&self) -> Result<(), AgentError> {
        info!(node = %self.config.node, "the daemon refuses the node's certificate; waiting for a ticket");
        for _ in 0..50 {
            if self.disk.ticket()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(TICKET_PERIOD).await;
        }
        Ok(())
    }
}

fn is_refusal(code: Option<ProblemCode>) -> bool {
    matches!(
        code,
        Some(
            ProblemCode::CertificateExpired
                | ProblemCode::CertificateNotYetValid
                | ProblemCode::CertificateRevoked
                | ProblemCode::CertificateUnknown
        )
    )
}

/// Everything held, for the report.
fn held(observed: &Observed) -> Vec<HeldCertificate> {
    let node = observed.node.iter().map(|set| (None, set));
    let services = observed.services.iter().filter_map(|(name, set)| Some((Some(name.clone()), set.as_ref()?)));
    node.chain(services)
        .map(|(service, set)| HeldCertificate {
            service,
            serial: set.facts.serial.to_string(),
            not_after: set.facts.not_after,
        })
        .collect()
}
