//! What everything in the daemon stands on: the database, the clock, chance, the master key, and the ways to wake those who
//! wait. It knows no noun and no caller.

mod actor;
mod batch;
mod changes;
pub(crate) mod crash_point;
mod events;
mod failure;
mod lead;
mod listen;
mod request;
mod seal;
mod task;

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::Timestamp;
use ringfence_api::{Clock, ClusterId, ClusterName};
use ringfence_pki::MasterKey;
use ringfence_store::{Store, Transaction};

pub(crate) use actor::Actor;
pub(crate) use batch::Batch;
pub(crate) use changes::Changes;
pub(crate) use events::{Event, Events};
pub(crate) use failure::{Answer, Failure};
pub(crate) use lead::{HoldLead, LEASE, Lead, NotLeading};
pub(crate) use listen::listen_to_others;
pub(crate) use request::{After, BODY_LIMIT, Body, Creating, Limit, Range, Segment, text_in_path};
pub(crate) use seal::{follow, open, reseal, seal, sealing_context};
pub(crate) use task::Task;

/// What everything shares. One per process, behind an `Arc`.
pub(crate) struct Base {
    /// The cluster's identity.
    pub(crate) cluster_id: ClusterId,
    /// The cluster's name.
    pub(crate) cluster_name: ClusterName,
    /// Where the API is served now.
    pub(crate) endpoint: String,
    /// The database.
    pub(crate) store: Store,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Chance.
    pub(crate) rng: SystemRandom,
    /// Seals all other keys.
    pub(crate) master_key: MasterKey,
    /// Wakes requests that wait.
    pub(crate) changes: Changes,
    /// Wakes tasks.
    pub(crate) events: Events,
    /// Whether this daemon leads.
    pub(crate) lead: Lead,
}

impl Base {
    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Chance.
    pub(crate) fn rng(&self) -> &dyn SecureRandom {
        &self.rng
    }

    /// Begins to write as the daemon that leads; refused when another does.
    pub(crate) async fn write_leading(&self, name: &'static str) -> anyhow::Result<Transaction> {
        self.lead.write(&self.store, name, self.now()).await
    }
}
