//! Publishes CRLs: soon after a revocation, well before the last CRL expires, and at the operator's request. A CRL is
//! served and announced only once it is committed.

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

/// Publishes CRLs when they are due.
pub(crate) struct PublishCrls(pub(super) Arc<Authorities>);

#[async_trait]
impl Task for PublishCrls {
    fn name(&self) -> &'static str {
        "publish_crls"
    }

    fn purpose(&self) -> &'static str {
        "publishes revocations in CRLs, and renews each CRL at half of its lifetime"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn rest(&self) -> Duration {
        // Many revocations in a short time need few CRLs.
        Duration::from_millis(200)
    }

    fn woken_by(&self) -> &'static [Event] {
        &[Event::Revoked, Event::AuthoritiesChanged]
    }

    async fn run(&self) -> anyhow::Result<String> {
        let Self(authorities) = self;
        let published = publish(authorities, &Trigger::Due).await?;
        check_imported_crls(authorities).await?;
        let names: Vec<String> = published.iter().map(|crl| format!("{} number {}", crl.issuer, crl.number)).collect();
        Ok(if names.is_empty() { String::new() } else { format!("published {}", names.join(", ")) })
    }
}

/// Fails if a CRL of an offline root misses a revocation or expires soon.
async fn check_imported_crls(authorities: &Authorities) -> anyhow::Result<()> {
    let now = authorities.base.now();
    let mut tx = authorities.base.store.read("look_at_crls").await?;
    let issuers = authorities.fresh(&mut tx).await?;
    for crl in tx.crls().list_heads().await? {
        let offline = issuers.find(&crl.issuer).is_some_and(|issuer| !issuer.authority.can_sign());
        if !offline {
            continue;
        }
        let mut unlisted = Vec::new();
        tx.crls()
            .for_each_revoked(&crl, now, |row| unlisted.extend(row.listed_in.is_none().then_some(row.serial)))
            .await?;
        anyhow::ensure!(
            unlisted.is_empty(),
            "the CRL of {} does not list everything that is revoked, and its key is offline: sign another there with \
             `ringfenced ca list --revoke {}`, and import it with `ringfenced ca import`",
            crl.issuer,
            unlisted.join(" --revoke ")
        );
        let lifetime = crl.next_update.duration_since(crl.this_update);
        let (issuer, expiry) = (&crl.issuer, crl.next_update);
        anyhow::ensure!(
            now < expiry - lifetime / 4,
            "the CRL of {issuer} expires at {expiry}, and its key is offline: sign another there with `ringfenced ca \
             list`, and import it with `ringfenced ca import`"
        );
    }
    Ok(())
}

/// Publishes the next CRL of every shard now, whether due or not.
pub(crate) async fn publish_crls(
    State(authorities): State<Arc<Authorities>>,
    OperatorCaller(actor): OperatorCaller,
) -> Result<Json<Vec<PublishedCrl>>, Failure> {
    // Those who ask at the same time get the same CRLs.
    let at = authorities.base.now();
    let _turn = authorities.publishing.lock().await;
    Ok(Json(publish(&authorities, &Trigger::Requested { actor, at }).await?))
}

/// Why CRLs are published.
enum Trigger {
    /// Those that are due.
    Due,
    /// All of them, at a caller's request: each is signed after this moment.
    Requested { actor: Actor, at: Timestamp },
}

/// Signs and stores the next CRL of every shard that needs one, and notifies agents.
async fn publish(authorities: &Authorities, trigger: &Trigger) -> Result<Vec<PublishedCrl>, Failure> {
    let mut tx = authorities.base.store.read("look_at_crls").await?;
    let issuers = authorities.fresh(&mut tx).await?;
    let mut pending = Vec::new();
    for last in tx.crls().list_heads().await? {
        let signs = issuers.find(&last.issuer).is_some_and(|issuer| issuer.authority.can_sign());
        let is_requested = matches!(trigger, Trigger::Requested { .. });
        if signs && (is_requested || needs_next(&mut tx, &last, trigger, authorities.base.now()).await?) {
            pending.push(last);
        }
    }
    drop(tx);
    pending.sort_by_key(|last| {
        (issuers.find(&last.issuer).map(|issuer| issuer.view.domain), last.issuer.clone(), last.shard)
    });
    let mut published = Vec::new();
    for last in pending {
        published.extend(publish_shard(authorities, &last.issuer, last.shard, trigger).await?);
    }
    if !published.is_empty() {
        authorities.base.changes.notify_desired();
    }
    Ok(published)
}

