//! `PUT /v1/nodes/{node}/report`: what a node holds. When a report shows that a new certificate is installed, the one
//! before is revoked: issue, install, then revoke.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use ringfence_api::certificate::{Certificate, CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_api::cluster::PutCluster;
use ringfence_api::incarnation::{Heard, Point, is_history_lost};
use ringfence_api::node::{HeldCertificate, NodeState, PutReport};
use ringfence_api::{ClusterName, ProblemCode, ServiceName};
use ringfence_store::Transaction;
use ringfence_store::cluster::ClusterRow;
use ringfence_store::node::NodeRow;
use tracing::warn;

use crate::access::AgentCaller;
use crate::base::{Body, Event, Failure};
use crate::incarnation::{self, Evidence};
use crate::node::Nodes;
use crate::node::desired::{services_of, unknown_serials};
use crate::node::fault::readable;

/// A node may say anything in a serial number too.
fn fit_to_show(held: HeldCertificate) -> HeldCertificate {
    HeldCertificate { serial: readable(&held.serial), ..held }
}

/// Records a node's report.
pub(crate) async fn put_report(
    State(nodes): State<Arc<Nodes>>,
    caller: AgentCaller,
    Body(report): Body<PutReport>,
) -> Result<Json<()>, Failure> {
    let Nodes { base, authorities, .. } = &*nodes;
    let now = base.now();
    let mut tx = base.store.write("put_report").await?;
    let cluster = tx.cluster().get().await?;
    let before = tx.nodes().find(&caller.node).await?;
    let before = before.ok_or_else(|| Failure::not_found(format!("node {}", caller.node)))?;
    let (database, reported) = (cluster.point(), point_of(&report, &cluster));
    if !reported.is_plausible(&database) {
        let detail = "no cluster gets to this generation and incarnation; report what the last answer said";
        return Err(Failure::new(ProblemCode::InvalidRequest, detail));
    }
    let heard = reported.heard(&database);
    let complete = heard == Heard::Part
        && report.generation >= cluster.declared_generation
        && report.fault.is_none()
        && holds_everything(&cluster.declared, &before, &report.certificates, &cluster.name);
    let after = reported_row(&before, report, &reported, (heard, complete), now);
    tx.nodes().update_report(&after).await?;
    let lost = after.beyond != before.beyond && note_beyond(&mut tx, &nodes, &caller, &reported, now).await?;
    let unrevoked = tx.certificates().list_unrevoked_of_node(caller.node.as_str(), now).await?;
    let superseded = superseded(&unrevoked, &after.held, now);
    for serial in &superseded {
        tx.certificates().revoke(serial, RevocationReason::Superseded, now).await?;
        caller.actor.record(&mut tx, "revoke_certificate", serial, "superseded", now).await?;
    }
    // What the database does not know must be replaced, so the node has news.
    let is_unknown = before.held != after.held && !unknown_serials(&mut tx, &after).await?.is_empty();
    if is_unknown {
        tx.cluster().increment_generation().await?;
    }
    let is_changed = (before.state, &before.held, &before.fault) != (after.state, &after.held, &after.fault);
    if is_changed {
        tx.cluster().increment_revision().await?;
    }
    tx.commit().await?;
    if lost || is_unknown {
        base.changes.notify_desired();
    }
    if lost {
        base.events.notify(Event::RotationWanted);
    }
    if is_changed {
        base.changes.notify_states();
    }
    if !superseded.is_empty() {
        base.events.notify(Event::Revoked);
    }
    let progress = after.reported_generation > before.reported_generation || !superseded.is_empty();
    if progress && authorities.cached().is_changing() {
        base.events.notify(Event::RotationWanted);
    }
    Ok(Json(()))
}

/// The node's row after its report.
fn reported_row(
    before: &NodeRow,
    report: PutReport,
    reported: &Point,
    (heard, complete): (Heard, bool),
    now: Timestamp,
) -> NodeRow {
    let beyond = before.beyond.clone();
    NodeRow {
        state: match before.state {
            NodeState::Removing => NodeState::Removing,
            _ if complete => NodeState::Ready,
            _ => NodeState::Joined,
        },
        reported_at: Some(now),
        // What was applied of another history says nothing about this one.
        reported_generation: if heard == Heard::Part { report.generation } else { 0 },
        held: report.certificates.into_iter().map(fit_to_show).collect(),
        fault: report.fault.as_deref().map(readable),
        beyond: if heard == Heard::Beyond { beyond.max(Some(reported.clone())) } else { beyond },
        ..before.clone()
    }
}

/// The point that a report is about. An agent of an earlier version names no history.
fn point_of(report: &PutReport, cluster: &ClusterRow) -> Point {
    let incarnation = report.incarnation.clone().unwrap_or_else(|| cluster.incarnation.clone());
    Point { incarnation, generation: report.generation }
}

