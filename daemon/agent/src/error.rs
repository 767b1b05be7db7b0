//! What can go wrong on a node.

use std::io;
use std::path::{Path, PathBuf};

use ringfence_api::ClientError;
use ringfence_pki::{KeyError, ReadError, VerifyError};

/// A failure of the agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The configuration is not what this version reads.
    #[error("{path} is not an agent's configuration")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A file could not be used.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The daemon refused or did not answer.
    #[error("the daemon did not do what was asked")]
    Daemon(#[from] ClientError),
    /// A key could not be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate could not be read.
    #[error(transparent)]
    Certificate(#[from] ReadError),
    /// A new certificate does not verify; the old one stays.
    #[error("the new certificate does not verify and was not installed")]
    NotInstalled(#[source] VerifyError),
    /// The answer is of another cluster.
    #[error("the daemon answered for another cluster; nothing was changed")]
    OtherCluster,
    /// The PKCS #12 file could not be made.
    #[error(transparent)]
    Pkcs12(#[from] ringfence_pki::Pkcs12Error),
    /// There is no such user or group on this node.
    #[error("service {service} names the {kind} {name}, which this node does not have")]
    NoSuchAccount {
        /// The service.
        service: String,
        /// `user` or `group`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A check or reload command failed.
    #[error("the {command} command of service {service} {what}")]
    ServiceCommand {
        /// `check` or `reload`.
        command: &'static str,
        /// The service.
        service: String,
        /// How.
        what: String,
    },
}

impl AgentError {
    /// Wraps an IO error with what was tried and where.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}
