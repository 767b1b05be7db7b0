//! `ringfenced serve`: claims the directory, opens or creates the cluster, serves the API and runs the tasks until a
//! signal stops it.
//!
//! ```text
//! serve.toml                 the configuration, written before the daemon starts
//! authority.json             the settings of the first authorities; read when the cluster is created
//! imported.json              what an offline root signed: the first authorities, or later intermediates; removed once
//!                            it is stored
//! ringfence.db               the database, unless it is on a server
//! master.key                 the key that seals all others (0600), unless another source is configured
//! ca.pem, endpoint           the root certificate and the API's address, for clients: the only ones with mode 0644
//! operator_keys              the public keys that may log in
//! history.json               how far the database was, to notice when it goes back
//! serve.lock, serve.pid      the claim on the directory
//! ```

mod history;
mod imported;
#[cfg(test)]
mod model;
mod open;
mod place;
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
use ringfence_store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::authority::issue_api_certificate;
use crate::base::listen_to_others;
use crate::config::ServeConfig;
use crate::daemon::{Daemon, all_routes};
use crate::http::{listen, raise_descriptor_limit, router};
use crate::service_manager;
pub(crate) use history::note_restore;
use imported::await_authorities;
pub(crate) use open::IMPORTED_FILE;
use open::open;

/// The file with the root certificate, for clients.
pub const CA_FILE: &str = "ca.pem";
/// The file with the API's address, for clients.
pub const ENDPOINT_FILE: &str = "endpoint";

/// Serves from this directory until SIGTERM or SIGINT.
pub async fn serve(directory: &Path) -> anyhow::Result<()> {
    crate::logging::start();
    raise_descriptor_limit();
    let directory = std::fs::canonicalize(directory).with_context(|| format!("cannot use {}", directory.display()))?;
    let claim = claim(&directory, HEAD_CLAIM)?;
    let config = ServeConfig::read(&directory)?;
    let listener = bind(&directory, config.api.listen).await?;
    let endpoint = format!("https://{}", listener.local_addr()?);
    // Before the cluster is created: its certificates contain this address, so a start after a crash must find it.
    atomic_write(&directory.join(ENDPOINT_FILE), endpoint.as_bytes(), 0o644)?;

    let daemon = open(&directory, &config, &endpoint, Arc::new(SystemClock)).await?;
    let Daemon { base, access, authorities, tasks, .. } = &daemon;
    tokio::select! {
        awaited = await_authorities(&daemon, &directory) => awaited?,
        ended = wait_for_signal() => return ended,
    }
    let tls = issue_api_certificate(authorities).await?;
    access.keys_file.write(&base.store).await?;
    atomic_write(&directory.join(CA_FILE), authorities.cached().client_bundle().as_bytes(), 0o644)?;

    let stop = CancellationToken::new();
    let mut serving = tokio::spawn(listen(listener, tls.config(), router(all_routes(), daemon.clone()), stop.clone()));
    let mut running = tokio::spawn(tasks.clone().run(stop.clone()));
    if let Some(announcements) = base.store.announcements() {
        tokio::spawn(listen_to_others(base.clone(), announcements, stop.clone()));
    }
    info!(cluster = %base.cluster_name, cluster.id = %base.cluster_id, endpoint, "serving");
    service_manager::ready(&format!("cluster {} at {endpoint}", base.cluster_name));
    let ended = tokio::select! {
        ended = wait_for_signal() => ended,
        ended = watch_claim(&claim, async || republish(&daemon, &directory).await) => ended,
        ended = watch_work(&base.store, &mut serving, &mut running) => ended,
    };
    info!("stopping");
    service_manager::stopping();
    stop.cancel();
    // What does not end soon is cut off, which is as safe as a crash.
    let _ = tokio::time::timeout(Duration::from_secs(2), end(serving, running)).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), base.lead.resign(&base.store, base.now())).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), base.store.close()).await;
    ended
}

/// Fails when something has ended without which the daemon is of no use: whoever watches it starts it again, which is
/// better than a process that only looks alive.
async fn watch_work(store: &Store, serving: &mut JoinHandle<()>, running: &mut JoinHandle<()>) -> anyhow::Result<()> {
    let what = tokio::select! {
        () = store.ended() => "the writer of the database",
        _ = serving => "the API",
        _ = running => "the background work",
    };
    anyhow::bail!("{what} has ended by a fault, so the process ends; start it again")
}

/// Waits for what has not ended yet.
async fn end(serving: JoinHandle<()>, running: JoinHandle<()>) {
    for work in [serving, running] {
        if !work.is_finished() {
            let _ = work.await;
        }
    }
}

/// How often a process checks its claim on its directory.
const CLAIM_CHECK: Duration = Duration::from_secs(1);

/// Fails when this process has lost its claim, for example because its directory was removed: otherwise it would go on
/// as a process that nobody can find or stop.
pub(crate) async fn watch_claim(claim: &Claim, each: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(CLAIM_CHECK).await;
        match claim.stands().map_err(anyhow::Error::from) {
            // The database may be unavailable for a while.
            Ok(true) => {
                if let Err(error) = each().await {
                    warn!(error = format!("{error:#}"), "the files for clients could not be checked; trying again");
                }
            }
            Ok(false) => anyhow::bail!("the directory of this process was removed or replaced; the process ends"),
            // Such as for want of file descriptors, which says nothing about the claim.
            Err(error) => {
                warn!(error = format!("{error:#}"), "the claim on the directory could not be checked; trying again");
            }
        }
        service_manager::alive();
    }
}

/// Writes the files for clients again, if they are missing or outdated.
async fn republish(daemon: &Daemon, directory: &Path) -> anyhow::Result<()> {
    let files = [(CA_FILE, daemon.authorities.cached().client_bundle()), (ENDPOINT_FILE, daemon.base.endpoint.clone())];
    for (name, text) in files {
        let path = directory.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            atomic_write(&path, text.as_bytes(), 0o644)?;
        }
    }
    daemon.access.keys_file.write(&daemon.base.store).await?;
    history::keep_note(&daemon.base, directory).await?;
    imported::import_file(daemon, directory).await
}

/// Binds the configured address. Port 0 means the port of the last start, or a free one at the first start.
async fn bind(directory: &Path, listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let before = std::fs::read_to_string(directory.join(ENDPOINT_FILE)).ok();
    let before = before.and_then(|text| text.trim().strip_prefix("https://")?.parse::<SocketAddr>().ok());
    let address = match before {
        Some(before) if listen.port() == 0 => SocketAddr::new(listen.ip(), before.port()),
        _ => listen,
    };
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: stop the program that uses the port, or configure another port")
    })
}

pub(crate) async fn wait_for_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // A closed terminal is no reason to stop.
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => {}
        }
    }
}