/// Records that a node has heard of a history that the database does not have. When most nodes have, the database has
/// been put back, and another history begins. Returns whether it does.
async fn note_beyond(
    tx: &mut Transaction,
    nodes: &Nodes,
    caller: &AgentCaller,
    reported: &Point,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Nodes { base, .. } = nodes;
    let outcome = format!("generation {} of incarnation {}", reported.generation, reported.incarnation);
    caller.actor.record(tx, "report_unknown_history", caller.node.as_str(), &outcome, now).await?;
    warn!(node = %caller.node, outcome, "a node has heard of a history that the database does not have");
    let rows = tx.nodes().list().await?;
    let joined: Vec<&NodeRow> =
        rows.iter().filter(|node| matches!(node.state, NodeState::Joined | NodeState::Ready)).collect();
    let beyond = joined.iter().filter(|node| node.beyond.is_some()).count();
    if !is_history_lost(beyond, joined.len()) {
        return Ok(false);
    }
    let cause = format!("{beyond} of {} nodes have heard of a history that the database does not have", joined.len());
    incarnation::begin(tx, (&base.master_key, &base.rng), &Evidence::default(), &cause, now).await?;
    Ok(true)
}

/// Whether the node holds its own certificate and one of each service declared on it.
fn holds_everything(declared: &PutCluster, node: &NodeRow, held: &[HeldCertificate], cluster: &ClusterName) -> bool {
    let held: BTreeSet<Option<&ServiceName>> = held.iter().map(|certificate| certificate.service.as_ref()).collect();
    let services = services_of(declared, &node.name, &node.group, cluster);
    held.contains(&None) && services.iter().all(|service| held.contains(&Some(&service.name)))
}

/// How much the clock of the daemon that issued a certificate may be ahead of this one's.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The unrevoked certificates that a held one has replaced: those of the same holder that were issued before it, and
/// those that were issued in the future, when the clock was ahead.
/// Certificates that were issued from CSRs for the same service are not the agent's.
fn superseded(unrevoked: &[Certificate], held: &[HeldCertificate], now: Timestamp) -> Vec<String> {
    let service_of = |certificate: &HeldCertificate| certificate.service.as_ref().map(ToString::to_string);
    let agents: Vec<&Certificate> =
        unrevoked.iter().filter(|certificate| certificate.holder == CertificateHolder::Agent).collect();
    let mut serials = Vec::new();
    for installed in held {
        let holder = service_of(installed);
        let profile = if holder.is_some() { CertificateProfile::Service } else { CertificateProfile::Node };
        let same = |certificate: &&&Certificate| certificate.profile == profile && certificate.service == holder;
        // Only a certificate that was issued to this holder can replace others.
        let Some(present) = agents.iter().filter(same).find(|certificate| certificate.serial == installed.serial)
        else {
            continue;
        };
        let is_older = |certificate: &&&Certificate| {
            let is_ahead = certificate.issued_at > now + SKEW && certificate.serial != present.serial;
            certificate.issued_at < present.issued_at || is_ahead
        };
        let older = agents.iter().filter(same).filter(is_older);
        serials.extend(older.map(|certificate| certificate.serial.clone()));
    }
    serials
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn live(serial: &str, service: Option<&str>, issued_at: i64) -> Certificate {
        Certificate {
            serial: serial.to_owned(),
            issuer: "services-1".to_owned(),
            profile: if service.is_some() { CertificateProfile::Service } else { CertificateProfile::Node },
            holder: CertificateHolder::Agent,
            common_name: "workers-0.demo.internal".to_owned(),
            node: Some("workers-0".to_owned()),
            service: service.map(ToOwned::to_owned),
            job: None,
            issued_at: Timestamp::from_second(issued_at).unwrap(),
            not_after: Timestamp::from_second(issued_at + 100).unwrap(),
            revoked_at: None,
            revocation_reason: None,
        }
    }

    fn held(serial: &str, service: Option<&str>) -> HeldCertificate {
        let service = service.map(|name| ServiceName::parse(name).unwrap());
        HeldCertificate { service, serial: serial.to_owned(), not_after: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn an_installed_certificate_replaces_only_older_ones_of_its_holder() {
        let live = [
            live("n1", None, 1),
            live("n2", None, 2),
            live("q1", Some("query"), 1),
            live("q2", Some("query"), 2),
            live("q3", Some("query"), 3),
            live("w1", Some("web"), 1),
        ];
        assert_eq!(superseded(&live, &[held("n2", None), held("q2", Some("query"))], at(10)), ["n1", "q1"]);
    }

    #[test]
    fn what_was_issued_while_the_clock_was_ahead_is_replaced_too() {
        let live = [live("n1", None, 1), live("n2", None, 2), live("n9", None, 500_000)];
        assert_eq!(superseded(&live, &[held("n2", None)], at(10)), ["n1", "n9"]);
        assert!(superseded(&live, &[held("n9", None)], at(500_000)).contains(&"n2".to_owned()), "while it is");
    }

    #[test]
    fn a_certificate_from_a_csr_neither_is_replaced_nor_replaces() {
        let mut live = [live("h1", Some("query"), 1), live("q2", Some("query"), 2), live("h3", Some("query"), 3)];
        live[0].holder = CertificateHolder::Caller;
        live[2].holder = CertificateHolder::Caller;
        assert!(superseded(&live, &[held("q2", Some("query"))], at(10)).is_empty());
        assert!(superseded(&live, &[held("h3", Some("query"))], at(10)).is_empty());
    }

    #[test]
    fn a_serial_of_another_holder_replaces_nothing() {
        let live = [live("n1", None, 1), live("q2", Some("query"), 2)];
        assert!(superseded(&live, &[held("q2", None), held("made up", None)], at(10)).is_empty());
    }
}
