//! Begins another history of the database, after it has been put back to an earlier state: by `ringfenced restore`, or
//! by a copy of its files that somebody noticed (the daemon's own note of how far it was, or more than half of the
//! nodes).
//!
//! What happened in between is forgotten here and known elsewhere: certificates were issued that nobody could ever
//! revoke, revocations are missing, one-time secrets were used. So, in one transaction:
//! - the incarnation and a later generation make every agent take the whole state anew;
//! - CRL numbers go on above everything that may have been published, and what published CRLs revoke stays revoked;
//! - sessions, tickets, tokens and the keys that sign tokens end;
//! - every intermediate is distrusted, so that its successor replaces what is in use and it is revoked with the rest;
//! - the audit log says from when to when history is missing, and the row is signed with the next checkpoint.

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use ringfence_api::authority::{AuthorityDomain, AuthorityState};
use ringfence_api::incarnation::Point;
use ringfence_pki::{MasterKey, Revoked, read_list};
use ringfence_store::Transaction;
use ringfence_store::crl::{CrlHead, RevokedRow};
use ringfence_store::issuer::IssuerRow;
use ringfence_store::token::End;
use tracing::warn;

use crate::base::{Actor, Failure};
use crate::token::rotate_due;

/// What is known of the history that is lost, from outside of the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// Points that were heard of.
    pub(crate) heard: Vec<Point>,
    /// CRLs that were found in files, DER. Only those that an authority of the cluster has signed count.
    pub(crate) crls: Vec<Vec<u8>>,
    /// The roots that nodes trust, DER; none if no node's files were found.
    pub(crate) trusted_roots: Vec<Vec<u8>>,
}

/// How many lists more may have been published than one in each second: for clocks that differ.
const MARGIN: i64 = 3_600;

/// Begins another history. The caller commits.
pub(crate) async fn begin(
    tx: &mut Transaction,
    (master_key, rng): (&MasterKey, &SystemRandom),
    evidence: &Evidence,
    cause: &str,
    now: Timestamp,
) -> Result<Point, Failure> {
    let cluster = tx.cluster().get().await?;
    let database = cluster.point();
    let last_row = tx.audit().list(1).await?.first().map_or(now, |row| row.at);
    let nodes = tx.nodes().list().await?;
    let beyond: Vec<Point> = nodes.into_iter().filter_map(|node| node.beyond).collect();
    let heard = [&database].into_iter().chain(&beyond).chain(&evidence.heard);
    let next = Point::following(heard, uuid::Uuid::new_v4().to_string());
    tx.cluster().update_incarnation(&next).await?;
    tx.nodes().forget_reports().await?;
    let issuers = tx.issuers().list().await?;
    take_over_lists(tx, &issuers, evidence, now).await?;
    tx.sessions().delete_all().await?;
    tx.tickets().delete_all().await?;
    let ended = tx.tokens().end_all(End::All, now).await?;
    tx.token_keys().erase_all(now).await?;
    rotate_due(tx, master_key, rng, now).await?;
    let distrusted = to_distrust(&issuers, evidence);
    for id in &distrusted {
        tx.issuers().request_rotation(id, true, now).await?;
    }
    let outcome = format!(
        "{cause}: history is missing from {last_row} to {now}; {ended} tokens ended, distrusted: {}",
        if distrusted.is_empty() { "none".to_owned() } else { distrusted.join(", ") }
    );
    let object = next.incarnation.number.to_string();
    Actor::daemon("restore").record(tx, "begin_incarnation", &object, &outcome, now).await?;
    warn!(incarnation = next.incarnation.number, generation = next.generation, outcome, "another history begins");
    if distrusted.is_empty() {
        warn!(
            "the root is offline, so the intermediates cannot be replaced here: certificates that were issued after \
             the backup are valid and unknown; sign other intermediates with `ringfenced ca intermediate`, import \
             them with `ringfenced ca import`, and rotate with `--compromised`"
        );
    }
    Ok(next)
}

/// The authorities that must be replaced: all intermediates, if their root's key is here to sign others; and the roots,
/// if nodes trust others only, because then they have been replaced before.
fn to_distrust(issuers: &[IssuerRow], evidence: &Evidence) -> Vec<String> {
    let active_root =
        issuers.iter().find(|row| row.view.domain == AuthorityDomain::Root && row.view.state == AuthorityState::Active);
    let Some(root) = active_root.filter(|root| !root.sealed_key.is_empty()) else { return Vec::new() };
    let is_replaced = !evidence.trusted_roots.is_empty() && !evidence.trusted_roots.contains(&root.certificate);
    let live = issuers.iter().filter(|row| row.view.state != AuthorityState::Gone);
    let concerned = live.filter(|row| is_replaced || row.view.domain != AuthorityDomain::Root);
    concerned.map(|row| row.view.id.clone()).collect()
}

/// Goes on from the lists of the lost history: with greater numbers, and with what they revoke.
async fn take_over_lists(
    tx: &mut Transaction,
    issuers: &[IssuerRow],
    evidence: &Evidence,
    now: Timestamp,
) -> Result<(), Failure> {
    for last in tx.crls().list_heads().await? {
        // The lists of an offline root are numbered where it is.
        let Some(issuer) = issuers.iter().find(|row| row.view.id == last.issuer && !row.sealed_key.is_empty()) else {
            continue;
        };
        let found: Vec<(i64, Vec<Revoked>)> =
            evidence.crls.iter().filter_map(|crl| read_list(&issuer.certificate, crl)).collect();
        let greatest = found.iter().map(|(number, _)| *number).max().unwrap_or_default();
        tx.crls().raise_number_floor(&last.issuer, last.shard, number_floor(&last, greatest, now)).await?;
        for revoked in found.iter().flat_map(|(_, revoked)| revoked) {
            if revoked.serial.shard(issuer.shards) == last.shard {
                revoke_again(tx, &last, revoked).await?;
            }
        }
    }
    Ok(())
}

/// Revokes what was revoked in the lost history.
async fn revoke_again(tx: &mut Transaction, last: &CrlHead, revoked: &Revoked) -> Result<(), Failure> {
    let Revoked { serial, revoked_at, reason } = *revoked;
    let serial = serial.to_string();
    if tx.certificates().find(&serial).await?.is_some() {
        tx.certificates().revoke(&serial, reason, revoked_at).await?;
    } else {
        let row = RevokedRow { serial, revoked_at, reason, listed_in: None };
        tx.crls().insert_lost(&last.issuer, last.shard, &row).await?;
    }
    Ok(())
}

/// A number that no list of the lost history had: a list is published at most once a second.
pub(crate) fn number_floor(last: &CrlHead, found: i64, now: Timestamp) -> i64 {
    let elapsed = now.duration_since(last.signed_at).as_secs().max(0);
    last.number.max(last.number_floor).saturating_add(elapsed).saturating_add(MARGIN).max(found)
}
