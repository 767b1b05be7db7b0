//! The provider block, and what one run of Terraform shares.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ringfence_api::{Client, ClusterId, Connection, Credentials, OperatorToken};
use tfplugin_rs::prelude::*;

use crate::actions::publish_crls::PublishCrls;
use crate::actions::rotate_node_certificates::RotateNodeCertificates;
use crate::actions::rotate_token_keys::RotateTokenKeys;
use crate::connection::ConnectionModel;
use crate::data_sources::cluster::ClusterDataSource;
use crate::ephemeral_resources::certificate::CertificateResource;
use crate::ephemeral_resources::token::TokenResource;
use crate::fault;
use crate::functions::project_user::ProjectUserFunction;
use crate::list_resources::project::ProjectList;
use crate::list_resources::project_member::ProjectMemberList;
use crate::members::Members;
use crate::resources::cluster::ClusterResource;
use crate::resources::project::ProjectResource;
use crate::resources::project_member::ProjectMemberResource;
use crate::resources::project_members::ProjectMembersResource;
use crate::token::{self, Token};

/// How long a daemon that does not answer is tried.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The provider.
pub(crate) struct RingfenceProvider;

/// Declares AI-platform clusters that hold sensitive data, their projects and members.
///
/// The operator's token never leaves the machine that runs Terraform: a signing key is derived from it, clusters are
/// given the public half, and the provider logs in by signing. The token is not written to state.
#[derive(Clone, Model)]
pub(crate) struct ProviderModel {
    /// The operator's token: at least 256 random bits, in hexadecimal or base64, such as `openssl rand -hex 32` prints.
    /// Default: the environment variable `RINGFENCE_TOKEN`.
    #[tf(optional, sensitive)]
    token: Value<String>,
    /// Certificate of a project user, with its intermediate, in PEM, as from an ephemeral `ringfence_certificate`: the
    /// provider acts as that user instead of the operator. A data owner may manage the members of the project.
    #[tf(optional)]
    certificate: Value<String>,
    /// Private key of `certificate`, PKCS #8 in PEM.
    #[tf(optional, sensitive)]
    private_key: Value<String>,
    /// The cluster of resources that name none: the `connection` of a `ringfence_cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
}

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
}

/// What this run has seen of a cluster, by a channel that its target vouches for. Resources in a cluster are read
/// after it, so they can tell "the daemon is down, and this plan starts it" from "something is wrong".
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// It runs, and is reached so.
    Running(Connection),
    /// It exists and does not run.
    Stopped,
    /// It does not exist any more.
    Gone,
}

impl Provider for RingfenceProvider {
    type Model = ProviderModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence";
    const SOURCE: &'static str = "ringfence/ringfence";

    fn register(&self, registry: &mut Registry<Ringfence>) {
        registry.resource(ClusterResource);
        registry.resource(ProjectResource);
        registry.resource(ProjectMemberResource);
        registry.resource(ProjectMembersResource);
        registry.list_resource(ProjectList);
        registry.list_resource(ProjectMemberList);
        registry.ephemeral_resource(CertificateResource);
        registry.ephemeral_resource(TokenResource);
        registry.action(PublishCrls);
        registry.action(RotateNodeCertificates);
        registry.action(RotateTokenKeys);
        registry.data_source(ClusterDataSource);
        registry.function(ProjectUserFunction);
    }

    fn validate(&self, config: &ProviderModel, out: &mut Diagnostics) {
        if let Some(Err(error)) = config.token.known().map(|text| OperatorToken::parse(text)) {
            out.push(
                Diagnostic::error("The operator token cannot be used")
                    .detail(format!("The provider's `token` argument: {error}."))
                    .at(Path::root().attr("token")),
            );
        }
        let (certificate, key) =
            (("certificate", config.certificate.presence()), ("private_key", config.private_key.presence()));
        required_with(certificate, &[key], out);
        required_with(key, &[certificate], out);
        conflicts_with(&[("token", config.token.presence()), certificate], out);
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where the provider reads the environment for its configuration"
    )]
    async fn configure(&self, _: &ConfigureContext, config: ProviderModel) -> Result<Ringfence> {
        Ok(Ringfence {
            token: Token::new(&config.token, std::env::var(token::VARIABLE).ok()),
            certificate: match (config.certificate, config.private_key) {
                (Value::Known(certificate), Value::Known(key)) => Value::Known((certificate, key)),
                (Value::Null, _) => Value::Null,
                _ => Value::Unknown,
            },
            cluster: config.cluster,
            members: Members::default(),
            clients: Mutex::default(),
            seen: Mutex::default(),
        })
    }
}

impl Ringfence {
    /// Whether clusters can be called at all, as far as can be told before that is needed.
    pub(crate) fn check_credentials(&self) -> Result<()> {
        if self.certificate.is_null() && !self.token.is_unknown() {
            self.token.check()?;
        }
        Ok(())
    }

    /// A client of this cluster, logged in as the operator when first needed, or as the project user. One for all resources of a cluster.
    pub(crate) fn client(&self, connection: &Connection) -> Result<Client> {
        let mut clients = lock(&self.clients);
        let key = (connection.endpoint.clone(), connection.cluster_id);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
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
        let client = Client::new(connection.clone(), credentials, PATIENCE).map_err(|error| fault::of(self, &error))?;
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
