//! `ringfenced serve`: claims the directory, opens or makes the cluster, serves the API and runs the tasks until it
//! is told to stop.
//!
//! ```text
//! serve.toml                 the configuration, written by whoever starts the daemon
//! authority.json             what the first authorities are to be; read when the cluster is made
//! brought.json               the first authorities, if they were signed elsewhere; removed when the cluster is made
//! ringfence.db               the database, unless it is a server's
//! master.key                 the key that seals all others (0600), unless it comes from elsewhere
//! ca.pem, endpoint           what a client needs to trust and to find the API
//! operator_keys              the public keys that log in
//! serve.lock, serve.pid      who runs
//! ```

#[cfg(test)]
mod simulation;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use ringfence_api::authority::ImportAuthorities;
use ringfence_api::cluster::{AuthoritySettings, PutCluster};
use ringfence_api::{Clock, SystemClock};
use ringfence_pki::pem_certificates;
use ringfence_place::Place;
use ringfence_place::file::atomic_write;
use ringfence_place::local::LocalNodes;
use ringfence_place::process::{Claim, HEAD_CLAIM, claim};
use ringfence_store::{Database, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::access::{Access, KeysFile};
use crate::authority::{Authorities, bootstrap, issue_api_certificate};
use crate::base::{Base, Changes, Events, Failure, Lead, crash_point, follow, listen_to_others};
use crate::config::{ConfigError, ServeConfig};
use crate::daemon::{Daemon, all_routes};
use crate::http::{listen, router};
use crate::master_key::{self, KeyFile};
use crate::node::Nodes;
use crate::service_manager;
use crate::token::rotate_due;

/// What the first authorities are to be.
const AUTHORITY_FILE: &str = "authority.json";
/// The first authorities, signed where the root's key is kept; read when the cluster is made, and removed then.
const BROUGHT_FILE: &str = "brought.json";
/// Where the root certificate is put for clients.
pub const CA_FILE: &str = "ca.pem";
/// Where the API's address is put for clients.
pub const ENDPOINT_FILE: &str = "endpoint";

/// Serves from this directory until SIGTERM or SIGINT.
pub async fn serve(directory: &Path) -> anyhow::Result<()> {
    crate::logging::start();
    let directory = std::fs::canonicalize(directory).with_context(|| format!("cannot use {}", directory.display()))?;
    let claim = claim(&directory, HEAD_CLAIM)?;
    let config = ServeConfig::read(&directory)?;
    let listener = bind(&directory, config.api.listen).await?;
    let endpoint = format!("https://{}", listener.local_addr()?);
    // Before the cluster is made: certificates will name this address for ever, so a start after a crash must find it.
    atomic_write(&directory.join(ENDPOINT_FILE), endpoint.as_bytes(), 0o644)?;

    let daemon = open(&directory, &config, &endpoint, Arc::new(SystemClock)).await?;
    let Daemon { base, access, authorities, tasks, .. } = &daemon;
    let tls = issue_api_certificate(authorities).await?;
    access.keys_file.write(&base.store).await?;
    atomic_write(&directory.join(CA_FILE), authorities.seen().client_bundle().as_bytes(), 0o644)?;

    let stop = CancellationToken::new();
    let serving = tokio::spawn(listen(listener, tls.config(), router(all_routes(), daemon.clone()), stop.clone()));
    let running = tokio::spawn(tasks.clone().run(stop.clone()));
    if let Some(heard) = base.store.announcements() {
        tokio::spawn(listen_to_others(base.clone(), heard, stop.clone()));
    }
    info!(cluster = %base.cluster_name, cluster.id = %base.cluster_id, endpoint, "serving");
    service_manager::ready(&format!("cluster {} at {endpoint}", base.cluster_name));
    let ended = tokio::select! {
        ended = wait_for_signal() => ended,
        ended = watch_claim(&claim, async || republish(&daemon, &directory).await) => ended,
    };
    info!("stopping");
    service_manager::stopping();
    stop.cancel();
    // Whatever does not end soon is as safe to cut off as by a crash.
    let _ = tokio::time::timeout(Duration::from_secs(2), async { tokio::join!(serving, running) }).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), base.lead.resign(&base.store, base.now())).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), base.store.close()).await;
    ended
}

/// How often a process looks whether its directory is still its own.
const WATCH: Duration = Duration::from_secs(1);

/// Returns when this process's claim does not stand any more, as after somebody removed its directory: what it would go
/// on doing, nobody could stop or find.
pub(crate) async fn watch_claim(claim: &Claim, each: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(WATCH).await;
        anyhow::ensure!(claim.stands()?, "the directory of this process was removed or replaced; it ends");
        // A database that is away for a while comes back.
        if let Err(error) = each().await {
            warn!(error = format!("{error:#}"), "what clients find this process by cannot be looked after now");
        }
        service_manager::alive();
    }
}

/// Writes what clients find us by, where it was lost or is another by now.
async fn republish(daemon: &Daemon, directory: &Path) -> anyhow::Result<()> {
    let files = [(CA_FILE, daemon.authorities.seen().client_bundle()), (ENDPOINT_FILE, daemon.base.endpoint.clone())];
    for (name, text) in files {
        let path = directory.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            atomic_write(&path, text.as_bytes(), 0o644)?;
        }
    }
    daemon.access.keys_file.write(&daemon.base.store).await
}

