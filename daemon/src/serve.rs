//! `ringfenced serve`: claims the directory, opens or creates the cluster, serves the API and runs the tasks until it
//! is told to stop.
//!
//! ```text
//! serve.toml                 the configuration, written by whoever starts the daemon
//! authority.json             what the first authorities are to be; read when the cluster is made
//! imported.json              the first authorities, if an offline root has signed them; removed when the cluster is created
//! ringfence.db               the database, unless it is a server's
//! master.key                 the key that seals all others (0600), unless it comes from elsewhere
//! ca.pem, endpoint           what a client needs to trust and to find the API
//! operator_keys              the public keys that log in
//! serve.lock, serve.pid      who runs
//! ```

mod open;
#[cfg(test)]
mod simulation;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ringfence_api::SystemClock;
use ringfence_place::file::atomic_write;
use ringfence_place::process::{Claim, HEAD_CLAIM, claim};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::authority::issue_api_certificate;
use crate::base::listen_to_others;
use crate::config::ServeConfig;
use crate::daemon::{Daemon, all_routes};
use crate::http::{listen, router};
use crate::service_manager;
use open::open;

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
