//! What one run of Terraform shares: who calls, the clients, and what was seen of clusters.

mod members;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ringfence_api::{Client, ClientError, ClusterId, Connection, Credentials};
use tfplugin_rs::prelude::*;

use crate::connection::ConnectionModel;
use crate::fault;
use crate::operator_token::Token;
use members::Members;

/// How long a daemon that does not answer is tried.
const PATIENCE: Duration = Duration::from_secs(10);

/// What resources and data sources work with.
pub(crate) struct Ringfence {
    pub(crate) token: Token,
    /// The certificate and key of the project user as whom the provider acts; null when it acts as the operator.
    certificate: Value<(String, String)>,
    /// The provider's default cluster.
    pub(crate) cluster: Value<ConnectionModel>,
    /// What was read of the members of projects.
    pub(crate) members: Members,
    clients: Mutex<HashMap<(String, ClusterId), Client>>,
    seen: Mutex<HashMap<ClusterId, Seen>>,
    /// The account of AWS; none while the provider's configuration is not known.
    #[cfg(feature = "aws")]
    aws: Option<Aws>,
}

/// An account of AWS that is reached when it is first needed.
#[cfg(feature = "aws")]
struct Aws {
    settings: ringfence_place::aws::AwsSettings,
    account: tokio::sync::OnceCell<ringfence_place::aws::AwsAccount>,
    /// The unique ids of what this run has read there: it is in the state.
    read: Mutex<std::collections::HashSet<String>>,
}

/// What this run has seen of a cluster, by a channel that its target vouches for. Resources in a cluster are read
/// after it, so they can tell "the daemon is down, and this plan starts it" from "something is wrong".
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// It runs, and is reached so.
    Running(Connection),
    /// It exists and does not run.
    Stopped,
    /// It no longer exists.
    Gone,
}

impl Ringfence {
    /// A run in which nothing was seen yet. `certificate` and its key are null when the provider acts as the operator.
    pub(crate) fn new(token: Token, certificate: Value<(String, String)>, cluster: Value<ConnectionModel>) -> Self {
        Self {
            token,
            certificate,
            cluster,
            members: Members::default(),
            clients: Mutex::default(),
            seen: Mutex::default(),
            #[cfg(feature = "aws")]
            aws: None,
        }
    }

    /// The same, reaching AWS by these settings, or not at all while they are not known.
    #[cfg(feature = "aws")]
    pub(crate) fn with_aws(mut self, settings: Option<ringfence_place::aws::AwsSettings>) -> Self {
        self.aws =
            settings.map(|settings| Aws { settings, account: tokio::sync::OnceCell::new(), read: Mutex::default() });
        self
    }

    /// The account of AWS; none while the provider's configuration is not known.
    #[cfg(feature = "aws")]
    pub(crate) async fn aws(&self) -> Option<&ringfence_place::aws::AwsAccount> {
        let aws = self.aws.as_ref()?;
        Some(aws.account.get_or_init(|| ringfence_place::aws::AwsAccount::new(&aws.settings)).await)
    }

    /// Notes that something of the account, by its unique id, is in the state.
    #[cfg(feature = "aws")]
    pub(crate) fn note_in_state(&self, unique_id: &str) {
        if let Some(aws) = &self.aws {
            lock(&aws.read).insert(unique_id.to_owned());
        }
    }

    /// Whether something of the account is in the state, as far as this run has read.
    #[cfg(feature = "aws")]
    pub(crate) fn is_in_state(&self, unique_id: &str) -> bool {
        self.aws.as_ref().is_some_and(|aws| lock(&aws.read).contains(unique_id))
    }

    /// Whether clusters can be called at all, as far as can be told before that is needed.
    pub(crate) fn check_credentials(&self) -> Result<()> {
        if self.certificate.is_null() && !self.token.is_unknown() {
            self.token.check()?;
        }
        Ok(())
    }

    /// Whether the provider's certificate is empty: that of a cluster which does not run, from an ephemeral
    /// `ringfence_certificate`. What is in the cluster then keeps its state.
    pub(crate) fn is_away(&self) -> bool {
        self.certificate.known().is_some_and(|(certificate, _)| certificate.is_empty())
    }

    /// A client of this cluster, logged in as the operator when first needed, or as the project user. One for all
    /// resources of a cluster.
    pub(crate) fn client(&self, connection: &Connection) -> Result<Client> {
        let mut clients = lock(&self.clients);
        let key = (connection.endpoint.clone(), connection.cluster_id);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        if self.is_away() {
            return Err(Diagnostic::error("The provider has no certificate in this run")
                .detail(
                    "Its `certificate` is empty, as while the cluster that issues it does not run. Start the cluster \
                     first.",
                )
                .into());
        }
        let credentials = match &self.certificate {
            Value::Null => Credentials::Operator(self.token.key()?),
            Value::Known((chain, private_key)) => {
                Credentials::Certificate { chain: chain.clone(), private_key: private_key.clone() }
            }
            Value::Unknown => {
                return Err(Diagnostic::error("The provider's certificate is not known yet")
                    .detail("It depends on something that is created in this very run.")
                    .into());
            }
        };
        let client =
            Client::new(connection.clone(), credentials, PATIENCE).map_err(|error| fault::of(&self.token, &error))?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// Notes what was seen of a cluster.
    pub(crate) fn note(&self, cluster: ClusterId, seen: Seen) {
        lock(&self.seen).insert(cluster, seen);
    }

    /// What this run has seen of a cluster, if it has looked.
    pub(crate) fn seen(&self, cluster: ClusterId) -> Option<Seen> {
        lock(&self.seen).get(&cluster).cloned()
    }
}

/// The answer of a daemon, or the diagnostics of a failed call.
pub(crate) fn failed<T>(data: &Ringfence, outcome: std::result::Result<T, ClientError>) -> Result<T> {
    outcome.map_err(|error| fault::of(&data.token, &error))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
