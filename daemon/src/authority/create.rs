//! Creates an authority: its key, its certificate and its first CRLs, recorded in one transaction, so that no verifier
//! finds an authority without CRLs or a certificate without a row.

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState};
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::incarnation::Incarnation;
use ringfence_pki::{CertificateFacts, CrlShard, Entries, Extent, MasterKey, Plan, Serial, Validity};
use ringfence_store::Transaction;
use ringfence_store::certificate::NewCertificate;
use ringfence_store::cluster::ClusterRow;
use ringfence_store::crl::{CrlHead, CrlRow};
use ringfence_store::issuer::IssuerRow;
use ringfence_store::sealed::SealedOf;

use crate::authority::issuers::crl_url;
use crate::authority::list_url::delta_url;
use crate::base::crash_point::signed;
use crate::base::{Actor, Failure, seal};

/// The description of a new authority.
pub(super) struct New {
    pub(super) domain: AuthorityDomain,
    pub(super) number: u32,
    pub(super) state: AuthorityState,
    pub(super) generation: i64,
}

/// Creates an authority with its first CRLs. Returns its id.
pub(super) async fn create(
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
    let created = match parent {
        None => ringfence_pki::Authority::create_root(&plan, now)?,
        Some((root, signer)) => signer.create_intermediate(&plan, &crl_url(&cluster.endpoint, root, 0), now)?,
    };
    signed("authority");
    let parent = parent.map(|(root, _)| root);
    let (certificate, key) = (created.certificate.clone(), Some(&created.private_key[..]));
    establish(tx, (master_key, rng), cluster, parent, new, (&certificate, key), now).await?;
    Ok((id, ringfence_pki::Authority::load(&created.certificate, &created.private_key)?))
}

/// Records an authority with its key, unless that is offline, and signs its first CRLs. Without a parent it is a root.
pub(super) async fn establish(
    tx: &mut Transaction,
    (master_key, rng): (&MasterKey, &SystemRandom),
    cluster: &ClusterRow,
    parent: Option<&str>,
    new: New,
    (certificate, private_key): (&[u8], Option<&[u8]>),
    now: Timestamp,
) -> Result<String, Failure> {
    let settings = &cluster.declared.authority;
    let id = format!("{}-{}", new.domain.as_str(), new.number);
    let facts = CertificateFacts::read(certificate).map_err(Failure::internal)?;
    let shards = if new.domain == AuthorityDomain::Root { 1 } else { settings.crl_shards };
    // Empty for an offline root.
    let sealed_key = match private_key {
        Some(key) => seal(tx, (master_key, rng), &SealedOf::Issuer(id.clone()), key).await?,
        None => Vec::new(),
    };
    let row = IssuerRow {
        view: Authority {
            id: id.clone(),
            domain: new.domain,
            parent: parent.unwrap_or(&id).to_owned(),
            state: new.state,
            not_after: facts.not_after,
            created_at: now,
            activated_at: (new.state == AuthorityState::Active).then_some(now),
            retired_at: None,
            rotation_requested_at: None,
            distrusted_at: None,
        },
        number: new.number,
        sealed_key,
        certificate: certificate.to_vec(),
        cross_certificate: None,
        shards,
        not_before: facts.not_before,
        prepared_generation: new.generation,
        known_at: None,
    };
    tx.issuers().insert(&row).await?;
    if let Some(root) = parent {
        record(tx, root, certificate, now).await?;
    }
    let Some(private_key) = private_key else { return Ok(id) };
    let authority = ringfence_pki::Authority::load(certificate, private_key)?;
    let lifetime = settings.crl_lifetime.as_signed();
    for shard in 0..shards {
        let url = crl_url(&cluster.endpoint, &id, shard);
        let list = CrlShard { domain: new.domain, url: url.clone(), delta_url: delta_url(&url, new.domain) };
        let crl =
            authority.sign_crl(&list, 1, Extent::Complete, Entries::default(), Validity::starting(now, lifetime))?;
        let (this_update, next_update) = (crl.this_update, crl.next_update);
        let head = CrlHead {
            issuer: id.clone(),
            shard,
            url,
            number: 1,
            this_update,
            next_update,
            base_number: 1,
            signed_at: now,
            number_floor: 0,
        };
        tx.crls().insert(&CrlRow { head, der: crl.der, delta: None }).await?;
    }
    Ok(id)
}

/// The number of the next authority of a domain. Those of a history that is lost may have had any number that would
/// come next, and no two authorities have the same name; so each history counts from a number of its own.
pub(super) fn number_of_next(rows: &[IssuerRow], domain: AuthorityDomain, incarnation: &Incarnation) -> u32 {
    let last = rows.iter().filter(|row| row.view.domain == domain).map(|row| row.number).max();
    let first = u32::try_from(incarnation.number.saturating_sub(1).saturating_mul(100)).unwrap_or(1);
    (last.unwrap_or(0) + 1).max(first)
}

/// The subject of an authority. It contains the cluster's id and a number, so that no two authorities have the same
/// subject.
pub(crate) fn subject_name(
    cluster: &ringfence_api::ClusterName,
    id: &ringfence_api::ClusterId,
    domain: AuthorityDomain,
    number: u32,
) -> String {
    let short_id = &id.to_string()[..8];
    let count = if number == 1 { String::new() } else { format!(" {number}") };
    format!("ringfence {cluster} {}{count} {short_id}", domain.as_str())
}

fn plan(cluster: &ClusterRow, settings: &AuthoritySettings, new: &New, serial: Serial) -> Plan {
    let lifetime = match new.domain {
        AuthorityDomain::Root => settings.root_lifetime,
        AuthorityDomain::Services | AuthorityDomain::Projects => settings.intermediate_lifetime,
    };
    Plan {
        domain: new.domain,
        name: subject_name(&cluster.name, &cluster.id, new.domain, new.number),
        serial,
        algorithm: settings.authority_key_algorithm,
        lifetime: lifetime.as_signed(),
    }
}

/// Records the certificate of an authority like any other certificate, so that it can be revoked like any other.
pub(super) async fn record(
    tx: &mut Transaction,
    issuer: &str,
    certificate: &[u8],
    now: Timestamp,
) -> Result<(), Failure> {
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
        job: None,
        der: certificate,
        not_before: facts.not_before,
        not_after: facts.not_after,
    };
    tx.certificates().insert(&[row], now).await?;
    let serial = facts.serial.to_string();
    let actor = Actor::daemon("rotate_authorities");
    Ok(actor.record(tx, "issue_certificate", &facts.common_name, &serial, now).await?)
}
