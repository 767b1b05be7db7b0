//! Rotates authorities: takes the steps that are due, each in a transaction with its audit row, and handles requests
//! for a rotation. A successor is announced to nodes, with its CRLs and in the trust bundle, before it signs anything
//! for them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use ringfence_api::ProblemCode;
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_api::certificate::RevocationReason;
use ringfence_pki::{CertificateFacts, Serial};
use ringfence_store::Transaction;
use ringfence_store::certificate::Revoke;
use ringfence_store::issuer::IssuerRow;
use tracing::info;

use crate::access::OperatorCaller;
use crate::authority::Authorities;
use crate::authority::create::{New, create, number_of_next, record};
use crate::authority::issuers::{Issuers, crl_url};
use crate::authority::next::{AuthorityFacts, Step, next};
use crate::base::{Actor, Base, Body, Event, Failure, Segment, Task};

/// Rotates authorities when they are due.
pub(crate) struct RotateAuthorities(pub(super) Arc<Authorities>);

#[async_trait]
impl Task for RotateAuthorities {
    fn name(&self) -> &'static str {
        "rotate_authorities"
    }

    fn purpose(&self) -> &'static str {
        "prepares, activates, retires and erases roots and intermediates"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn woken_by(&self) -> &'static [Event] {
        &[Event::RotationWanted, Event::AuthoritiesChanged]
    }

    async fn run(&self) -> anyhow::Result<String> {
        Ok(rotate_due(&self.0).await?)
    }
}

/// Takes every step that is due. Returns what was done, in words.
pub(crate) async fn rotate_due(authorities: &Authorities) -> Result<String, Failure> {
    let base = &authorities.base;
    let mut done = Vec::new();
    loop {
        // Most runs find nothing to do, and must not occupy the store's writer.
        let mut tx = base.store.read("look_at_authorities").await?;
        authorities.fresh(&mut tx).await?;
        let step = next(&load_facts(&mut tx, base.now()).await?, base.now());
        drop(tx);
        if step.is_none() {
            return Ok(done.join(", "));
        }
        done.extend(take_next(authorities).await?);
    }
}

/// The authorities, the oldest of a domain first, including those that are gone.
pub(crate) async fn list_authorities(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
) -> Result<Json<Vec<Authority>>, Failure> {
    let rows = base.store.read("list_authorities").await?.issuers().list().await?;
    Ok(Json(rows.into_iter().map(|row| row.view).collect()))
}

/// Requests a successor of the active authority of a domain. With a root, its intermediates are rotated too. Returns at
/// once; `GET /v1/authorities` shows the progress. While a rotation is in progress, another request changes nothing,
/// unless it is the first to state that the key is compromised.
pub(crate) async fn rotate_authority(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(domain): Segment<AuthorityDomain>,
    Body(RotateAuthority { compromised }): Body<RotateAuthority>,
) -> Result<Json<Vec<Authority>>, Failure> {
    let now = base.now();
    let mut tx = base.store.write("rotate_authority").await?;
    let rows = tx.issuers().list().await?;
    let active = rows.iter().find(|row| row.view.domain == domain && row.view.state == AuthorityState::Active);
    let active = active.ok_or_else(|| Failure::new(ProblemCode::Conflict, "this domain has no active authority"))?;
    // A compromise concerns the whole domain: with the active authority, all earlier ones are distrusted. Roots have
    // cross-signed one another, and with a root's key anybody can create intermediates; so all intermediates are
    // distrusted with a root.
    let distrusted: Vec<&IssuerRow> = rows
        .iter()
        .filter(|row| compromised && row.view.state != AuthorityState::Gone && row.view.distrusted_at.is_none())
        .filter(|row| domain == AuthorityDomain::Root || row.view.domain == domain)
        .collect();
    if active.view.rotation_requested_at.is_none() || !distrusted.is_empty() {
        tx.issuers().request_rotation(&active.view.id, compromised, now).await?;
        for row in distrusted {
            tx.issuers().request_rotation(&row.view.id, true, now).await?;
        }
        // Nodes may hold certificates of retired authorities.
        tx.cluster().increment_generation().await?;
        let outcome = if compromised { "requested, its key is distrusted" } else { "requested" };
        actor.record(&mut tx, "rotate_authority", &active.view.id, outcome, now).await?;
    }
    let rows = tx.issuers().list().await?;
    tx.commit().await?;
    base.changes.notify_desired();
    base.events.notify(Event::RotationWanted);
    Ok(Json(rows.into_iter().map(|row| row.view).collect()))
}

