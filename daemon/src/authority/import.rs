//! Importing what an offline root has signed: the first authorities when the cluster is created, and later successors of
//! intermediates and lists of the root. Nothing is taken that this daemon would not have signed itself.

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
use crate::authority::issuers::crl_url;
use crate::authority::make::{New, establish};
use crate::base::{Body, Event, Failure};

/// Brings in intermediates and lists that were signed where the root's key is kept. An intermediate is known to every node
/// before it signs, and signs when a rotation is asked for or due.
pub(crate) async fn import_authorities(
    State(authorities): State<Arc<Authorities>>,
    OperatorCaller(actor): OperatorCaller,
    Body(import): Body<ImportAuthorities>,
) -> Result<Json<Vec<Authority>>, Failure> {
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
    for (domain, certificate, key) in pieces(&import)? {
        let rows = tx.issuers().list().await?;
        let of = || rows.iter().filter(|row| row.view.domain == domain);
        if let Some(prepared) = of().find(|row| row.view.state == AuthorityState::Prepared) {
            let detail = format!("{} is prepared already; it signs when it is its turn", prepared.view.id);
            return Err(Failure::new(ProblemCode::Conflict, detail));
        }
        import_intermediate(&root.authority, domain, &certificate, &key.to_der(), now).map_err(refused)?;
        let new = New {
            domain,
            number: of().map(|row| row.number).max().unwrap_or_default() + 1,
            state: AuthorityState::Prepared,
            generation: cluster.generation + 1,
        };
        let piece = (&certificate[..], Some(&key.to_der()[..]));
        let id = establish(&mut tx, keys, &cluster, Some(&root.view.id), new, piece, now).await?;
        actor.record(&mut tx, "bring_authority", &id, "prepared", now).await?;
    }
    if let Some(list) = &import.list {
        let number = replace_list(&mut tx, &root.view.id, &root.authority, list, now).await?;
        actor.record(&mut tx, "bring_list", &format!("{}/0", root.view.id), &format!("number {number}"), now).await?;
    }
    tx.cluster().increment_generation().await?;
    let rows = tx.issuers().list().await?;
    tx.commit().await?;
    base.changes.ring_desired();
    base.events.happened(Event::AuthoritiesChanged);
    Ok(Json(rows.into_iter().map(|row| row.view).collect()))
}

/// Makes the first authorities of a cluster from what is imported.
pub(super) async fn begin(
    tx: &mut Transaction,
    keys: (&MasterKey, &SystemRandom),
    cluster: &ClusterRow,
    imported: &ImportAuthorities,
    now: Timestamp,
) -> Result<(), Failure> {
    let missing = |what: &str| Failure::new(ProblemCode::InvalidRequest, format!("imported.json must hold {what}"));
    let root = imported.root.as_ref().ok_or_else(|| missing("the root's certificate"))?;
    let list = imported.list.as_ref().ok_or_else(|| missing("the root's list"))?;
    let certificate = one_certificate(root)?;
    let (authority, _) = import_root(&certificate, now).map_err(refused)?;
    let first = |domain| New { domain, number: 1, state: AuthorityState::Active, generation: 1 };
    let root = establish(tx, keys, cluster, None, first(AuthorityDomain::Root), (&certificate, None), now).await?;
    let facts = import_list(&authority, &one_list(list)?, now).map_err(refused)?;
    let url = crl_url(&cluster.endpoint, &root, 0);
    let (number, this_update, next_update) = (facts.number, facts.this_update, facts.next_update);
    let head = CrlHead { issuer: root.clone(), shard: 0, url, number, this_update, next_update, base_number: number };
    tx.crls().insert(&CrlRow { head, der: one_list(list)?, delta: None }).await?;
    let pieces = pieces(imported)?;
    for domain in [AuthorityDomain::Services, AuthorityDomain::Projects] {
        let found = pieces.iter().find(|(of, ..)| *of == domain);
        let (_, certificate, key) =
            found.ok_or_else(|| missing(&format!("an intermediate for {}", domain.as_str())))?;
        import_intermediate(&authority, domain, certificate, &key.to_der(), now).map_err(refused)?;
        let piece = (&certificate[..], Some(&key.to_der()[..]));
        establish(tx, keys, cluster, Some(&root), first(domain), piece, now).await?;
    }
    Ok(())
}

/// Puts a list of the root in the place of the last one.
async fn replace_list(
    tx: &mut Transaction,
    root: &str,
    authority: &ringfence_pki::Authority,
    list: &str,
    now: Timestamp,
) -> Result<i64, Failure> {
    if authority.can_sign() {
        return Err(Failure::new(ProblemCode::Conflict, format!("{root} signs its own list here")));
    }
    let der = one_list(list)?;
    let facts = import_list(authority, &der, now).map_err(refused)?;
    let last = tx.crls().find_head(root, 0).await?.ok_or_else(|| Failure::not_found(format!("list of {root}")))?;
    if facts.number <= last.number || facts.this_update < last.this_update {
        let detail =
            format!("the list has number {}, and must follow number {} in number and time", facts.number, last.number);
        return Err(Failure::new(ProblemCode::Conflict, detail));
    }
    // Of what waits to be listed, what this list names.
    let (mut named, mut forgotten) = (Vec::new(), Vec::new());
    tx.crls()
        .for_each_revoked(&last, |row| match (row.listed_in, facts.revoked.contains(&row.serial)) {
            (None, true) => named.push(row.serial),
            (Some(_), false) => forgotten.push(row.serial),
            _ => {}
        })
        .await?;
    if !forgotten.is_empty() {
        let detail = format!("the list does not name what the last one did: {}", forgotten.join(", "));
        return Err(Failure::new(ProblemCode::Conflict, detail));
    }
    let (number, this_update, next_update) = (facts.number, facts.this_update, facts.next_update);
    let before = last.number;
    let head = CrlHead { number, this_update, next_update, base_number: number, ..last };
    tx.crls().update(before, &CrlRow { head: head.clone(), der, delta: None }).await?;
    tx.crls().mark_listed(&head, &named).await?;
    Ok(facts.number)
}

/// The intermediates with their keys.
fn pieces(import: &ImportAuthorities) -> Result<Vec<(AuthorityDomain, Vec<u8>, PrivateKey)>, Failure> {
    import
        .intermediates
        .iter()
        .map(|piece| {
            if piece.domain == AuthorityDomain::Root {
                return Err(invalid("an intermediate is for services or projects"));
            }
            let key = PrivateKey::from_pem(&piece.private_key);
            let key = key.map_err(|_| invalid("the private key of an intermediate must be PKCS #8 in PEM"))?;
            Ok((piece.domain, one_certificate(&piece.certificate)?, key))
        })
        .collect()
}

fn one_certificate(pem: &str) -> Result<Vec<u8>, Failure> {
    let all = pem_certificates(pem).map_err(|_| invalid("a certificate must be in PEM"))?;
    match &all[..] {
        [one] => Ok(one.to_vec()),
        _ => Err(invalid("there must be one certificate in each PEM")),
    }
}

fn one_list(pem: &str) -> Result<Vec<u8>, Failure> {
    let all = pem_crls(pem).map_err(|_| invalid("a list must be in PEM"))?;
    match &all[..] {
        [one] => Ok(one.to_vec()),
        _ => Err(invalid("there must be one list in the PEM")),
    }
}

fn invalid(detail: &str) -> Failure {
    Failure::new(ProblemCode::InvalidRequest, detail)
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn refused(error: ImportError) -> Failure {
    Failure::new(ProblemCode::InvalidRequest, error.to_string())
}
