//! Leader election between the daemons on one database. The leader runs sagas and keeps nodes, so that no two daemons
//! act on the same machine. What only changes the database needs no leader: each daemon decides it in the transaction
//! that does it.
//!
//! # Guarantees
//!
//! - One daemon leads at a time. Once another has taken over, its writes as the leader are refused, whatever its clock
//!   shows.
//! - A leader that dies is replaced within [`TERM`], one that stops cleanly at once.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ringfence_place::file::write_if_different;
use ringfence_saga::Epoch;
use ringfence_store::{Database, Store, StoreError, Transaction};
use tracing::{info, warn};

use crate::base::{Base, Event, Task};

/// The name of the leader's lease.
pub(crate) const LEASE: &str = "lead";
/// How long the lease lasts unless it is renewed.
const TERM: SignedDuration = SignedDuration::from_secs(5);
/// The file with the daemon's id, so that a restarted daemon is recognized as the one before.
const OWNER_FILE: &str = "daemon_id";

/// What `inspect tasks` shows for the leader.
const LEADS: &str = "leads";

/// Whether this daemon is the leader.
#[derive(Debug)]
pub(crate) struct Lead {
    owner: String,
    /// Whether no other daemon can use the database: a database in a file is protected by the claim on its directory.
    alone: bool,
    held: Mutex<Option<Held>>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    epoch: Epoch,
    until: Timestamp,
}

/// Whether a daemon believes that it leads, by its own clock. That saves others the trouble; it decides nothing.
pub(crate) fn believes(until: Timestamp, now: Timestamp) -> bool {
    now < until
}

/// Whether who has led since `epoch` may write as the leader, when the lease has `present`.
pub(crate) fn may_write(epoch: Epoch, present: Epoch) -> bool {
    epoch == present
}

/// Another daemon leads.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("another daemon of this database leads now")]
pub(crate) struct NotLeading;

impl Lead {
    /// Takes the lead for the daemon in this directory, unless another daemon has it.
    pub(crate) async fn at_start(
        tx: &mut Transaction,
        directory: &Path,
        database: &Database,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let lead =
            Self { owner: owner(directory)?, alone: matches!(database, Database::Sqlite(_)), held: Mutex::default() };
        let taken = lead.take(tx, now).await?;
        *lead.lock() = taken;
        Ok(lead)
    }

    /// The epoch of this daemon's lead, if it leads now.
    pub(crate) fn epoch(&self, now: Timestamp) -> Option<Epoch> {
        self.lock().filter(|held| self.alone || believes(held.until, now)).map(|held| held.epoch)
    }

    /// Begins a write transaction as the leader. Fails when another daemon leads.
    pub(crate) async fn write(&self, store: &Store, name: &'static str, now: Timestamp) -> anyhow::Result<Transaction> {
        let epoch = self.epoch(now).ok_or(NotLeading)?;
        let mut tx = store.write(name).await?;
        anyhow::ensure!(may_write(epoch, tx.leases().epoch(LEASE).await?), NotLeading);
        Ok(tx)
    }

    /// Gives up the lead, so that another daemon can take it at once.
    pub(crate) async fn resign(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let held = self.lock().take();
        if let Some(held) = held.filter(|_| !self.alone) {
            let mut tx = store.write("resign").await?;
            tx.leases().renew(LEASE, held.epoch, now).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn take(&self, tx: &mut Transaction, now: Timestamp) -> Result<Option<Held>, StoreError> {
        let until = now + TERM;
        let Some(epoch) = tx.leases().acquire(LEASE, &self.owner, now, until).await? else { return Ok(None) };
        // While no daemon led, anything may have happened to the nodes.
        tx.nodes().update_ready_to_joined().await?;
        Ok(Some(Held { epoch, until }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews the lead, or takes it when no daemon has it.
pub(crate) struct HoldLead(pub(crate) Arc<Base>);

#[async_trait]
impl Task for HoldLead {
    fn name(&self) -> &'static str {
        "hold_lead"
    }

    fn purpose(&self) -> &'static str {
        "renews this daemon's lead, or takes the lead when no daemon has it"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn run(&self) -> anyhow::Result<String> {
        let Self(base) = self;
        let lead = &base.lead;
        if lead.alone {
            return Ok(LEADS.to_owned());
        }
        let now = base.now();
        let held = *lead.lock();
        let mut tx = base.store.write("hold_lead").await?;
        if let Some(held) = held {
            let until = now + TERM;
            if tx.leases().renew(LEASE, held.epoch, until).await? {
                tx.commit().await?;
                *lead.lock() = Some(Held { until, ..held });
                return Ok(LEADS.to_owned());
            }
            warn!("another daemon leads now");
        }
        let taken = lead.take(&mut tx, now).await?;
        tx.commit().await?;
        *lead.lock() = taken;
        if taken.is_none() {
            return Ok("another daemon leads".to_owned());
        }
        info!("this daemon leads now");
        base.changes.notify_desired();
        base.events.notify(Event::LeadTaken);
        Ok(LEADS.to_owned())
    }
}

fn owner(directory: &Path) -> anyhow::Result<String> {
    let path = directory.join(OWNER_FILE);
    let owner = match std::fs::read_to_string(&path) {
        Ok(owner) => owner.trim().to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => uuid::Uuid::new_v4().to_string(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    // Also to close one that an earlier version left open.
    write_if_different(&path, owner.as_bytes(), 0o600)?;
    Ok(owner)
}
