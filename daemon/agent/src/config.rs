//! What an agent is started with: who it is and whom it obeys. Written by whoever launches the node.

use std::path::Path;

use ringfence_api::{Connection, DnsName, NodeName};
use serde::{Deserialize, Serialize};

use crate::error::AgentError;

/// The content of `agent.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The node.
    pub node: NodeName,
    /// Its DNS name, the common name of its certificates.
    pub dns_name: DnsName,
    /// The daemon.
    pub connection: Connection,
}

impl AgentConfig {
    /// The file in the agent's directory.
    pub const FILE: &str = "agent.json";

    /// Reads the file.
    pub fn read(directory: &Path) -> Result<Self, AgentError> {
        let path = directory.join(Self::FILE);
        let text = std::fs::read(&path).map_err(AgentError::file("read", &path))?;
        serde_json::from_slice(&text).map_err(|source| AgentError::Config { path, source })
    }
}
