//! Rotating authorities: taking the steps that are due, each in a transaction with its audit row, and asking for them at
//! once. A successor is made known to nodes, with its lists and in the trust bundle, before it signs anything for them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use ringfence_api::ProblemCode;
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_api::certificate::{CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_api::cluster::AuthoritySettings;
use ringfence_pki::{
    CertificateFacts, CrlShard, Domain, Extent, KeyAlgorithm, MasterKey, Plan, Serial, Validity, fingerprint,
};
use ringfence_store::{ClusterRow, CrlRow, IssuerRow, NewCertificate, Transaction};
use tracing::info;

use crate::Daemon;
use crate::audit::Actor;
use crate::authority::issuers::{Issuers, crl_url};
use crate::authority::key_context;
use crate::authority::next::{Known, Step, next};
use crate::http::{Body, Failure, OperatorCaller, Segment};
use crate::task::{Task, Wake};

/// Rotates when it is time.
pub(crate) struct RotateAuthorities;

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

    async fn run(&self, daemon: &Arc<Daemon>) -> anyhow::Result<String> {
        let mut done = Vec::new();
        loop {
            // Most runs find nothing to do and should not stand in a writer's way.
            let mut tx = daemon.store.read("look_at_authorities").await?;
            daemon.authorities.fresh(&mut tx, &daemon.master_key).await?;
            let step = next(&known(&mut tx, daemon.now()).await?, daemon.now());
            drop(tx);
            if step.is_none() {
                return Ok(done.join(", "));
            }
            done.extend(take_next(daemon).await?);
        }
    }
}

/// The authorities, the oldest of a domain first; with those that are gone.
#[utoipa::path(get, path = "/v1/authorities", tag = "authority", responses((status = 200, body = Vec<Authority>)))]
pub(crate) async fn list_authorities(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
) -> Result<Json<Vec<Authority>>, Failure> {
    let rows = daemon.store.read("list_authorities").await?.list_issuers().await?;
    Ok(Json(rows.into_iter().map(|row| row.view).collect()))
}

/// Asks for a successor of the active authority of a domain. A root takes its intermediates along. Answers at once;
/// `GET /v1/authorities` says how far it is. While one is under way, asking again changes nothing, unless it says now
/// that the key is compromised.
#[utoipa::path(post, path = "/v1/authorities/{domain}/rotate", tag = "authority", params(("domain" = AuthorityDomain, Path, description = "Whose")), request_body = RotateAuthority, responses((status = 200, body = Vec<Authority>)))]
pub(crate) async fn rotate_authority(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(domain): Segment<AuthorityDomain>,
    Body(RotateAuthority { compromised }): Body<RotateAuthority>,
) -> Result<Json<Vec<Authority>>, Failure> {
    let now = daemon.now();
    let mut tx = daemon.store.write("rotate_authority").await?;
    let rows = tx.list_issuers().await?;
    let active = rows.iter().find(|row| row.view.domain == domain && row.view.state == AuthorityState::Active);
    let active = active.ok_or_else(|| Failure::new(ProblemCode::Conflict, "no authority of this domain signs"))?;
    // A key that was seen was not seen alone: with the one that signs go those before it. Roots have signed one another, and
    // whoever has a root's key can make intermediates; those that it made are no better than others.
    let distrusted: Vec<&IssuerRow> = rows
        .iter()
        .filter(|row| compromised && row.view.state != AuthorityState::Gone && row.view.distrusted_at.is_none())
        .filter(|row| domain == AuthorityDomain::Root || row.view.domain == domain)
        .collect();
    if active.view.rotation_requested_at.is_none() || !distrusted.is_empty() {
        tx.update_issuer_requested(&active.view.id, compromised, now).await?;
        for row in distrusted {
            tx.update_issuer_requested(&row.view.id, true, now).await?;
        }
        // Nodes may hold something of those that are retired.
        tx.update_generation().await?;
        let outcome = if compromised { "requested, its key is distrusted" } else { "requested" };
        actor.record(&mut tx, "rotate_authority", &active.view.id, outcome, now).await?;
    }
    let rows = tx.list_issuers().await?;
    tx.commit().await?;
    daemon.changes.ring();
    for wake in [Wake::RotateAuthorities, Wake::RenewProjectUsers] {
        daemon.tasks.wake(wake);
    }
    Ok(Json(rows.into_iter().map(|row| row.view).collect()))
}

