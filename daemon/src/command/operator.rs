//! Options that the operator's commands share: the cluster and the operator token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ringfence_api::{Client, ClusterId, Connection, Credentials, OperatorToken};
use ringfence_place::private_file::{Readers, read_private};
use zeroize::Zeroizing;

use crate::config::ServeConfig;
use crate::serve::{CA_FILE, ENDPOINT_FILE};

/// The cluster and the operator token. The token is read from the environment or a file, never from an argument,
/// because process lists show arguments.
#[derive(Debug, Args)]
pub(crate) struct Operator {
    /// The directory of a local cluster: its `local.directory`
    #[arg(long, value_name = "DIR", required_unless_present = "endpoint")]
    cluster: Option<PathBuf>,
    /// The API's address, instead of --cluster
    #[arg(long, value_name = "URL", requires = "ca", requires = "cluster_id", conflicts_with = "cluster")]
    endpoint: Option<String>,
    /// The cluster's root certificate (PEM), with --endpoint
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The cluster's id, with --endpoint
    #[arg(long, value_name = "UUID", value_parser = ClusterId::parse)]
    cluster_id: Option<ClusterId>,
    /// A file that holds the operator token and that only you can read; the default is RINGFENCE_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// How long a command waits for a daemon that does not answer.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Operator {
    /// A client that logs in as the operator.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let key = self.token()?.key();
        Ok(Client::new(self.connection()?, Credentials::Operator(key), TIMEOUT)?)
    }

    /// How to reach the cluster.
    pub(crate) fn connection(&self) -> anyhow::Result<Connection> {
        if let (Some(endpoint), Some(ca), Some(cluster_id)) = (&self.endpoint, &self.ca, self.cluster_id) {
            return Ok(Connection { endpoint: endpoint.clone(), ca_certificate: read(ca)?, cluster_id });
        }
        let cluster = self.cluster.as_deref().context("name the cluster with --cluster or --endpoint")?;
        let head = cluster.join("head");
        let gone = || {
            format!("there is no head in {}: name the directory of a cluster, or restore its head", cluster.display())
        };
        std::fs::metadata(&head).with_context(gone)?;
        Ok(Connection {
            endpoint: read(&head.join(ENDPOINT_FILE))?.trim().to_owned(),
            ca_certificate: read(&head.join(CA_FILE))?,
            cluster_id: ServeConfig::read(&head)?.cluster.id,
        })
    }

    /// The head's directory, of a cluster that is named by its directory.
    pub(crate) fn head(&self) -> Option<PathBuf> {
        self.cluster.as_ref().map(|cluster| cluster.join("head"))
    }

    fn token(&self) -> anyhow::Result<OperatorToken> {
        read_token(self.token_file.as_deref())
    }
}

/// The operator token, from a file or the environment. A file that others can read is refused, because they may have
/// the token by now; a pipe, such as `/dev/stdin`, is not judged.
#[allow(clippy::disallowed_methods, reason = "the one place where the operator's commands read the token")]
pub(crate) fn read_token(file: Option<&Path>) -> anyhow::Result<OperatorToken> {
    if let Some(path) = file {
        let text = Zeroizing::new(read_private(path, Readers::Nobody).context("the operator token is not used")?);
        return OperatorToken::parse(&text).with_context(|| format!("the token in {}", path.display()));
    }
    let text = std::env::var("RINGFENCE_TOKEN")
        .context("there is no operator token: set RINGFENCE_TOKEN, or name a file with --token-file")?;
    OperatorToken::parse(&text).context("the token in RINGFENCE_TOKEN")
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
