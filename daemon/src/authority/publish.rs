//! Publishing CRLs: soon after a revocation, well before the last list ends when nothing happens, and when the
//! operator asks. A list is answered for or told of only once it is committed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::crl::PublishedCrl;
use ringfence_pki::{CrlShard, Entries, Extent, Revoked, Serial, Validity};
use ringfence_store::Transaction;
use ringfence_store::crl::{CrlHead, CrlRow, RevokedRow};
use tracing::info;

use crate::access::OperatorCaller;
use crate::authority::list_url::delta_url;
use crate::authority::{Authorities, Issuer};
use crate::base::crash_point::signed;
use crate::base::{Actor, Event, Failure, Task};

/// Publishes what is due.
pub(crate) struct PublishCrls(pub(super) Arc<Authorities>);

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

    fn rest(&self) -> Duration {
        // Many revocations at once are few lists.
        Duration::from_millis(200)
    }

    fn woken_by(&self) -> &'static [Event] {
        &[Event::Revoked, Event::AuthoritiesChanged]
    }

    async fn run(&self) -> anyhow::Result<String> {
        let Self(authorities) = self;
        let published = publish(authorities, &Occasion::Due).await?;
        warn_of_imported_lists(authorities).await?;
        let names: Vec<String> = published.iter().map(|crl| format!("{} number {}", crl.issuer, crl.number)).collect();
        Ok(if names.is_empty() { String::new() } else { format!("published {}", names.join(", ")) })
    }
}

/// Complains of lists that expire soon and can only be imported.
async fn warn_of_imported_lists(authorities: &Authorities) -> anyhow::Result<()> {
    let now = authorities.base.now();
    let mut tx = authorities.base.store.read("look_at_crls").await?;
    let issuers = authorities.fresh(&mut tx).await?;
    for list in tx.crls().list_heads().await? {
        let offline = issuers.find(&list.issuer).is_some_and(|issuer| !issuer.authority.can_sign());
        if !offline {
            continue;
        }
        let mut unlisted = Vec::new();
        tx.crls().for_each_revoked(&list, |row| unlisted.extend(row.listed_in.is_none().then_some(row.serial))).await?;
        anyhow::ensure!(
            unlisted.is_empty(),
            "the list of {} does not name what was revoked, and its key is offline: sign another there with `ringfenced ca \
             list --revoke {}`, and import it with `ringfenced ca import`",
            list.issuer,
            unlisted.join(" --revoke ")
        );
        let life = list.next_update.duration_since(list.this_update);
        let (issuer, ends) = (&list.issuer, list.next_update);
        anyhow::ensure!(
            now < ends - life / 4,
            "the list of {issuer} expires at {ends}, and its key is offline: sign another with `ringfenced ca list` there, and \
             import it with `ringfenced ca import`"
        );
    }
    Ok(())
}

/// Signs a fresh list of every shard now, whether one is due or not.
pub(crate) async fn publish_crls(
    State(authorities): State<Arc<Authorities>>,
    OperatorCaller(actor): OperatorCaller,
) -> Result<Json<Vec<PublishedCrl>>, Failure> {
    Ok(Json(publish(&authorities, &Occasion::Asked(actor)).await?))
}

/// Why lists are published.
enum Occasion {
    /// It is time for those that are due.
    Due,
    /// Somebody asked for all of them.
    Asked(Actor),
}

/// Signs and stores the next list of every shard that wants one, and tells whoever waits.
async fn publish(authorities: &Authorities, occasion: &Occasion) -> Result<Vec<PublishedCrl>, Failure> {
    let mut tx = authorities.base.store.read("look_at_crls").await?;
    let issuers = authorities.fresh(&mut tx).await?;
    let mut wanting = Vec::new();
    for last in tx.crls().list_heads().await? {
        let signs = issuers.find(&last.issuer).is_some_and(|issuer| issuer.authority.can_sign());
        if signs && wants_next(&mut tx, &last, occasion, authorities.base.now()).await? {
            wanting.push(last);
        }
    }
    drop(tx);
    wanting.sort_by_key(|last| {
        (issuers.find(&last.issuer).map(|issuer| issuer.view.domain), last.issuer.clone(), last.shard)
    });
    let mut published = Vec::new();
    for last in wanting {
        published.extend(publish_shard(authorities, &last.issuer, last.shard, occasion).await?);
    }
    if !published.is_empty() {
        authorities.base.changes.ring_desired();
    }
    Ok(published)
}

