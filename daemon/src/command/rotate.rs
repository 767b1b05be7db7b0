//! `ringfenced rotate`: rotates an authority, the token keys, the master key, or a node's certificates now, and shows
//! the progress until the rotation is complete. Interrupting the command does not interrupt the rotation.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ringfence_api::NodeName;
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_api::node::{Node, NodeState};

use crate::command::operator::Operator;
use crate::command::output::print_if_read;

/// Rotate an authority, the keys that sign tokens, or what a node holds.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The root, and with it every intermediate
    Root(OfAuthority),
    /// The intermediate that signs for nodes and services
    Services(OfAuthority),
    /// The intermediate that signs for project users
    Projects(OfAuthority),
    /// The key that signs tokens
    TokenKeys(OfTokenKeys),
    /// The key under which every secret in the database is sealed
    MasterKey {
        #[command(flatten)]
        operator: Operator,
    },
    /// Every certificate and key that a node's agent holds
    Node {
        /// The node
        #[arg(value_parser = NodeName::parse)]
        name: NodeName,
        #[command(flatten)]
        operator: Operator,
    },
}

#[derive(Debug, Args)]
struct OfAuthority {
    #[command(flatten)]
    operator: Operator,
    /// Its key is compromised: replace everything that it signed at once, then revoke it
    #[arg(long)]
    compromised: bool,
}

#[derive(Debug, Args)]
struct OfTokenKeys {
    #[command(flatten)]
    operator: Operator,
    /// The keys are compromised: erase them and end every token at once
    #[arg(long)]
    compromised: bool,
}

/// How often the progress is read.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How long nothing may change before the command prints what it waits for.
const QUIET: Duration = Duration::from_secs(8);
/// How many times in a row the API may be unreachable.
const MAX_FAILURES: u32 = 40;

impl Rotate {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::Root(of) => of.rotate(AuthorityDomain::Root).await,
            What::Services(of) => of.rotate(AuthorityDomain::Services).await,
            What::Projects(of) => of.rotate(AuthorityDomain::Projects).await,
            What::TokenKeys(OfTokenKeys { operator, compromised }) => {
                let client = operator.client()?;
                let rotated = if compromised {
                    client.rotate_compromised_token_keys().await
                } else {
                    client.rotate_token_keys().await
                };
                let keys = rotated?;
                for key in keys.iter().filter(|key| key.retired_at.is_none()) {
                    print_if_read(format_args!("{} {}", key.kid, key.state.as_str()))?;
                }
                Ok(())
            }
            What::MasterKey { operator } => {
                let client = operator.client()?;
                let mut state = client.rotate_master_key().await?;
                print_if_read(format_args!("version {} of the master key is active", state.active))?;
                while !state.complete {
                    tokio::time::sleep(POLL_INTERVAL).await;
                    state = client.master_key().await?;
                }
                print_if_read(format_args!(
                    "everything is sealed under version {}; other versions are no longer needed",
                    state.active
                ))?;
                Ok(())
            }
            What::Node { name, operator } => {
                let client = operator.client()?;
                let mut rotation = client.rotate_node(&name).await?;
                print_if_read(format_args!("{name}: {} certificates to replace", rotation.certificates.len()))?;
                while !rotation.done {
                    rotation = client.rotation_after(&name, rotation.revision).await?;
                }
                print_if_read(format_args!("{name}: all certificates are replaced"))?;
                Ok(())
            }
        }
    }
}

impl OfAuthority {
    async fn rotate(&self, domain: AuthorityDomain) -> anyhow::Result<()> {
        let mut client = self.operator.client()?;
        let before = active(&client.authorities().await?, domain)?.id;
        let mut seen = client.rotate_authority(domain, RotateAuthority { compromised: self.compromised }).await?;
        print_if_read(format_args!("{before}: rotation requested"))?;
        let mut waited_for = Vec::new();
        let mut since = Instant::now();
        let mut failures = 0;
        loop {
            let now = match client.authorities().await {
                Ok(now) => now,
                Err(error) if failures == MAX_FAILURES => return Err(error.into()),
                Err(_) => {
                    // The API may use a certificate of another root by now, which will be in the cluster's directory
                    // soon.
                    failures += 1;
                    tokio::time::sleep(POLL_INTERVAL).await;
                    client = self.operator.client()?;
                    continue;
                }
            };
            failures = 0;
            let news = changes(&seen, &now);
            for change in &news {
                print_if_read(change)?;
            }
            if is_done(&now, domain, &before, self.compromised) {
                return Ok(());
            }
            if !news.is_empty() {
                since = Instant::now();
            } else if since.elapsed() > QUIET {
                let waiting = waiting_for(&client.cluster().await.map(|cluster| cluster.nodes).unwrap_or_default());
                if waiting != waited_for {
                    for node in &waiting {
                        print_if_read(node)?;
                    }
                    waited_for = waiting;
                }
            }
            seen = now;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

fn active(all: &[Authority], domain: AuthorityDomain) -> anyhow::Result<Authority> {
    let found = all.iter().find(|one| one.domain == domain && one.state == AuthorityState::Active);
    found.cloned().with_context(|| format!("{} has no active authority", domain.as_str()))
}

/// The nodes that a rotation may wait for, in words.
fn waiting_for(nodes: &[Node]) -> Vec<String> {
    let behind = nodes.iter().filter(|node| node.fault.is_some() || node.state != NodeState::Ready);
    behind
        .map(|node| match &node.fault {
            Some(fault) => format!("waiting for {}: {fault}", node.name),
            None => format!("waiting for {}, which is not ready", node.name),
        })
        .collect()
}

/// What has happened, in words.
fn changes(before: &[Authority], now: &[Authority]) -> Vec<String> {
    let state_before = |id: &str| before.iter().find(|one| one.id == id).map(|one| one.state);
    let changed = now.iter().filter(|one| state_before(&one.id) != Some(one.state));
    changed
        .map(|one| match one.state {
            AuthorityState::Prepared => format!("{} is prepared; it becomes active when every node knows it", one.id),
            AuthorityState::Active => format!("{} is active", one.id),
            AuthorityState::Retired => format!("{} is retired", one.id),
            AuthorityState::Gone => format!("{} is gone", one.id),
        })
        .collect()
}

/// Whether a successor is active in every domain concerned, and distrusted authorities are gone.
fn is_done(now: &[Authority], domain: AuthorityDomain, before: &str, compromised: bool) -> bool {
    let of = |domain| now.iter().find(|one| one.domain == domain && one.state == AuthorityState::Active);
    let Some(active) = of(domain).filter(|active| active.id != before) else { return false };
    let children = domain != AuthorityDomain::Root
        || [AuthorityDomain::Services, AuthorityDomain::Projects]
            .into_iter()
            .all(|child| of(child).is_some_and(|child| child.parent == active.id));
    let distrusted = |one: &&Authority| one.distrusted_at.is_some() && one.state != AuthorityState::Gone;
    children && (!compromised || !now.iter().any(|one| distrusted(&one)))
}