/// Binds the configured address. Port 0 means the port of the last time, or a free one at the first.
async fn bind(directory: &Path, listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let before = std::fs::read_to_string(directory.join(ENDPOINT_FILE)).ok();
    let before = before.and_then(|text| text.trim().strip_prefix("https://")?.parse::<SocketAddr>().ok());
    let address = match before {
        Some(before) if listen.port() == 0 => SocketAddr::new(listen.ip(), before.port()),
        _ => listen,
    };
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: stop whoever uses the port, or configure another"))
}

/// A daemon on the cluster of this directory, which is made if it is not there yet. It serves nobody and does nothing by
/// itself.
pub(crate) async fn open(
    directory: &Path,
    config: &ServeConfig,
    endpoint: &str,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Daemon> {
    let rng = SystemRandom::new();
    let database = config.database(directory)?;
    let store = Store::open(&database).await?.watched(crash_point::at_commit);
    let recorded = store.read("open").await?.cluster().find().await?;
    let key = master_key::read(&config.master_key, directory, recorded.is_some()).await?;
    let alone = matches!(database, Database::Sqlite(_));
    let key_file = master_key::own_file(&config.master_key, directory, alone);
    match &recorded {
        None => {
            let new = bootstrap::NewCluster {
                id: config.cluster.id,
                name: &config.cluster.name,
                operator_key: &config.cluster.operator_key,
                endpoint,
                authority: first_authority(directory)?,
                brought: brought(directory)?,
            };
            bootstrap::bootstrap(&store, &key, &rng, &new, clock.now()).await.map_err(Failure::into_cause)?;
        }
        Some(recorded) if recorded.id != config.cluster.id => {
            return Err(ConfigError::OtherCluster {
                path: directory.join(ServeConfig::FILE),
                configured: config.cluster.id,
                recorded: recorded.id,
            }
            .into());
        }
        Some(_) => {}
    }
    let mut tx = store.write("start").await?;
    let cluster = tx.cluster().get().await?;
    let version = follow(&mut tx, &key).await.map_err(Failure::into_cause)?;
    if tx.sealed_secrets().master_key_check().await?.is_none() {
        tx.sealed_secrets().update_master_key_version(version, &key.check_of(version).unwrap_or_default()).await?;
    }
    let lead = Lead::at_start(&mut tx, directory, &database, clock.now()).await?;
    let base = Arc::new(Base {
        cluster_id: cluster.id,
        cluster_name: cluster.name,
        endpoint: endpoint.to_owned(),
        clock,
        rng,
        master_key: key,
        changes: Changes::new(store.announcer()),
        events: Events::new(store.announcer()),
        lead,
        store,
    });
    let authorities = Arc::new(Authorities::load(base.clone(), &mut tx).await.map_err(Failure::into_cause)?);
    if let Some(brought) = brought(directory)? {
        let path = directory.join(BROUGHT_FILE);
        let root = pem_certificates(brought.root.as_deref().unwrap_or_default()).unwrap_or_default();
        let is_ours = |root: &[u8]| authorities.seen().roots().any(|one| one.authority.certificate() == root);
        let taken = root.first().is_some_and(|root| is_ours(root));
        anyhow::ensure!(taken, "{} is not of this cluster, which has another root: take it away", path.display());
        // It is sealed in the database by now, and holds keys.
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    // From here on there is a key that signs tokens.
    rotate_due(&mut tx, &base.master_key, &base.rng, base.now()).await.map_err(Failure::into_cause)?;
    tx.commit().await?;

    let mut nodes = LocalNodes::new(&config.nodes.local_root, &config.nodes.program);
    nodes.env = inherited_environment();
    let trust = {
        let authorities = authorities.clone();
        move || authorities.seen().trust_fingerprints()
    };
    let access = Arc::new(Access::new(base.clone(), KeysFile::in_directory(directory), trust));
    let place = Place::Local(nodes);
    let nodes = Arc::new(Nodes { base, authorities, machine: place.default_machine(), place: place.into_nodes() });
    Ok(Daemon::new(access, nodes, KeyFile(key_file)))
}

/// What the first authorities are to be: by default, unless whoever starts the daemon says otherwise.
fn first_authority(directory: &Path) -> anyhow::Result<AuthoritySettings> {
    let path = directory.join(AUTHORITY_FILE);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(AuthoritySettings::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let authority: AuthoritySettings =
        serde_json::from_slice(&text).with_context(|| format!("{} is not understood", path.display()))?;
    let declared = PutCluster { authority, ..PutCluster::default() };
    declared.check().with_context(|| path.display().to_string())?;
    Ok(declared.authority)
}

/// The first authorities, if they were signed elsewhere.
fn brought(directory: &Path) -> anyhow::Result<Option<ImportAuthorities>> {
    let path = directory.join(BROUGHT_FILE);
    match std::fs::read(&path).map(zeroize::Zeroizing::new) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} is not understood", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// What an agent inherits: where programs are found, for reload commands, and how much to log. Nothing else, and
/// so no secret.
#[allow(clippy::disallowed_methods, reason = "the environment of a child is made from that of its parent")]
fn inherited_environment() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    ["PATH", "HOME", "LANG", "TMPDIR", "RINGFENCE_LOG"]
        .into_iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
        .collect()
}

pub(crate) async fn wait_for_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // A terminal that closes is no reason to stop.
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => {}
        }
    }
}