/// Signs and stores the next CRL of a shard, unless it no longer needs one. The CRL is assembled and signed from a
/// read, without occupying the store's writer; the write checks that it is still the next one.
async fn publish_shard(
    authorities: &Authorities,
    issuer: &str,
    shard: u32,
    trigger: &Trigger,
) -> Result<Option<PublishedCrl>, Failure> {
    // Only once, because a clock that does not go on must not keep a revocation from being published.
    let mut paused = false;
    loop {
        let now = authorities.base.now();
        let mut tx = authorities.base.store.read("sign_crl").await?;
        let issuers = authorities.fresh(&mut tx).await?;
        // An authority that is gone by now needs no CRL.
        let Some(signer) = issuers.find(issuer) else { return Ok(None) };
        let Some(last) = tx.crls().find_head(issuer, shard).await? else { return Ok(None) };
        if !needs_next(&mut tx, &last, trigger, now).await? {
            // Whoever asked gets what was published since.
            let is_requested = matches!(trigger, Trigger::Requested { .. });
            return if is_requested { published(&mut tx, last, now).await.map(Some) } else { Ok(None) };
        }
        if let Some(pause) = pause_before(&last, now).filter(|_| !paused) {
            drop(tx);
            paused = true;
            tokio::time::sleep(pause).await;
            continue;
        }
        let lifetime = issuers.settings.crl_lifetime.as_signed();
        let number = last.number;
        let next = sign_next(&mut tx, signer, last, lifetime, now).await?;
        drop(tx);
        let mut tx = authorities.base.store.write("publish_crl").await?;
        let same = issuers.are_same(&*authorities.fresh(&mut tx).await?);
        if !same || !tx.crls().update(number, &next.row).await? {
            // Another daemon was faster, or an authority has changed: try again if revocations are still unlisted.
            continue;
        }
        let Next { row: CrlRow { head, .. }, entries, new } = next;
        tx.crls().mark_listed(&head, &new).await?;
        tx.cluster().increment_generation().await?;
        if let Trigger::Requested { actor, .. } = trigger {
            let object = format!("{issuer}/{shard}");
            actor.record(&mut tx, "publish_crl", &object, &format!("number {}", head.number), now).await?;
        }
        tx.commit().await?;
        info!(issuer, shard, crl.number = head.number, crl.entries = entries, "CRL published");
        let CrlHead { issuer, shard, number, this_update, next_update, .. } = head;
        return Ok(Some(PublishedCrl { issuer, shard, number, entries, this_update, next_update }));
    }
}

/// A CRL that has been published.
async fn published(tx: &mut Transaction, head: CrlHead, now: Timestamp) -> Result<PublishedCrl, Failure> {
    let mut entries = 0;
    tx.crls().for_each_revoked(&head, now, |_| entries += 1).await?;
    let CrlHead { issuer, shard, number, this_update, next_update, .. } = head;
    Ok(PublishedCrl { issuer, shard, number, entries, this_update, next_update })
}

/// A CRL that is signed but not published.
struct Next {
    row: CrlRow,
    /// How many certificates it lists.
    entries: usize,
    /// The serial numbers that no CRL has listed before.
    new: Vec<String>,
}

/// A delta may always have this many entries, however short the complete CRL is.
const DELTA_ENTRIES: usize = 64;

