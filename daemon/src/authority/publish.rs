//! Publishing CRLs: soon after a revocation, well before the last list ends when nothing happens, and when the
//! operator asks. A list is answered for or told of only once it is committed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::certificate::RevocationReason;
use ringfence_api::crl::PublishedCrl;
use ringfence_pki::{CrlShard, Extent, Reason, Revoked, Serial, Validity};
use ringfence_store::{CrlRow, Transaction};
use tracing::info;

use crate::Daemon;
use crate::audit::Actor;
use crate::authority::Issuer;
use crate::authority::make::pki_domain;
use crate::http::{Failure, OperatorCaller};
use crate::serve::crash_point::signed;
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
        let published = publish(daemon, &Occasion::Due).await?;
        let names: Vec<String> = published.iter().map(|crl| format!("{} number {}", crl.issuer, crl.number)).collect();
        Ok(if names.is_empty() { String::new() } else { format!("published {}", names.join(", ")) })
    }
}

/// Signs a fresh list of every shard now, whether one is due or not.
#[utoipa::path(post, path = "/v1/crls/publish", tag = "authority", responses((status = 200, body = Vec<PublishedCrl>)))]
pub(crate) async fn publish_crls(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
) -> Result<Json<Vec<PublishedCrl>>, Failure> {
    Ok(Json(publish(&daemon, &Occasion::Asked(actor)).await?))
}

/// Why lists are published.
enum Occasion {
    /// It is time for those that are due.
    Due,
    /// Somebody asked for all of them.
    Asked(Actor),
}

/// Signs and stores the next list of every shard that wants one, and tells whoever waits.
async fn publish(daemon: &Daemon, occasion: &Occasion) -> Result<Vec<PublishedCrl>, Failure> {
    let mut published = Vec::new();
    // Most runs find nothing to do and should not stand in a writer's way.
    let mut tx = daemon.store.read("look_at_crls").await?;
    let issuers = daemon.authorities.fresh(&mut tx, &daemon.master_key).await?;
    let mut wanting = Vec::new();
    for last in tx.list_crls().await? {
        if wants_next(&mut tx, &last, occasion, daemon.now()).await? {
            wanting.push(last);
        }
    }
    drop(tx);
    wanting.sort_by_key(|last| {
        (issuers.find(&last.issuer).map(|issuer| issuer.view.domain), last.issuer.clone(), last.shard)
    });
    for last in wanting {
        published.extend(publish_shard(daemon, &last.issuer, last.shard, occasion).await?);
    }
    if !published.is_empty() {
        daemon.changes.ring();
    }
    Ok(published)
}

/// Signs and stores the next list of a shard, unless it does not want one any more.
async fn publish_shard(
    daemon: &Daemon,
    issuer: &str,
    shard: u32,
    occasion: &Occasion,
) -> Result<Option<PublishedCrl>, Failure> {
    loop {
        let now = daemon.now();
        let mut tx = daemon.store.write("publish_crl").await?;
        // Looked at again, now that nobody else writes here. One that has gone meanwhile needs no list.
        let issuers = daemon.authorities.fresh(&mut tx, &daemon.master_key).await?;
        let Some(issuer) = issuers.find(issuer) else { return Ok(None) };
        let Some(last) = tx.find_crl(&issuer.view.id, shard).await? else { return Ok(None) };
        if !wants_next(&mut tx, &last, occasion, now).await? {
            return Ok(None);
        }
        let lifetime = crl_lifetime(&mut tx).await?;
        let (row, entries) = sign_next(&mut tx, issuer, last, lifetime, now).await?;
        if !tx.update_crl(&row).await? {
            // Another daemon was faster; what we wanted to list stands in its list or in the next.
            continue;
        }
        tx.update_certificates_listed(&row).await?;
        tx.update_generation().await?;
        if let Occasion::Asked(actor) = occasion {
            let object = format!("{}/{}", row.issuer, row.shard);
            actor.record(&mut tx, "publish_crl", &object, &format!("number {}", row.number), now).await?;
        }
        tx.commit().await?;
        info!(issuer = row.issuer, shard, crl.number = row.number, crl.entries = entries, "CRL published");
        return Ok(Some(PublishedCrl {
            issuer: row.issuer,
            shard,
            number: row.number,
            entries,
            this_update: row.this_update,
            next_update: row.next_update,
        }));
    }
}

/// Signs the list after the last one. Returns it with the number of its entries.
async fn sign_next(
    tx: &mut Transaction,
    issuer: &Issuer,
    last: CrlRow,
    lifetime: SignedDuration,
    now: Timestamp,
) -> Result<(CrlRow, usize), Failure> {
    let revoked = tx.list_revoked(&last).await?;
    let entries = revoked.iter().filter_map(|(serial, revoked_at, reason)| {
        Some(Revoked { serial: Serial::parse(serial)?, revoked_at: *revoked_at, reason: reason_of(*reason) })
    });
    let shard = CrlShard { domain: pki_domain(issuer.view.domain), url: last.url.clone() };
    let mut validity = Validity::starting(now, lifetime);
    // A clock that stepped back must not make a list older than the one before.
    validity.not_before = validity.not_before.max(last.this_update);
    let number = last.number + 1;
    let crl = issuer.authority.sign_crl(&shard, number, Extent::Complete, entries, validity)?;
    signed("crl");
    let row = CrlRow { number, this_update: crl.this_update, next_update: crl.next_update, der: crl.der, ..last };
    Ok((row, revoked.len()))
}

/// Whether a shard wants its next list: because somebody asked, because it is due, or because a revocation waits.
async fn wants_next(tx: &mut Transaction, last: &CrlRow, occasion: &Occasion, now: Timestamp) -> Result<bool, Failure> {
    let asked = matches!(occasion, Occasion::Asked(_));
    Ok(asked || is_due(last, crl_lifetime(tx).await?, now) || tx.has_unlisted(&last.issuer, last.shard).await?)
}

async fn crl_lifetime(tx: &mut Transaction) -> Result<SignedDuration, Failure> {
    Ok(tx.cluster().await?.declared.authority.crl_lifetime.as_signed())
}

/// A list is due at half of its life, and when it would outlive what is declared now.
fn is_due(last: &CrlRow, lifetime: SignedDuration, now: Timestamp) -> bool {
    now >= last.this_update + last.next_update.duration_since(last.this_update) / 2 || last.next_update > now + lifetime
}

fn reason_of(reason: RevocationReason) -> Reason {
    match reason {
        RevocationReason::KeyCompromise => Reason::KeyCompromise,
        RevocationReason::CaCompromise => Reason::CaCompromise,
        RevocationReason::Superseded => Reason::Superseded,
        RevocationReason::CessationOfOperation => Reason::CessationOfOperation,
        RevocationReason::PrivilegeWithdrawn => Reason::PrivilegeWithdrawn,
    }
}
