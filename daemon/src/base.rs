//! What the rest of the daemon builds on: the database, the clock, randomness, the master key, and notification of
//! waiting requests and tasks. Depends on no noun and no caller.

mod actor;
mod batch;
mod body;
mod changes;
pub(crate) mod crash_point;
mod events;
mod failure;
mod faults;
mod lead;
mod listen;
mod request;
mod seal;
mod seldom;
mod task;

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use ringfence_api::{Clock, ClusterId, ClusterName};
use ringfence_pki::MasterKey;
use ringfence_store::{Store, Transaction};

pub(crate) use actor::Actor;
pub(crate) use batch::Batch;
pub(crate) use body::{BODY_LIMIT, Bounds, bounded, read_whole};
pub(crate) use changes::Changes;
pub(crate) use events::{Event, Events};
pub(crate) use failure::{Answer, Failure};
pub(crate) use faults::Faults;
pub(crate) use lead::{HoldLead, LEASE, Lead, NotLeading};
#[cfg(test)]
pub(crate) use lead::{believes, may_write};
pub(crate) use listen::listen_to_others;
pub(crate) use request::{After, Body, Creating, Limit, Range, Segment, Since, text_in_path};
pub(crate) use seal::{follow, open, seal, sealing_context};
pub(crate) use seldom::Seldom;
pub(crate) use task::Task;

/// Shared by everything in the process, behind an `Arc`.
pub(crate) struct Base {
    /// The cluster's identity.
    pub(crate) cluster_id: ClusterId,
    /// The cluster's name.
    pub(crate) cluster_name: ClusterName,
    /// The address at which the API is served.
    pub(crate) endpoint: String,
    /// The database.
    pub(crate) store: Store,
    /// The clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub(crate) rng: SystemRandom,
    /// Seals all other keys.
    pub(crate) master_key: MasterKey,
    /// Wakes waiting requests.
    pub(crate) changes: Changes,
    /// Wakes tasks.
    pub(crate) events: Events,
    /// Whether this daemon is the leader.
    pub(crate) lead: Lead,
    /// What background work cannot do.
    pub(crate) faults: Faults,
}

impl Base {
    /// The current time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The source of randomness.
    pub(crate) fn rng(&self) -> &SystemRandom {
        &self.rng
    }

    /// Begins a write transaction as the leader. Fails when another daemon leads.
    pub(crate) async fn write_leading(&self, name: &'static str) -> anyhow::Result<Transaction> {
        self.lead.write(&self.store, name, self.now()).await
    }
}
