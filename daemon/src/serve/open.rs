//! Opens the cluster of a directory, after creating it if it does not exist yet, and builds the daemon's state from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use ringfence_api::Clock;
use ringfence_api::authority::ImportAuthorities;
use ringfence_api::cluster::{AuthoritySettings, PutCluster};
use ringfence_pki::{MasterKey, pem_certificates};
use ringfence_place::private_file::{PrivateFileError, Readers, read_private};
use ringfence_store::{Database, Store, Transaction};
use tracing::warn;

use crate::access::{Access, KeysFile};
use crate::authority::{Authorities, bootstrap};
use crate::base::{Base, Changes, Events, Failure, Faults, Lead, crash_point, follow};
use crate::config::{ConfigError, ServeConfig};
use crate::daemon::Daemon;
use crate::incarnation::{Evidence, begin};
use crate::master_key::{self, KeyFile};
use crate::node::Nodes;
use crate::serve::history::{GONE_BACK, evidence_of_nodes, read_note, require_database};
use crate::serve::place::place_of_nodes;
use crate::token::rotate_due;

/// The settings of the first authorities.
const AUTHORITY_FILE: &str = "authority.json";
/// What an offline root signed: the first authorities, read when the cluster is created, or later ones. Removed then.
pub(crate) const IMPORTED_FILE: &str = "imported.json";
/// The former name of that file; the next version removes it.
const IMPORTED_FILE_BEFORE: &str = "brought.json";

