//! Imports what an offline root signed: the first authorities when the cluster is created; later, successors of
//! intermediates and CRLs of the root. Everything is checked against the rules by which this daemon would have signed
//! it.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use ringfence_api::ProblemCode;
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState, ImportAuthorities};
use ringfence_pki::{
    ImportError, MasterKey, PrivateKey, import_intermediate, import_list, import_root, pem_certificates, pem_crls,
};
use ringfence_store::Transaction;
use ringfence_store::cluster::ClusterRow;
use ringfence_store::crl::{CrlHead, CrlRow};

use crate::access::OperatorCaller;
use crate::authority::Authorities;
use crate::authority::create::{New, establish, number_of_next};
use crate::authority::issuers::crl_url;
use crate::base::{Actor, Body, Event, Failure};

/// Imports intermediates and CRLs that an offline root signed. An imported intermediate is prepared: it signs when a
/// rotation is requested or due, and every node knows it before that.
pub(crate) async fn import_authorities(
    State(authorities): State<Arc<Authorities>>,
    OperatorCaller(actor): OperatorCaller,
    Body(import): Body<ImportAuthorities>,
) -> Result<Json<Vec<Authority>>, Failure> {
    import_signed(&authorities, &actor, &import).await.map(Json)
}

/// The same for any actor.
pub(crate) async fn import_signed(
    authorities: &Authorities,
    actor: &Actor,
    import: &ImportAuthorities,
) -> Result<Vec<Authority>, Failure> {
    let base = &authorities.base;
    let now = base.now();
    if import.root.is_some() {
        let detail = "a root is imported when a cluster is created, from imported.json beside serve.toml";
        return Err(Failure::new(ProblemCode::Conflict, detail));
    }
    let mut tx = base.store.write("import_authorities").await?;
    let issuers = authorities.fresh(&mut tx).await?;
    let root = issuers.active(AuthorityDomain::Root)?;
    let cluster = tx.cluster().get().await?;
    let keys = (&base.master_key, &base.rng);
    for (domain, certificate, key) in intermediates(import)? {
        let rows = tx.issuers().list().await?;
        let of = || rows.iter().filter(|row| row.view.domain == domain);
        if let Some(prepared) = of().find(|row| row.view.state == AuthorityState::Prepared) {
            let detail = format!("{} is already prepared; it becomes active with the next rotation", prepared.view.id);
            return Err(Failure::new(ProblemCode::Conflict, detail));
        }
        import_intermediate(&root.authority, domain, &certificate, &key.to_der(), now).map_err(refused)?;
        let new = New {
            domain,
            number: number_of_next(&rows, domain, &cluster.incarnation),
            state: AuthorityState::Prepared,
            generation: cluster.generation + 1,
        };
        let material = (&certificate[..], Some(&key.to_der()[..]));
        let id = establish(&mut tx, keys, &cluster, Some(&root.view.id), new, material, now).await?;
        actor.record(&mut tx, "bring_authority", &id, "prepared", now).await?;
    }
    if let Some(list) = &import.list {
        let number = replace_crl(&mut tx, &root.view.id, &root.authority, list, now).await?;
        actor.record(&mut tx, "bring_list", &format!("{}/0", root.view.id), &format!("number {number}"), now).await?;
    }
    tx.cluster().increment_generation().await?;
    let rows = tx.issuers().list().await?;
    tx.commit().await?;
    base.changes.notify_desired();
    base.events.notify(Event::AuthoritiesChanged);
    Ok(rows.into_iter().map(|row| row.view).collect())
}

