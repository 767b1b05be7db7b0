//! What every part of the daemon shares.

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::Timestamp;
use ringfence_api::{Clock, ClusterId, ClusterName};
use ringfence_cloud::NodeDriver;
use ringfence_pki::MasterKey;
use ringfence_store::{Store, Transaction};

use crate::authority::{Authorities, OcspAnswers};
use crate::changes::Changes;
use crate::http::Sessions;
use crate::lead::Lead;
use crate::operator::KeysFile;
use crate::project::HandOuts;
use crate::task::Tasks;

/// The shared state. One per process, behind an `Arc`.
pub struct Daemon {
    /// The cluster's identity.
    pub cluster_id: ClusterId,
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// Where the API is served now.
    pub endpoint: String,
    /// The database.
    pub store: Store,
    /// What makes nodes exist.
    pub nodes: Box<dyn NodeDriver>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    pub(crate) operator_keys: KeysFile,
    pub(crate) master_key: MasterKey,
    /// Where the master key is kept, if that is this daemon's to change.
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) authorities: Authorities,
    pub(crate) rng: SystemRandom,
    pub(crate) changes: Changes,
    pub(crate) tasks: Tasks,
    pub(crate) lead: Lead,
    pub(crate) sessions: Sessions,
    pub(crate) hand_outs: HandOuts,
    pub(crate) ocsp_answers: OcspAnswers,
}

impl Daemon {
    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins to write as the daemon that leads; refused when another does.
    pub(crate) async fn write_leading(&self, name: &'static str) -> anyhow::Result<Transaction> {
        self.lead.write(&self.store, name, self.now()).await
    }

    pub(crate) fn rng(&self) -> &dyn SecureRandom {
        &self.rng
    }
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Daemon({} {})", self.cluster_name, self.cluster_id)
    }
}