/// Opens the cluster of this directory, or creates it. Starts nothing.
pub(crate) async fn open(
    directory: &Path,
    config: &ServeConfig,
    endpoint: &str,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Daemon> {
    let database = config.database(directory)?;
    require_database(directory, &database).await?;
    let store = Store::open(&database).await?.watched(crash_point::at_commit);
    let master_key = find_or_create(&store, directory, config, endpoint, &*clock).await?;
    let alone = matches!(database, Database::Sqlite(_));
    let key_file = master_key::own_file(&config.master_key, directory, alone);

    let mut tx = store.write("start").await?;
    let cluster = tx.cluster().get().await?;
    let version = follow(&mut tx, &master_key).await.map_err(Failure::into_cause)?;
    if tx.sealed_secrets().master_key_check().await?.is_none() {
        let check = master_key.check_of(version).unwrap_or_default();
        tx.sealed_secrets().update_master_key_version(version, &check).await?;
    }
    begin_incarnation_if_restored(&mut tx, (&master_key, &SystemRandom::new()), directory, config, clock.now()).await?;
    let lead = Lead::at_start(&mut tx, directory, &database, clock.now()).await?;
    let base = Arc::new(Base {
        cluster_id: cluster.id,
        cluster_name: cluster.name,
        endpoint: endpoint.to_owned(),
        clock,
        rng: SystemRandom::new(),
        master_key,
        changes: Changes::new(store.announcer()),
        events: Events::new(store.announcer()),
        lead,
        faults: Faults::default(),
        store,
    });
    let authorities = Arc::new(Authorities::load(base.clone(), &mut tx).await.map_err(Failure::into_cause)?);
    remove_imported(directory, &authorities)?;
    // So that there is an active token key before anything is served.
    rotate_due(&mut tx, &base.master_key, &base.rng, base.now()).await.map_err(Failure::into_cause)?;
    tx.commit().await?;

    let trust = {
        let authorities = authorities.clone();
        move || authorities.cached().trust_fingerprints()
    };
    let access = Arc::new(Access::new(base.clone(), KeysFile::in_directory(directory), trust));
    let place = place_of_nodes(&config.nodes);
    let nodes = Arc::new(Nodes { base, authorities, machine: place.default_machine(), place: place.into_nodes() });
    Ok(Daemon::new(access, nodes, KeyFile(key_file)))
}

/// Begins another history if the database was restored, or is behind what this daemon noted of it.
async fn begin_incarnation_if_restored(
    tx: &mut Transaction,
    keys: (&MasterKey, &SystemRandom),
    directory: &Path,
    config: &ServeConfig,
    now: Timestamp,
) -> anyhow::Result<()> {
    let cluster = tx.cluster().get().await?;
    let noted = read_note(directory);
    let is_beyond = match &noted {
        Some(noted) => noted.is_beyond(tx).await?,
        None => false,
    };
    if cluster.restored_at.is_none() && !is_beyond {
        return Ok(());
    }
    let evidence = Evidence {
        heard: noted.into_iter().map(|noted| noted.point).collect(),
        ..evidence_of_nodes(&config.nodes.local_root)
    };
    let cause = if cluster.restored_at.is_some() { "the database was restored from a backup" } else { GONE_BACK };
    begin(tx, keys, &evidence, cause, now).await.map_err(Failure::into_cause)?;
    Ok(())
}

/// Creates the cluster if the database has none, and refuses a database of another cluster. Returns the master key.
async fn find_or_create(
    store: &Store,
    directory: &Path,
    config: &ServeConfig,
    endpoint: &str,
    clock: &dyn Clock,
) -> anyhow::Result<MasterKey> {
    let recorded = store.read("open").await?.cluster().find().await?;
    let key = master_key::read(&config.master_key, directory, recorded.is_some()).await?;
    match recorded {
        None => {
            let new = bootstrap::NewCluster {
                id: config.cluster.id,
                name: &config.cluster.name,
                operator_key: &config.cluster.operator_key,
                endpoint,
                authority: first_authority(directory)?,
                imported: read_imported(directory)?.map(|(_, imported)| imported),
            };
            let created = bootstrap::bootstrap(store, &key, &SystemRandom::new(), &new, clock.now()).await;
            created.map_err(Failure::into_cause)?;
        }
        Some(recorded) if recorded.id != config.cluster.id => {
            let path = directory.join(ServeConfig::FILE);
            let (configured, recorded) = (config.cluster.id, recorded.id);
            return Err(ConfigError::OtherCluster { path, configured, recorded }.into());
        }
        Some(_) => {}
    }
    Ok(key)
}

/// The settings of the first authorities: those in the file, or the defaults.
fn first_authority(directory: &Path) -> anyhow::Result<AuthoritySettings> {
    let path = directory.join(AUTHORITY_FILE);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(AuthoritySettings::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let authority: AuthoritySettings =
        serde_json::from_slice(&text).with_context(|| format!("{} is not valid", path.display()))?;
    let declared = PutCluster { authority, ..PutCluster::default() };
    declared.check().with_context(|| path.display().to_string())?;
    Ok(declared.authority)
}

/// The first authorities, if an offline root signed them, with the file that holds them.
pub(super) fn read_imported(directory: &Path) -> anyhow::Result<Option<(PathBuf, ImportAuthorities)>> {
    for name in [IMPORTED_FILE, IMPORTED_FILE_BEFORE] {
        let path = directory.join(name);
        match read_private(&path, Readers::Nobody).map(zeroize::Zeroizing::new) {
            Ok(text) => {
                if name == IMPORTED_FILE_BEFORE {
                    warn!("{name} is now called {IMPORTED_FILE}; the next version ignores the old name");
                }
                let imported = serde_json::from_str(&text);
                return Ok(Some((path.clone(), imported.with_context(|| format!("{} is not valid", path.display()))?)));
            }
            Err(PrivateFileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Removes the file of the first authorities: it holds keys, which are now sealed in the database.
fn remove_imported(directory: &Path, authorities: &Authorities) -> anyhow::Result<()> {
    let Some((path, imported)) = read_imported(directory)? else { return Ok(()) };
    if imported.root.is_none() {
        // Intermediates for a cluster that exists.
        return Ok(());
    }
    let root = pem_certificates(imported.root.as_deref().unwrap_or_default()).unwrap_or_default();
    let is_ours = |root: &[u8]| authorities.cached().roots().any(|one| one.authority.certificate() == root);
    let is_imported = root.first().is_some_and(|root| is_ours(root));
    anyhow::ensure!(is_imported, "{} belongs to another cluster, with another root: remove it", path.display());
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
}
