//! The task that publishes CRLs: soon after a revocation, and well before the last list ends when nothing happens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::certificate::RevocationReason;
use ringfence_pki::{CrlShard, Reason, Revoked, Serial, Validity};
use ringfence_store::CrlRow;
use tracing::info;

use crate::Daemon;
use crate::authority::Issuer;
use crate::task::Task;

/// Publishes what is due.
pub(crate) struct PublishCrls;

#[async_trait]
impl Task for PublishCrls {
    fn name(&self) -> &'static str {
        "publish_crls"
    }

    fn purpose(&self) -> &'static str {
        "lists what was revoked, and signs each CRL anew at half of its life"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn run(&self, daemon: &Arc<Daemon>) -> anyhow::Result<String> {
        let mut published = Vec::new();
        for issuer in daemon.authorities.all() {
            if let Some(number) = publish(daemon, issuer).await? {
                published.push(format!("{} number {number}", issuer.id));
            }
        }
        if published.is_empty() {
            return Ok(String::new());
        }
        daemon.changes.ring();
        Ok(format!("published {}", published.join(", ")))
    }
}

/// Signs and stores the next list of an issuer if one is due. Returns its number.
async fn publish(daemon: &Daemon, issuer: &Issuer) -> anyhow::Result<Option<i64>> {
    let now = daemon.now();
    // Most runs find nothing to do and should not stand in a writer's way.
    let mut tx = daemon.store.read("look_at_crls").await?;
    let lifetime = tx.cluster().await?.declared.authority.crl_lifetime.as_signed();
    let lists = tx.list_crls().await?;
    let mut due = Vec::new();
    for last in lists.into_iter().filter(|last| last.issuer == issuer.id) {
        if is_due(&last, lifetime, now) || tx.has_unlisted(&last.issuer, last.shard).await? {
            due.push(last);
        }
    }
    drop(tx);
    let mut number = None;
    for last in due {
        let mut tx = daemon.store.write("publish_crl").await?;
        let revoked = tx.list_revoked(&last).await?;
        let entries: Vec<Revoked> = revoked
            .iter()
            .filter_map(|(serial, revoked_at, reason)| {
                Some(Revoked { serial: Serial::parse(serial)?, revoked_at: *revoked_at, reason: reason_of(*reason) })
            })
            .collect();
        let shard = CrlShard { domain: issuer.domain, url: last.url.clone() };
        let mut validity = Validity::starting(now, lifetime);
        // A clock that stepped back must not make a list older than the one before.
        validity.not_before = validity.not_before.max(last.this_update);
        let crl = issuer.authority.sign_crl(&shard, last.number + 1, &entries, validity)?;
        let row = CrlRow {
            number: last.number + 1,
            this_update: crl.this_update,
            next_update: crl.next_update,
            der: crl.der,
            ..last
        };
        if !tx.update_crl(&row).await? {
            // Another daemon was faster; what we wanted to list stands in its list or in the next.
            continue;
        }
        tx.update_certificates_listed(&row).await?;
        tx.update_generation().await?;
        tx.commit().await?;
        info!(
            issuer = row.issuer,
            shard = row.shard,
            crl.number = row.number,
            crl.entries = entries.len(),
            "CRL published"
        );
        number = Some(row.number);
    }
    Ok(number)
}

/// A list is due at half of its life, and when it would outlive what is declared now.
fn is_due(last: &CrlRow, lifetime: SignedDuration, now: Timestamp) -> bool {
    now >= last.this_update + last.next_update.duration_since(last.this_update) / 2 || last.next_update > now + lifetime
}

fn reason_of(reason: RevocationReason) -> Reason {
    match reason {
        RevocationReason::Superseded => Reason::Superseded,
        RevocationReason::CessationOfOperation => Reason::CessationOfOperation,
        RevocationReason::PrivilegeWithdrawn => Reason::PrivilegeWithdrawn,
    }
}
