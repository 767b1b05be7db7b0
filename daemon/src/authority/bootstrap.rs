//! The first start: creates the cluster and its authorities in one transaction.

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use ringfence_api::authority::{AuthorityDomain, AuthorityState, ImportAuthorities};
use ringfence_api::cluster::{AuthoritySettings, PutCluster};
use ringfence_api::incarnation::Incarnation;
use ringfence_api::{ClusterId, ClusterName, OperatorPublicKey};
use ringfence_pki::MasterKey;
use ringfence_store::Store;
use ringfence_store::cluster::ClusterRow;

use crate::authority::create::{New, create};
use crate::authority::import::import_first;
use crate::base::{Actor, Failure};

/// The description of a new cluster.
pub(crate) struct NewCluster<'a> {
    pub(crate) id: ClusterId,
    pub(crate) name: &'a ClusterName,
    pub(crate) operator_key: &'a OperatorPublicKey,
    pub(crate) endpoint: &'a str,
    /// The settings of the first authorities.
    pub(crate) authority: AuthoritySettings,
    /// The first authorities, if an offline root signed them.
    pub(crate) imported: Option<ImportAuthorities>,
}

/// Creates the cluster, unless another daemon was faster. Nothing of it exists until the transaction commits.
pub(crate) async fn bootstrap(
    store: &Store,
    master_key: &MasterKey,
    rng: &SystemRandom,
    new: &NewCluster<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    let mut tx = store.write("bootstrap").await?;
    if tx.cluster().find().await?.is_some() {
        return Ok(());
    }
    let declared = PutCluster { authority: new.authority, ..PutCluster::default() };
    let cluster = ClusterRow {
        id: new.id,
        name: new.name.clone(),
        operator_key: new.operator_key.clone(),
        endpoint: new.endpoint.to_owned(),
        declared,
        generation: 1,
        declared_generation: 1,
        revision: 1,
        incarnation: Incarnation { number: 1, id: uuid::Uuid::new_v4().to_string() },
        restored_at: None,
    };
    tx.cluster().insert(&cluster, now).await?;
    let version = master_key.active();
    tx.sealed_secrets().update_master_key_version(version, &master_key.check_of(version).unwrap_or_default()).await?;
    if let Some(imported) = &new.imported {
        import_first(&mut tx, (master_key, rng), &cluster, imported, now).await?;
        Actor::daemon("bootstrap").record(&mut tx, "create_cluster", new.name.as_str(), "created", now).await?;
        return Ok(tx.commit().await?);
    }
    let first = |domain| New { domain, number: 1, state: AuthorityState::Active, generation: 1 };
    let (root, signer) = create(&mut tx, master_key, rng, &cluster, None, first(AuthorityDomain::Root), now).await?;
    for domain in [AuthorityDomain::Services, AuthorityDomain::Projects] {
        create(&mut tx, master_key, rng, &cluster, Some((&root, &signer)), first(domain), now).await?;
    }
    Actor::daemon("bootstrap").record(&mut tx, "create_cluster", new.name.as_str(), "created", now).await?;
    tx.commit().await?;
    Ok(())
}