/// Records the first authorities of a cluster from an import.
pub(super) async fn import_first(
    tx: &mut Transaction,
    keys: (&MasterKey, &SystemRandom),
    cluster: &ClusterRow,
    imported: &ImportAuthorities,
    now: Timestamp,
) -> Result<(), Failure> {
    let missing = |what: &str| Failure::new(ProblemCode::InvalidRequest, format!("imported.json must hold {what}"));
    let root = imported.root.as_ref().ok_or_else(|| missing("the root's certificate"))?;
    let list = imported.list.as_ref().ok_or_else(|| missing("the root's CRL"))?;
    let certificate = one_certificate(root)?;
    let (authority, _) = import_root(&certificate, now).map_err(refused)?;
    let first = |domain| New { domain, number: 1, state: AuthorityState::Active, generation: 1 };
    let root = establish(tx, keys, cluster, None, first(AuthorityDomain::Root), (&certificate, None), now).await?;
    let facts = import_list(&authority, &one_list(list)?, now).map_err(refused)?;
    let url = crl_url(&cluster.endpoint, &root, 0);
    let (number, this_update, next_update) = (facts.number, facts.this_update, facts.next_update);
    let head = CrlHead {
        issuer: root.clone(),
        shard: 0,
        url,
        number,
        this_update,
        next_update,
        base_number: number,
        signed_at: now,
        number_floor: 0,
    };
    tx.crls().insert(&CrlRow { head, der: one_list(list)?, delta: None }).await?;
    let intermediates = intermediates(imported)?;
    for domain in [AuthorityDomain::Services, AuthorityDomain::Projects] {
        let found = intermediates.iter().find(|(of, ..)| *of == domain);
        let (_, certificate, key) =
            found.ok_or_else(|| missing(&format!("an intermediate for {}", domain.as_str())))?;
        import_intermediate(&authority, domain, certificate, &key.to_der(), now).map_err(refused)?;
        let material = (&certificate[..], Some(&key.to_der()[..]));
        establish(tx, keys, cluster, Some(&root), first(domain), material, now).await?;
    }
    Ok(())
}

/// Replaces the last CRL of the root.
async fn replace_crl(
    tx: &mut Transaction,
    root: &str,
    authority: &ringfence_pki::Authority,
    list: &str,
    now: Timestamp,
) -> Result<i64, Failure> {
    if authority.can_sign() {
        return Err(Failure::new(
            ProblemCode::Conflict,
            format!("the key of {root} is here, and the daemon signs its CRL itself"),
        ));
    }
    let der = one_list(list)?;
    let facts = import_list(authority, &der, now).map_err(refused)?;
    let last = tx.crls().find_head(root, 0).await?.ok_or_else(|| Failure::not_found(format!("CRL of {root}")))?;
    if facts.number <= last.number || facts.this_update < last.this_update {
        let detail = format!(
            "the CRL has number {}, and must be newer than number {} in number and time",
            facts.number, last.number
        );
        return Err(Failure::new(ProblemCode::Conflict, detail));
    }
    // Revocations that are listed for the first time, and those that the last CRL lists and this one does not.
    let (mut named, mut missing) = (Vec::new(), Vec::new());
    tx.crls()
        .for_each_revoked(&last, now, |row| match (row.listed_in, facts.revoked.contains(&row.serial)) {
            (None, true) => named.push(row.serial),
            (Some(_), false) => missing.push(row.serial),
            _ => {}
        })
        .await?;
    if !missing.is_empty() {
        let detail = format!("the CRL does not list what the last one lists: {}", missing.join(", "));
        return Err(Failure::new(ProblemCode::Conflict, detail));
    }
    let (number, this_update, next_update) = (facts.number, facts.this_update, facts.next_update);
    let before = last.number;
    let head = CrlHead { number, this_update, next_update, base_number: number, signed_at: now, ..last };
    tx.crls().update(before, &CrlRow { head: head.clone(), der, delta: None }).await?;
    tx.crls().mark_listed(&head, &named).await?;
    Ok(facts.number)
}

/// The imported intermediates: domain, certificate and key.
fn intermediates(import: &ImportAuthorities) -> Result<Vec<(AuthorityDomain, Vec<u8>, PrivateKey)>, Failure> {
    import
        .intermediates
        .iter()
        .map(|imported| {
            if imported.domain == AuthorityDomain::Root {
                return Err(invalid("an intermediate is for services or projects"));
            }
            let key = PrivateKey::from_pem(&imported.private_key);
            let key = key.map_err(|_| invalid("the private key of an intermediate must be PKCS #8 in PEM"))?;
            Ok((imported.domain, one_certificate(&imported.certificate)?, key))
        })
        .collect()
}

fn one_certificate(pem: &str) -> Result<Vec<u8>, Failure> {
    let all = pem_certificates(pem).map_err(|_| invalid("a certificate must be in PEM"))?;
    match &all[..] {
        [one] => Ok(one.to_vec()),
        _ => Err(invalid("each PEM must hold exactly one certificate")),
    }
}

fn one_list(pem: &str) -> Result<Vec<u8>, Failure> {
    let all = pem_crls(pem).map_err(|_| invalid("a CRL must be in PEM"))?;
    match &all[..] {
        [one] => Ok(one.to_vec()),
        _ => Err(invalid("the PEM must hold exactly one CRL")),
    }
}

fn invalid(detail: &str) -> Failure {
    Failure::new(ProblemCode::InvalidRequest, detail)
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn refused(error: ImportError) -> Failure {
    Failure::new(ProblemCode::InvalidRequest, error.to_string())
}