/// Signs and stores the next list of a shard, unless it does not want one any more. The list is put together and signed from
/// what a reader sees, in nobody's way; that it is still the next one is decided by whoever writes.
async fn publish_shard(
    authorities: &Authorities,
    issuer: &str,
    shard: u32,
    occasion: &Occasion,
) -> Result<Option<PublishedCrl>, Failure> {
    loop {
        let now = authorities.base.now();
        let mut tx = authorities.base.store.read("sign_crl").await?;
        let issuers = authorities.fresh(&mut tx).await?;
        // One that has gone meanwhile needs no list.
        let Some(signer) = issuers.find(issuer) else { return Ok(None) };
        let Some(last) = tx.crls().find_head(issuer, shard).await? else { return Ok(None) };
        if !wants_next(&mut tx, &last, occasion, now).await? {
            return Ok(None);
        }
        let lifetime = issuers.settings.crl_lifetime.as_signed();
        let next = sign_next(&mut tx, signer, last, lifetime, now).await?;
        drop(tx);
        let mut tx = authorities.base.store.write("publish_crl").await?;
        let same = Arc::ptr_eq(&issuers, &authorities.fresh(&mut tx).await?);
        if !same || !tx.crls().update(next.row.head.number - 1, &next.row).await? {
            // Another was faster, or an authority has changed: what we wanted to list stands in another list, or in the next.
            continue;
        }
        let Next { row: CrlRow { head, .. }, entries, new } = next;
        tx.crls().mark_listed(&head, &new).await?;
        tx.cluster().increment_generation().await?;
        if let Occasion::Asked(actor) = occasion {
            let object = format!("{issuer}/{shard}");
            actor.record(&mut tx, "publish_crl", &object, &format!("number {}", head.number), now).await?;
        }
        tx.commit().await?;
        info!(issuer, shard, crl.number = head.number, crl.entries = entries, "CRL published");
        let CrlHead { issuer, shard, number, this_update, next_update, .. } = head;
        return Ok(Some(PublishedCrl { issuer, shard, number, entries, this_update, next_update }));
    }
}

/// A list that was signed and is not published.
struct Next {
    row: CrlRow,
    /// How many certificates it names.
    entries: usize,
    /// The serial numbers that no list has named before.
    new: Vec<String>,
}

/// So many entries a delta may have, however short the complete list is.
const DELTA_ENTRIES: usize = 64;

/// Signs the list after the last one, and what has changed since the one that deltas are about.
async fn sign_next(
    tx: &mut Transaction,
    issuer: &Issuer,
    last: CrlHead,
    lifetime: SignedDuration,
    now: Timestamp,
) -> Result<Next, Failure> {
    let (mut entries, mut changed, mut new) = (Entries::default(), Entries::default(), Vec::new());
    tx.crls()
        .for_each_revoked(&last, |RevokedRow { serial, revoked_at, reason, listed_in }| {
            if let Some(serial) = Serial::parse(&serial) {
                let entry = Revoked { serial, revoked_at, reason };
                entries.push(entry);
                if listed_in.is_none_or(|number| number > last.base_number) {
                    changed.push(entry);
                }
            }
            if listed_in.is_none() {
                new.push(serial);
            }
        })
        .await?;
    let domain = issuer.view.domain;
    let shard = CrlShard { domain, url: last.url.clone(), delta_url: delta_url(&last.url, domain) };
    let mut validity = Validity::starting(now, lifetime);
    // A clock that stepped back must not make a list older than the one before.
    validity.not_before = validity.not_before.max(last.this_update);
    let number = last.number + 1;
    let count = entries.count();
    // A list that replaces one by its age, or a delta that would not be small, is what later deltas are about.
    let is_base = is_due(&last, lifetime, now) || changed.count() > DELTA_ENTRIES.max(count / 8);
    let is_base = is_base || domain == AuthorityDomain::Root;
    let base_number = if is_base { number } else { last.base_number };
    let mut since = last.base_number;
    if changed.count() > DELTA_ENTRIES.max(count / 2) {
        // The complete list is as good as that delta, and it would cost as much again to sign.
        (since, changed) = (number, Entries::default());
    }
    // Also when later ones are about this list: whoever has the one before learns from this what has changed.
    let delta = match domain {
        AuthorityDomain::Root => None,
        _ => Some(issuer.authority.sign_crl(&shard, number, Extent::Since(since), changed, validity)?.der),
    };
    let crl = issuer.authority.sign_crl(&shard, number, Extent::Complete, entries, validity)?;
    signed("crl");
    let (this_update, next_update) = (crl.this_update, crl.next_update);
    let head = CrlHead { number, this_update, next_update, base_number, ..last };
    Ok(Next { row: CrlRow { head, der: crl.der, delta }, entries: count, new })
}

/// Whether a shard wants its next list: because somebody asked, because it is due, or because a revocation waits.
async fn wants_next(
    tx: &mut Transaction,
    last: &CrlHead,
    occasion: &Occasion,
    now: Timestamp,
) -> Result<bool, Failure> {
    let asked = matches!(occasion, Occasion::Asked(_));
    Ok(asked || is_due(last, crl_lifetime(tx).await?, now) || tx.crls().has_unlisted(&last.issuer, last.shard).await?)
}

async fn crl_lifetime(tx: &mut Transaction) -> Result<SignedDuration, Failure> {
    Ok(tx.cluster().get().await?.declared.authority.crl_lifetime.as_signed())
}

/// A list is due at half of its life, and when it would outlive what is declared now.
fn is_due(last: &CrlHead, lifetime: SignedDuration, now: Timestamp) -> bool {
    now >= last.this_update + last.next_update.duration_since(last.this_update) / 2 || last.next_update > now + lifetime
}