/// The authorities with what decides about them.
async fn known(tx: &mut Transaction, now: Timestamp) -> Result<Vec<Known>, Failure> {
    let taken = tx.find_taken_generation().await?;
    let mut known = Vec::new();
    for row in tx.list_issuers().await? {
        let id = row.view.id.clone();
        let retired = row.view.state == AuthorityState::Retired;
        known.push(Known {
            // Without a node there is nobody to wait for.
            taken: taken.is_none_or(|taken| taken >= row.prepared_generation),
            in_use: retired && tx.is_issuer_in_use(&id, now).await?,
            last_end: if retired { tx.find_last_end(&id).await? } else { None },
            row,
        });
    }
    Ok(known)
}

/// Takes one step that is due. Returns it in words; nothing when somebody else was faster.
async fn take_next(daemon: &Daemon) -> Result<Option<String>, Failure> {
    let now = daemon.now();
    let mut tx = daemon.store.write("rotate_authorities").await?;
    let Some(step) = next(&known(&mut tx, now).await?, now) else { return Ok(None) };
    let issuers = daemon.authorities.fresh(&mut tx, &daemon.master_key).await?;
    let (object, done) = match &step {
        Step::Prepare(domain) => {
            let id = prepare(daemon, &mut tx, &issuers, *domain, now).await?;
            (id, "prepared")
        }
        Step::NoteKnown(id) => {
            tx.update_issuer_known(id, now).await?;
            (id.clone(), "known to every node")
        }
        Step::Activate { id, domain } => {
            tx.update_issuer_active(id, *domain, now).await?;
            (id.clone(), "active")
        }
        Step::Revoke(id) => {
            revoke(&mut tx, id, now).await?;
            tx.update_issuer_gone(id).await?;
            (id.clone(), "revoked and gone")
        }
        Step::Erase(id) => {
            tx.update_issuer_gone(id).await?;
            (id.clone(), "gone")
        }
    };
    if !matches!(step, Step::NoteKnown(_)) {
        // Nodes get other roots, other lists, or other certificates to replace.
        tx.update_generation().await?;
    }
    Actor::daemon("rotate_authorities").record(&mut tx, "rotate_authorities", &object, done, now).await?;
    tx.commit().await?;
    info!(authority = object, done, "authority");
    daemon.authorities.fresh(&mut daemon.store.read("load_authorities").await?, &daemon.master_key).await?;
    daemon.changes.ring();
    for wake in [Wake::PublishCrls, Wake::RenewApiCertificate, Wake::RenewProjectUsers] {
        daemon.tasks.wake(wake);
    }
    Ok(Some(format!("{object} {done}")))
}

/// Makes a successor.
async fn prepare(
    daemon: &Daemon,
    tx: &mut Transaction,
    issuers: &Issuers,
    domain: AuthorityDomain,
    now: Timestamp,
) -> Result<String, Failure> {
    let cluster = tx.cluster().await?;
    let number = tx.list_issuers().await?.iter().filter(|row| row.view.domain == domain).map(|row| row.number).max();
    let new = New {
        domain,
        number: number.unwrap_or(0) + 1,
        state: AuthorityState::Prepared,
        // The generation that this transaction brings.
        generation: cluster.generation + 1,
    };
    let signer = issuers.active(AuthorityDomain::Root)?;
    let parent = (domain != AuthorityDomain::Root).then_some((signer.view.id.as_str(), &signer.authority));
    let made = make(tx, &daemon.master_key, &daemon.rng, &cluster, parent, new, now).await?;
    if domain == AuthorityDomain::Root && signer.view.distrusted_at.is_none() {
        let url = crl_url(&cluster.endpoint, &signer.view.id, 0);
        let cross = signer.authority.cross_sign(&made.1, Serial::random(daemon.rng()), &url, now)?;
        tx.update_issuer_cross_certificate(&made.0, &cross.certificate).await?;
        record(tx, &signer.view.id, &cross.certificate, now).await?;
    }
    Ok(made.0)
}

/// What is to be made.
pub(super) struct New {
    pub(super) domain: AuthorityDomain,
    pub(super) number: u32,
    pub(super) state: AuthorityState,
    pub(super) generation: i64,
}

