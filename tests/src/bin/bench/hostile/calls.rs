//! The honest callers: the operator in an open session, the agent of the node, and an operator who comes anew.
//!
//! A call is made when it is due, whether those before it are answered or not, and its latency counts from then. The
//! client is that of the provider and of agents, but does not try again: what it would try again has failed.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ringfence_agent::Disk;
use ringfence_api::node::PutReport;
use ringfence_api::{Client, ClientError, Connection, Credentials, NodeName};
use ringfence_tests::Head;
use ringfence_tests::head::{TOKEN, token};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::load::Answered;
use crate::table::in_millis;

/// How often is read and reported, and how often somebody connects and logs in.
const PACE: Duration = Duration::from_millis(20);
const PACE_OF_LOGINS: Duration = Duration::from_millis(500);
/// What is not answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who calls.
pub(crate) struct Callers {
    connection: Connection,
    operator: Client,
    agent: Client,
    node: NodeName,
    /// What the node's own agent has reported, so that nothing changes.
    report: PutReport,
}

/// What came of one kind of call.
pub(crate) struct Heard {
    /// Calls, failures, and of the answers the median, 99 of 100 and the longest, in milliseconds.
    pub(crate) figures: [f64; 5],
    /// Why a call failed first.
    pub(crate) failure: Option<String>,
}

impl Callers {
    /// Those of a cluster that is ready.
    pub(crate) async fn new(head: &Head) -> Result<Self> {
        let (connection, node) = (head.connection(), NodeName::head());
        let operator = Client::new(connection.clone(), operator(), Duration::ZERO)?;
        let (chain, key) = Disk::new(&head.directory().join("nodes").join(node.as_str())).node_identity()?;
        let identity = Credentials::Certificate { chain, private_key: key.to_string() };
        let agent = Client::new(connection.clone(), identity, Duration::ZERO)?;
        let nodes = operator.cluster().await?.nodes;
        let certificates = nodes.into_iter().find(|held| held.name == node).context("the head is a node")?.certificates;
        let generation = agent.desired(&node, 0, None).await?.generation;
        Ok(Self {
            connection,
            operator,
            agent,
            node,
            report: PutReport { generation, incarnation: None, certificates, fault: None },
        })
    }

    /// Calls for so long. What came of reads, of reports and of logins.
    pub(crate) async fn call(&self, lasting: Duration) -> Result<[Heard; 3]> {
        let reads = at_a_pace(PACE, lasting, || {
            let operator = self.operator.clone();
            async move { operator.cluster().await.map(drop) }
        });
        let reports = at_a_pace(PACE, lasting, || {
            let (agent, node, report) = (self.agent.clone(), self.node.clone(), self.report.clone());
            async move { agent.report(&node, &report).await }
        });
        let logins = at_a_pace(PACE_OF_LOGINS, lasting, || {
            let connection = self.connection.clone();
            async move { Client::new(connection, operator(), Duration::ZERO)?.login().await.map(drop) }
        });
        let (reads, reports, logins) = tokio::join!(reads, reports, logins);
        Ok([reads?, reports?, logins?])
    }
}

fn operator() -> Credentials {
    Credentials::Operator(token(TOKEN).key())
}

/// Calls every so often, for so long, and waits for the last answer.
async fn at_a_pace<F>(every: Duration, lasting: Duration, call: impl Fn() -> F) -> Result<Heard>
where
    F: Future<Output = Result<(), ClientError>> + Send + 'static,
{
    let began = Instant::now();
    let (mut due, mut calls) = (began, JoinSet::new());
    while due < began + lasting {
        tokio::time::sleep_until(due).await;
        let call = call();
        calls.spawn(async move {
            match tokio::time::timeout(PATIENCE, call).await {
                Ok(answer) => answer.map(|()| due.elapsed()).map_err(|error| error.to_string()),
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            }
        });
        due += every;
    }
    let (mut latencies, mut failures) = (Vec::new(), Vec::new());
    while let Some(outcome) = calls.join_next().await {
        match outcome? {
            Ok(latency) => latencies.push(latency),
            Err(why) => failures.push(why),
        }
    }
    Ok(Heard::of(Answered { latencies, elapsed: began.elapsed() }, failures))
}

impl Heard {
    fn of(mut answered: Answered, failures: Vec<String>) -> Self {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let calls = count(answered.latencies.len() + failures.len());
        let is_answered = !answered.latencies.is_empty();
        let [median, late, longest] =
            [50, 99, 100].map(|percent| if is_answered { in_millis(answered.percentile(percent)) } else { f64::NAN });
        let figures = [calls, count(failures.len()), median, late, longest];
        Self { figures, failure: failures.into_iter().next() }
    }
}
