//! The daemon's configuration: one TOML file, `serve.toml` in its directory. Unknown keys are refused, and everything
//! is checked before a port is bound.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ringfence_api::{ClusterId, ClusterName, OperatorPublicKey};
use ringfence_place::private_file::{PrivateFileError, Readers, read_private};
use ringfence_store::Database;
use serde::{Deserialize, Serialize};

pub use crate::master_key::MasterKeySource;

/// The configuration of `ringfenced serve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeConfig {
    /// The cluster. It must be the one that the database records.
    pub cluster: ClusterConfig,
    /// The API.
    pub api: ApiConfig,
    /// The nodes.
    pub nodes: NodesConfig,
    /// The database.
    #[serde(default)]
    pub database: DatabaseConfig,
    /// Where the master key comes from.
    #[serde(default)]
    pub master_key: MasterKeySource,
}

/// Where the data is stored. The default is an SQLite file beside the configuration, which only one daemon can use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// A file that holds the address of a PostgreSQL server, `postgres://USER:PASSWORD@HOST/NAME`, which several
    /// daemons of the cluster may share. It is a file of its own because the address may contain a password, and so it
    /// is refused when others can read it, as the master key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_file: Option<PathBuf>,
}

/// Which cluster this is and who operates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// The operator's public key. It is read only when the cluster is created; later, `PUT /v1/operator-key` replaces
    /// it.
    pub operator_key: OperatorPublicKey,
}

/// Where the API is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Address and port. Port 0 chooses a free port at the first start, and keeps it at later starts.
    pub listen: SocketAddr,
}

/// How nodes are created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodesConfig {
    /// Where the local driver keeps a directory for each node.
    pub local_root: PathBuf,
    /// The program of agents: `ringfenced`.
    pub program: PathBuf,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such file, or not readable.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file that may contain a password, and that others can read.
    #[error("the database's address is not used: {0}")]
    Private(PrivateFileError),
    /// Not TOML, an unknown key, or a value that breaks its rule.
    #[error("{path} is not valid: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: Box<toml::de::Error>,
    },
    /// Not a public key.
    #[error(
        "{path}: operator_key must be the public key of an operator token, 32 bytes in base64, as `ringfenced \
         operator-key` prints it"
    )]
    OperatorKey {
        /// The file.
        path: PathBuf,
    },
    /// Not an address that clients can call.
    #[error(
        "{path}: listen is {listen}, which clients cannot call: use an address of this machine, because certificates \
         contain it"
    )]
    Listen {
        /// The file.
        path: PathBuf,
        /// The address.
        listen: SocketAddr,
    },
    /// Not an address of a PostgreSQL server.
    #[error("{path} must hold the address of a PostgreSQL server, postgres://USER:PASSWORD@HOST/NAME")]
    PostgresAddress {
        /// The file.
        path: PathBuf,
    },
    /// The database in this directory belongs to another cluster.
    #[error(
        "{path} is for cluster {configured}, but its database belongs to cluster {recorded}: use another directory"
    )]
    OtherCluster {
        /// The file.
        path: PathBuf,
        /// The configured id.
        configured: ClusterId,
        /// The id in the database.
        recorded: ClusterId,
    },
}

impl ServeConfig {
    /// The file in the daemon's directory.
    pub const FILE: &str = "serve.toml";
    /// The database's file, unless a server is configured.
    const SQLITE_FILE: &str = "ringfence.db";

    /// The database of a daemon in this directory.
    pub fn database(&self, directory: &Path) -> Result<Database, ConfigError> {
        let Some(path) = &self.database.postgres_file else {
            return Ok(Database::Sqlite(directory.join(Self::SQLITE_FILE)));
        };
        let path = directory.join(path);
        let text = read_private(&path, Readers::OwnGroups).map_err(|error| match error {
            PrivateFileError::Read { path, source } => ConfigError::Read { path, source },
            error => ConfigError::Private(error),
        })?;
        let address = text.trim();
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(ConfigError::PostgresAddress { path });
        }
        Ok(Database::Postgres(address.to_owned()))
    }

    /// Reads and checks the file.
    pub fn read(directory: &Path) -> Result<Self, ConfigError> {
        let path = directory.join(Self::FILE);
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Invalid { path: path.clone(), source: Box::new(source) })?;
        if !config.cluster.operator_key.is_key() {
            return Err(ConfigError::OperatorKey { path });
        }
        if config.api.listen.ip().is_unspecified() {
            return Err(ConfigError::Listen { path, listen: config.api.listen });
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [cluster]
        id = "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34"
        name = "demo"
        operator_key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        [api]
        listen = "127.0.0.1:0"
        [nodes]
        local_root = "/var/lib/ringfence/nodes"
        program = "/usr/local/bin/ringfenced"
    "#;

    fn read(text: &str) -> Result<ServeConfig, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(ServeConfig::FILE), text).unwrap();
        ServeConfig::read(directory.path())
    }

    #[test]
    fn a_whole_configuration_is_read() {
        assert_eq!(read(TEXT).unwrap().cluster.name.as_str(), "demo");
    }

    /// Writes a file that only its owner reads.
    fn write(path: &Path, text: &str) {
        ringfence_place::file::atomic_write(path, text.as_bytes(), 0o600).unwrap();
    }

    #[test]
    fn the_address_of_a_database_is_refused_when_others_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let config = read(&format!("{TEXT}\n[database]\npostgres_file = \"postgres\"")).unwrap();
        let address = b"postgres://ringfence:secret@db.internal/ringfence";
        ringfence_place::file::atomic_write(&directory.path().join("postgres"), address, 0o644).unwrap();
        let error = config.database(directory.path()).unwrap_err().to_string();
        assert!(error.contains("it can be read by others: chmod 600") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn the_database_is_a_file_unless_a_server_is_named_in_a_file_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let config = read(TEXT).unwrap();
        assert_eq!(config.database(directory.path()).unwrap(), Database::Sqlite(directory.path().join("ringfence.db")));
        let config = read(&format!("{TEXT}\n[database]\npostgres_file = \"postgres\"")).unwrap();
        let file = directory.path().join("postgres");
        assert!(matches!(config.database(directory.path()), Err(ConfigError::Read { .. })));
        write(&file, "mysql://localhost/x\n");
        let error = config.database(directory.path()).unwrap_err().to_string();
        assert!(error.contains("must hold the address of a PostgreSQL server"), "{error}");
        write(&file, "postgres://ringfence@db.internal/ringfence\n");
        let expected = Database::Postgres("postgres://ringfence@db.internal/ringfence".to_owned());
        assert_eq!(config.database(directory.path()).unwrap(), expected);
    }

    #[test]
    fn unknown_keys_and_invalid_values_are_refused_with_their_place() {
        let cases = [
            (TEXT.replace("listen", "listens"), "unknown field `listens`"),
            (TEXT.replace("\"demo\"", "\"Demo\""), "cluster name \"Demo\" is not valid"),
            (TEXT.replace("127.0.0.1:0", "localhost"), "invalid socket address"),
            (TEXT.replace("[nodes]", ""), "unknown field `local_root`"),
            (TEXT.replace("11qYAYKx", "11qY"), "operator_key must be the public key"),
            (
                TEXT.replace("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", &format!("{}=", "A".repeat(43))),
                "operator_key must be the public key",
            ),
            (TEXT.replace("127.0.0.1:0", "0.0.0.0:0"), "listen is 0.0.0.0:0, which clients cannot call"),
        ];
        for (text, expected) in cases {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
