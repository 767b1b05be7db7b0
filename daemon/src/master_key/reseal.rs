//! The task that seals everything again under the active version of the master key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use ringfence_store::sealed::SealedRow;
use tracing::info;

use crate::base::{Base, Event, Failure, Task, follow, sealing_context};
use crate::master_key::KeyFile;
use crate::master_key::source::write;

/// The number of secrets that are sealed again in one transaction.
const BATCH: u32 = 100;

/// Seals again what is sealed under another version.
pub(crate) struct ResealSecrets {
    base: Arc<Base>,
    file: Arc<KeyFile>,
    /// The version under which everything was found sealed. Versions only increase, and nothing is sealed under an
    /// earlier one.
    complete: AtomicU32,
}

impl ResealSecrets {
    pub(super) fn new(base: Arc<Base>, file: Arc<KeyFile>) -> Self {
        Self { base, file, complete: AtomicU32::default() }
    }
}

#[async_trait]
impl Task for ResealSecrets {
    fn name(&self) -> &'static str {
        "reseal_secrets"
    }

    fn purpose(&self) -> &'static str {
        "seals again, under the active version of the master key, what is sealed under another"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn woken_by(&self) -> &'static [Event] {
        &[Event::MasterKeyRotated]
    }

    async fn run(&self) -> anyhow::Result<String> {
        let base = &self.base;
        let key = &base.master_key;
        let mut resealed = 0;
        let complete = loop {
            let mut tx = base.store.read("look_at_secrets").await?;
            let version = follow(&mut tx, key).await.map_err(Failure::into_cause)?;
            if self.complete.load(Ordering::Relaxed) == version {
                return Ok(String::new());
            }
            let done = tx.sealed_secrets().list_of_other_versions(version, 1).await?.is_empty();
            drop(tx);
            if done {
                break version;
            }
            let mut tx = base.store.write("reseal_secrets").await?;
            // Another daemon may have activated a later version.
            if tx.sealed_secrets().master_key_version().await? != version {
                continue;
            }
            for SealedRow { of, sealed } in tx.sealed_secrets().list_of_other_versions(version, BATCH).await? {
                let context = sealing_context(&of);
                let sealed = key.reseal(&context, &sealed).with_context(|| context.clone())?;
                tx.sealed_secrets().update(&SealedRow { of, sealed }).await?;
                resealed += 1;
            }
            tx.commit().await?;
        };
        // A later version that is not active, because the daemon died before, is kept for the next rotation.
        let oldest = key.versions().first().copied();
        if let Some(path) = self.file.0.as_ref().filter(|_| oldest < Some(complete)) {
            key.forget_before(complete);
            write(path, key)?;
            info!(version = complete, "earlier versions of the master key are no longer needed and were deleted");
        }
        self.complete.store(complete, Ordering::Relaxed);
        Ok(if resealed == 0 { String::new() } else { format!("sealed {resealed} again") })
    }
}