/// The authorities, with the facts that decide about them.
async fn load_facts(tx: &mut Transaction, now: Timestamp) -> Result<Vec<AuthorityFacts>, Failure> {
    let applied = tx.nodes().find_applied_generation().await?;
    let mut all = Vec::new();
    for row in tx.issuers().list().await? {
        let id = row.view.id.clone();
        let retired = row.view.state == AuthorityState::Retired;
        all.push(AuthorityFacts {
            // Without nodes there is nothing to wait for.
            applied: applied.is_none_or(|applied| applied >= row.prepared_generation),
            is_offline: row.view.state != AuthorityState::Gone && row.sealed_key.is_empty(),
            in_use: retired && tx.issuers().is_in_use(&id, now).await?,
            last_expiry: if retired { tx.issuers().find_last_expiry(&id).await? } else { None },
            row,
        });
    }
    Ok(all)
}

/// Takes one step that is due. Returns it in words, or nothing if another daemon was faster.
async fn take_next(authorities: &Authorities) -> Result<Option<String>, Failure> {
    let base = &authorities.base;
    let now = base.now();
    let mut tx = base.store.write("rotate_authorities").await?;
    let Some(step) = next(&load_facts(&mut tx, now).await?, now) else { return Ok(None) };
    let issuers = authorities.fresh(&mut tx).await?;
    let (object, done) = match &step {
        Step::Prepare(domain) => {
            let id = prepare(authorities, &mut tx, &issuers, *domain, now).await?;
            (id, "prepared")
        }
        Step::NoteKnown(id) => {
            tx.issuers().mark_known(id, now).await?;
            (id.clone(), "known to every node")
        }
        Step::Activate { id, domain } => {
            tx.issuers().activate(id, *domain, now).await?;
            (id.clone(), "active")
        }
        Step::Revoke(id) => {
            revoke(&mut tx, id, now).await?;
            tx.issuers().erase(id).await?;
            (id.clone(), "revoked and gone")
        }
        Step::Erase(id) => {
            tx.issuers().erase(id).await?;
            (id.clone(), "gone")
        }
    };
    if !matches!(step, Step::NoteKnown(_)) {
        // What nodes should hold has changed: roots, CRLs, or certificates to replace.
        tx.cluster().increment_generation().await?;
    }
    Actor::daemon("rotate_authorities").record(&mut tx, "rotate_authorities", &object, done, now).await?;
    tx.commit().await?;
    info!(authority = object, done, "authority");
    authorities.fresh(&mut base.store.read("load_authorities").await?).await?;
    base.changes.notify_desired();
    base.events.notify(Event::AuthoritiesChanged);
    Ok(Some(format!("{object} {done}")))
}

/// Creates a successor.
async fn prepare(
    authorities: &Authorities,
    tx: &mut Transaction,
    issuers: &Issuers,
    domain: AuthorityDomain,
    now: Timestamp,
) -> Result<String, Failure> {
    let base = &authorities.base;
    let cluster = tx.cluster().get().await?;
    let new = New {
        domain,
        number: number_of_next(&tx.issuers().list().await?, domain, &cluster.incarnation),
        state: AuthorityState::Prepared,
        // The generation of this transaction.
        generation: cluster.generation + 1,
    };
    let signer = issuers.active(AuthorityDomain::Root)?;
    let parent = (domain != AuthorityDomain::Root).then_some((signer.view.id.as_str(), &signer.authority));
    let created = create(tx, &base.master_key, &base.rng, &cluster, parent, new, now).await?;
    let facts = CertificateFacts::read(signer.authority.certificate()).map_err(Failure::internal)?;
    let is_valid = facts.not_before <= now && now < facts.not_after;
    if domain == AuthorityDomain::Root && signer.view.distrusted_at.is_none() && is_valid {
        let url = crl_url(&cluster.endpoint, &signer.view.id, 0);
        let cross = signer.authority.cross_sign(&created.1, Serial::random(base.rng()), &url, now)?;
        tx.issuers().update_cross_certificate(&created.0, &cross.certificate).await?;
        record(tx, &signer.view.id, &cross.certificate, now).await?;
    }
    Ok(created.0)
}

/// Revokes an intermediate in its root's CRL, and everything that it signed and that is still valid, such as copies and
/// certificates that were issued from CSRs.
async fn revoke(tx: &mut Transaction, id: &str, now: Timestamp) -> Result<(), Failure> {
    let rows = tx.issuers().list().await?;
    let Some(row) = rows.iter().find(|row| row.view.id == id) else { return Ok(()) };
    let facts = CertificateFacts::read(&row.certificate).map_err(Failure::internal)?;
    let serial = facts.serial.to_string();
    if tx.certificates().find(&serial).await?.is_none() {
        // An authority from before certificates of authorities were recorded.
        record(tx, &row.view.parent, &row.certificate, now).await?;
    }
    tx.certificates().revoke(&serial, RevocationReason::CaCompromise, now).await?;
    tx.certificates().revoke_all(Revoke::IssuedBy(id), RevocationReason::CaCompromise, now).await?;
    Ok(())
}
