//! The first start: the cluster and its authorities come into being in one transaction; and every later start,
//! which takes them up from the database.

use aws_lc_rs::rand::SecureRandom;
use jiff::Timestamp;
use ringfence_api::cluster::PutCluster;
use ringfence_api::{ClusterId, ClusterName, OperatorPublicKey, path};
use ringfence_pki::{Authority, CrlShard, Domain, MasterKey, NewAuthority, Serial, Validity};
use ringfence_store::{ClusterRow, CrlRow, IssuerRow, Store, Transaction};

use crate::audit::Actor;
use crate::authority::{Authorities, Issuer, SHARD};

/// What a new cluster is made of.
pub(crate) struct NewCluster<'a> {
    pub(crate) id: ClusterId,
    pub(crate) name: &'a ClusterName,
    pub(crate) operator_key: &'a OperatorPublicKey,
    pub(crate) endpoint: &'a str,
}

/// Makes the cluster. Nothing of it exists until the one transaction commits.
pub(crate) async fn bootstrap(
    store: &Store,
    master_key: &MasterKey,
    rng: &dyn SecureRandom,
    new: &NewCluster<'_>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut tx = store.write("bootstrap").await?;
    let declared = PutCluster {
        worker_groups: std::collections::BTreeMap::new(),
        services: std::collections::BTreeMap::new(),
        authority: ringfence_api::cluster::AuthoritySettings::default(),
    };
    let row = ClusterRow {
        id: new.id,
        name: new.name.clone(),
        operator_key: new.operator_key.clone(),
        endpoint: new.endpoint.to_owned(),
        declared,
        generation: 1,
        declared_generation: 1,
        revision: 1,
    };
    tx.insert_cluster(&row, now).await?;

    // The name carries the cluster's id, so that the roots of two clusters never have the same subject.
    let name = |domain: Domain| format!("ringfence {} {} {}", new.name, domain.as_str(), &new.id.to_string()[..8]);
    let root = Authority::create_root(&name(Domain::Root), Serial::random(rng), now)?;
    let root_url = crl_url(new.endpoint, &issuer_id(Domain::Root));
    record(&mut tx, master_key, rng, Domain::Root, &root, now).await?;
    let signer = Authority::load(&root.certificate, &root.private_key)?;
    first_crl(&mut tx, Domain::Root, &signer, new.endpoint, now).await?;
    for domain in [Domain::Services, Domain::Projects] {
        let made = signer.create_intermediate(&name(domain), domain, Serial::random(rng), &root_url, now)?;
        record(&mut tx, master_key, rng, domain, &made, now).await?;
        let authority = Authority::load(&made.certificate, &made.private_key)?;
        first_crl(&mut tx, domain, &authority, new.endpoint, now).await?;
    }
    Actor::daemon("bootstrap").record(&mut tx, "create_cluster", new.name.as_str(), "created", now).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes up the recorded authorities.
pub(crate) async fn load(tx: &mut Transaction, master_key: &MasterKey) -> anyhow::Result<Authorities> {
    let rows = tx.list_issuers().await?;
    let crls = tx.list_crls().await?;
    let take = |domain: Domain| -> anyhow::Result<Issuer> {
        let row = rows.iter().rfind(|row| row.domain == domain.as_str());
        let row = row.ok_or_else(|| anyhow::anyhow!("the database has no authority for {}", domain.as_str()))?;
        let crl = crls.iter().find(|crl| crl.issuer == row.id && crl.shard == SHARD);
        let crl = crl.ok_or_else(|| anyhow::anyhow!("the database has no CRL of authority {}", row.id))?;
        let key = master_key.open(&key_context(&row.id), &row.sealed_key)?;
        let authority = Authority::load(&row.certificate, &key)?;
        Ok(Issuer { id: row.id.clone(), domain, authority, crl_url: crl.url.clone() })
    };
    Ok(Authorities::new(take(Domain::Root)?, take(Domain::Services)?, take(Domain::Projects)?))
}

async fn record(
    tx: &mut Transaction,
    master_key: &MasterKey,
    rng: &dyn SecureRandom,
    domain: Domain,
    made: &NewAuthority,
    now: Timestamp,
) -> anyhow::Result<()> {
    let id = issuer_id(domain);
    let row = IssuerRow {
        sealed_key: master_key.seal(rng, &key_context(&id), &made.private_key),
        domain: domain.as_str().to_owned(),
        parent: issuer_id(Domain::Root),
        certificate: made.certificate.clone(),
        not_after: made.not_after,
        id,
    };
    tx.insert_issuer(&row, now).await?;
    Ok(())
}

/// Every issuer has a list from the start, so that no verifier ever finds none.
async fn first_crl(
    tx: &mut Transaction,
    domain: Domain,
    authority: &Authority,
    endpoint: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let issuer = issuer_id(domain);
    let shard = CrlShard { domain, url: crl_url(endpoint, &issuer) };
    let lifetime = ringfence_api::cluster::AuthoritySettings::default().crl_lifetime.as_signed();
    let crl = authority.sign_crl(&shard, 1, &[], Validity::starting(now, lifetime))?;
    let row = CrlRow {
        issuer,
        shard: SHARD,
        url: shard.url,
        number: 1,
        this_update: crl.this_update,
        next_update: crl.next_update,
        der: crl.der,
    };
    tx.insert_crl(&row).await?;
    Ok(())
}

fn issuer_id(domain: Domain) -> String {
    format!("{}-1", domain.as_str())
}

fn crl_url(endpoint: &str, issuer: &str) -> String {
    format!("{endpoint}{}", path::crl(issuer, SHARD))
}

fn key_context(issuer: &str) -> String {
    format!("issuer/{issuer}")
}