/// Signs the next CRL, and the delta to the base.
async fn sign_next(
    tx: &mut Transaction,
    issuer: &Issuer,
    last: CrlHead,
    lifetime: SignedDuration,
    now: Timestamp,
) -> Result<Next, Failure> {
    let (mut entries, mut changed, mut new) = (Entries::default(), Entries::default(), Vec::new());
    tx.crls()
        .for_each_revoked(&last, now, |RevokedRow { serial, revoked_at, reason, listed_in }| {
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
    let starting = Validity::starting(now, lifetime);
    let validity = Validity { not_before: this_update(starting.not_before, last.this_update, now), ..starting };
    let number = next_number(&last);
    let count = entries.count();
    // A CRL that replaces the last one because of its age is the base of later deltas; so is one whose delta would be
    // large.
    let is_base = is_due(&last, lifetime, now) || changed.count() > DELTA_ENTRIES.max(count / 8);
    let is_base = is_base || domain == AuthorityDomain::Root;
    let base_number = if is_base { number } else { last.base_number };
    let mut since = last.base_number;
    if changed.count() > DELTA_ENTRIES.max(count / 2) {
        // Such a delta would save nothing over the complete CRL, and cost as much again to sign.
        (since, changed) = (number, Entries::default());
    }
    // Also when this CRL is the new base: verifiers with the base before need this delta.
    let delta = match domain {
        AuthorityDomain::Root => None,
        _ => Some(issuer.authority.sign_crl(&shard, number, Extent::Since(since), changed, validity)?.der),
    };
    let crl = issuer.authority.sign_crl(&shard, number, Extent::Complete, entries, validity)?;
    signed("crl");
    let (this_update, next_update) = (crl.this_update, crl.next_update);
    let head = CrlHead { number, this_update, next_update, base_number, signed_at: now, ..last };
    Ok(Next { row: CrlRow { head, der: crl.der, delta }, entries: count, new })
}

/// Whether a shard needs its next CRL: because it was requested, because it is due, or because a revocation is
/// unlisted.
async fn needs_next(tx: &mut Transaction, last: &CrlHead, trigger: &Trigger, now: Timestamp) -> Result<bool, Failure> {
    let requested = matches!(trigger, Trigger::Requested { at, .. } if last.signed_at < *at);
    Ok(requested
        || is_due(last, crl_lifetime(tx).await?, now)
        || tx.crls().has_unlisted(&last.issuer, last.shard).await?)
}

async fn crl_lifetime(tx: &mut Transaction) -> Result<SignedDuration, Failure> {
    Ok(tx.cluster().get().await?.declared.authority.crl_lifetime.as_signed())
}

/// The CRLNumber of the CRL after this one: above its own, and above what a lost history may have used.
pub(crate) fn next_number(last: &CrlHead) -> i64 {
    last.number.max(last.number_floor) + 1
}

/// How much later than now a CRL may have been signed by a daemon whose clock is ahead.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// A CRL is due at half of its lifetime, when it is valid for longer than is declared now, when it was signed in the
/// future, because the clock was wrong then or is wrong now, and when its number may have been used in a history that
/// is lost.
fn is_due(last: &CrlHead, lifetime: SignedDuration, now: Timestamp) -> bool {
    now >= last.this_update + last.next_update.duration_since(last.this_update) / 2
        || last.next_update > now + lifetime
        || last.this_update > now
        || last.signed_at > now + SKEW
        || last.number_floor > last.number
}

/// The thisUpdate of a CRL that would begin at `begins`: later than that of the one before, by at least a second. After
/// one from the future it begins now, so that verifiers believe it.
fn this_update(begins: Timestamp, before: Timestamp, now: Timestamp) -> Timestamp {
    if before > now {
        return Timestamp::from_second(now.as_second()).unwrap_or(begins);
    }
    begins.max(before + SignedDuration::from_secs(1))
}

/// How long to wait before the next CRL of a shard is signed: there is at most one in each second.
pub(crate) fn pause_before(last: &CrlHead, now: Timestamp) -> Option<Duration> {
    let next = last.signed_at + SignedDuration::from_secs(1);
    if last.signed_at > now || next <= now {
        return None;
    }
    Duration::try_from(next.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn last(signed: i64) -> CrlHead {
        CrlHead {
            issuer: "services-1".to_owned(),
            shard: 0,
            url: String::new(),
            number: 5,
            this_update: at(signed - 5),
            next_update: at(signed + 95),
            base_number: 5,
            signed_at: at(signed),
            number_floor: 0,
        }
    }

    #[test]
    fn a_crl_is_due_by_age_and_by_what_clock_and_history_did() {
        let lifetime = SignedDuration::from_secs(100);
        let table = [
            ("just signed", last(0), 0, false),
            ("at half of its life", last(0), 45, true),
            ("just before", last(0), 44, false),
            ("valid for longer than is declared", CrlHead { next_update: at(101), ..last(0) }, 0, true),
            ("signed with a clock that was ahead by days", last(500_000), 0, true),
            ("signed by another daemon, a moment ahead", CrlHead { next_update: at(100), ..last(2) }, 0, false),
            ("its number may have been used", CrlHead { number_floor: 6, ..last(0) }, 0, true),
        ];
        for (what, last, now, expected) in table {
            assert_eq!(is_due(&last, lifetime, at(now)), expected, "{what}");
        }
    }

    #[test]
    fn this_update_rises_by_a_second_unless_the_one_before_is_in_the_future() {
        let table = [
            ("usual", 95, 50, 100, 95),
            ("soon after", 95, 95, 100, 96),
            ("the clock went back", -5, 500_000, 0, 0),
            ("the clock went back a little", 85, 100, 90, 90),
        ];
        for (what, begins, before, now, expected) in table {
            assert_eq!(this_update(at(begins), at(before), at(now)), at(expected), "{what}");
        }
    }

    #[test]
    fn there_is_at_most_one_crl_of_a_shard_in_each_second() {
        assert_eq!(pause_before(&last(0), at(0)), Some(Duration::from_secs(1)));
        assert_eq!(pause_before(&last(0), at(1)), None);
        assert_eq!(pause_before(&last(500_000), at(0)), None, "the clock went back");
    }
}
