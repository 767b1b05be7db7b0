//! The attributes of the target `local`.

use std::path::PathBuf;

use ringfence_api::Connection;
use tfplugin_rs::prelude::*;

use super::program::program;
use super::{Local, real};
use crate::target::{Place, Target, TargetModel};

/// A cluster of processes on this machine.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct LocalModel {
    /// Directory of the cluster, new or empty; a relative path begins where Terraform runs. Everything of the cluster
    /// lies in it, and it is removed with the cluster. It must be yours, and nobody else may write to it or to a
    /// directory above it; a directory above may have the sticky bit, as `/tmp` has. If it already holds a cluster of
    /// this name with the same declaration, that cluster is taken over. One with another declaration is refused:
    /// import it instead.
    #[tf(required, validate = length(1..=4096), plan = requires_replace_if(is_another_directory))]
    directory: Value<String>,
    /// Port of the API on 127.0.0.1. Default: a free port, chosen once.
    #[tf(optional, computed, validate = between(1, 65535), plan = keep_state())]
    port: Value<i64>,
    /// Path of the program `ringfenced`. Default: beside the provider, else on the `PATH`.
    #[tf(optional)]
    daemon: Value<String>,
}

/// What tells a cluster from all others.
#[derive(Clone, Model)]
pub(crate) struct ClusterIdentity {
    /// Directory of a local cluster.
    #[tf(required)]
    directory: Value<String>,
}

impl ClusterIdentity {
    /// The import id that says the same.
    pub(crate) fn import_id(&self) -> &str {
        self.directory.as_str().unwrap_or_default()
    }
}

/// Another spelling of the same place does not replace a cluster.
fn is_another_directory(prior: &Value<String>, planned: &Value<String>) -> bool {
    place(prior) != place(planned)
}

fn place(directory: &Value<String>) -> Value<PathBuf> {
    directory.as_ref().map(|directory| real(directory))
}

impl LocalModel {
    /// The attributes of a cluster that is imported from this directory.
    pub(crate) fn imported(directory: &str, connection: &Connection) -> Self {
        Self { directory: directory.into(), port: port_of(connection).into(), daemon: Value::Null }
    }

    /// The same with the port of this connection. A port that is declared for the next start stays.
    pub(crate) fn reached(self, connection: &Connection) -> Self {
        match self.port {
            Value::Known(_) => self,
            Value::Null | Value::Unknown => Self { port: port_of(connection).into(), ..self },
        }
    }
}

impl TargetModel for LocalModel {
    fn place(&self) -> Place {
        Place { kind: "local", name: place(&self.directory).map(PathBuf::into_os_string) }
    }

    fn check(&self) -> Result<()> {
        if self.daemon.is_unknown() { Ok(()) } else { program(&self.daemon).map(drop) }
    }

    fn target(&self, had_root: bool) -> Option<Box<dyn Target>> {
        let port = self.port.known().and_then(|port| u16::try_from(*port).ok());
        let local = Local::at(self.directory.known()?);
        Some(Box::new(Local { port, daemon: self.daemon.clone(), had_root, ..local }))
    }

    fn identity(&self) -> Option<ClusterIdentity> {
        self.directory.is_known().then(|| ClusterIdentity { directory: self.directory.clone() })
    }
}

fn port_of(connection: &Connection) -> Option<i64> {
    connection.endpoint.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}