/// Makes an authority with its first lists, so that no verifier ever finds none. Returns its id.
pub(super) async fn make(
    tx: &mut Transaction,
    master_key: &MasterKey,
    rng: &SystemRandom,
    cluster: &ClusterRow,
    parent: Option<(&str, &ringfence_pki::Authority)>,
    new: New,
    now: Timestamp,
) -> Result<(String, ringfence_pki::Authority), Failure> {
    let settings = &cluster.declared.authority;
    let id = format!("{}-{}", new.domain.as_str(), new.number);
    let plan = plan(cluster, settings, &new, Serial::random(rng));
    let made = match parent {
        None => ringfence_pki::Authority::create_root(&plan, now)?,
        Some((root, signer)) => signer.create_intermediate(&plan, &crl_url(&cluster.endpoint, root, 0), now)?,
    };
    let shards = if new.domain == AuthorityDomain::Root { 1 } else { settings.crl_shards };
    let row = IssuerRow {
        view: Authority {
            id: id.clone(),
            domain: new.domain,
            parent: parent.map_or(id.as_str(), |(root, _)| root).to_owned(),
            state: new.state,
            not_after: made.not_after,
            created_at: now,
            activated_at: (new.state == AuthorityState::Active).then_some(now),
            retired_at: None,
            rotation_requested_at: None,
            distrusted_at: None,
        },
        number: new.number,
        sealed_key: master_key.seal(rng, &key_context(&id), &made.private_key),
        certificate: made.certificate.clone(),
        cross_certificate: None,
        shards,
        not_before: made.not_before,
        prepared_generation: new.generation,
        known_at: None,
    };
    tx.insert_issuer(&row).await?;
    if let Some((root, _)) = parent {
        record(tx, root, &made.certificate, now).await?;
    }
    let authority = ringfence_pki::Authority::load(&made.certificate, &made.private_key)?;
    let lifetime = settings.crl_lifetime.as_signed();
    for shard in 0..shards {
        let url = crl_url(&cluster.endpoint, &id, shard);
        let list = CrlShard { domain: pki_domain(new.domain), url: url.clone() };
        let crl = authority.sign_crl(&list, 1, Extent::Complete, [], Validity::starting(now, lifetime))?;
        let (this_update, next_update) = (crl.this_update, crl.next_update);
        let row = CrlRow { issuer: id.clone(), shard, url, number: 1, this_update, next_update, der: crl.der };
        tx.insert_crl(&row).await?;
    }
    Ok((id, authority))
}

fn plan(cluster: &ClusterRow, settings: &AuthoritySettings, new: &New, serial: Serial) -> Plan {
    let lifetime = match new.domain {
        AuthorityDomain::Root => settings.root_lifetime,
        AuthorityDomain::Services | AuthorityDomain::Projects => settings.intermediate_lifetime,
    };
    let short_id = &cluster.id.to_string()[..8];
    // The name carries the cluster's id and a count, so that no two authorities ever have the same subject.
    let count = if new.number == 1 { String::new() } else { format!(" {}", new.number) };
    Plan {
        domain: pki_domain(new.domain),
        name: format!("ringfence {} {}{count} {short_id}", cluster.name, new.domain.as_str()),
        serial,
        algorithm: KeyAlgorithm::from_word(settings.authority_key_algorithm.as_str()).unwrap_or_default(),
        lifetime: lifetime.as_signed(),
    }
}

/// Records a certificate of an authority like any other that was signed, so that it can be revoked like any other.
async fn record(tx: &mut Transaction, issuer: &str, certificate: &[u8], now: Timestamp) -> Result<(), Failure> {
    let facts = CertificateFacts::read(certificate).map_err(Failure::internal)?;
    let row = NewCertificate {
        serial: &facts.serial.to_string(),
        issuer,
        shard: 0,
        profile: CertificateProfile::Authority,
        holder: CertificateHolder::Daemon,
        common_name: &facts.common_name,
        node: None,
        service: None,
        der: certificate,
        fingerprint: &fingerprint(certificate),
        not_before: facts.not_before,
        not_after: facts.not_after,
    };
    tx.insert_certificate(&row, now).await?;
    let serial = facts.serial.to_string();
    let actor = Actor::daemon("rotate_authorities");
    Ok(actor.record(tx, "issue_certificate", &facts.common_name, &serial, now).await?)
}

/// Revokes an intermediate in its root's list, and what is left of it: copies, and what was signed for keys of callers' own.
async fn revoke(tx: &mut Transaction, id: &str, now: Timestamp) -> Result<(), Failure> {
    let rows = tx.list_issuers().await?;
    let Some(row) = rows.iter().find(|row| row.view.id == id) else { return Ok(()) };
    let facts = CertificateFacts::read(&row.certificate).map_err(Failure::internal)?;
    let serial = facts.serial.to_string();
    if tx.find_certificate(&serial).await?.is_none() {
        // One that was made before authorities were recorded.
        record(tx, &row.view.parent, &row.certificate, now).await?;
    }
    tx.update_certificate_revoked(&serial, RevocationReason::CaCompromise, now).await?;
    tx.update_certificates_revoked_by_issuer(id, RevocationReason::CaCompromise, now).await?;
    Ok(())
}

pub(super) fn pki_domain(domain: AuthorityDomain) -> Domain {
    match domain {
        AuthorityDomain::Root => Domain::Root,
        AuthorityDomain::Services => Domain::Services,
        AuthorityDomain::Projects => Domain::Projects,
    }
}
