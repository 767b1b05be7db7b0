//! Intermediates of an offline root that come by file: `imported.json` in the daemon's directory. It is the way on when
//! an intermediate has ended, because then nobody can connect to the API to import another.

use std::path::Path;

use jiff::Timestamp;
use ringfence_api::authority::{Authority, AuthorityDomain, ImportAuthorities};
use tracing::{error, info};

use crate::authority::{Issuers, import_signed, rotate_due};
use crate::base::{Actor, Failure};
use crate::daemon::Daemon;
use crate::serve::open::read_imported;

/// How often the file is looked for while nothing can be served.
const PERIOD: std::time::Duration = std::time::Duration::from_secs(1);

/// The root, if it has ended.
fn ended_root(issuers: &Issuers, now: Timestamp) -> Option<&Authority> {
    let root = &issuers.active(AuthorityDomain::Root).ok()?.view;
    (root.not_after <= now).then_some(root)
}

/// Imports what the file holds, if there is one, and removes it.
pub(super) async fn import_file(daemon: &Daemon, directory: &Path) -> anyhow::Result<()> {
    let Some((path, imported)) = read_imported(directory)? else { return Ok(()) };
    let ImportAuthorities { intermediates, list, .. } = imported;
    let later = ImportAuthorities { root: None, intermediates, list };
    import_signed(&daemon.authorities, &Actor::daemon("imported.json"), &later).await.map_err(Failure::into_cause)?;
    std::fs::remove_file(&path)?;
    info!(file = %path.display(), "imported");
    Ok(())
}

/// Takes the steps of the authorities that are due, so that there is something to sign the API's certificate with. When
/// the intermediate of an offline root has ended, waits until another is imported by file.
pub(super) async fn await_authorities(daemon: &Daemon, directory: &Path) -> anyhow::Result<()> {
    let authorities = &daemon.authorities;
    let mut told = false;
    loop {
        rotate_due(authorities).await.map_err(Failure::into_cause)?;
        let (issuers, now) = (authorities.cached(), daemon.base.now());
        let services = &issuers.active(AuthorityDomain::Services).map_err(Failure::into_cause)?.view;
        if services.not_after > now {
            return Ok(());
        }
        if !told && let Some(root) = ended_root(&issuers, now) {
            error!(
                "the offline root {} ended at {}: nothing that it has signed verifies any more. Make another root with \
                 `ringfenced ca init`, and a new cluster with it",
                root.id, root.not_after
            );
        }
        if !told {
            error!(
                "the intermediate {} ended at {}, and the root is offline: nothing can be served until another is \
                 imported. Where the root is, run `ringfenced ca intermediate services --directory ROOT --out \
                 new.json`; here, run `ringfenced ca import --cluster {} new.json`",
                services.id,
                services.not_after,
                directory.parent().unwrap_or(directory).display()
            );
            told = true;
        }
        if let Err(error) = import_file(daemon, directory).await {
            error!(error = format!("{error:#}"), "the file cannot be imported");
        }
        tokio::time::sleep(PERIOD).await;
    }
}
