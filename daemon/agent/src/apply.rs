//! Doing what was planned. Each action stands for itself: one that fails is reported and tried again, and does
//! not keep the others from being done.

use jiff::Timestamp;
use ringfence_api::node::{DesiredNode, PostCertificate};
use ringfence_api::{Client, NodeName, ServiceName};
use ringfence_pki::{PrivateKey, Usage, verify_leaf};
use tracing::{info, warn};

use crate::disk::Disk;
use crate::error::AgentError;
use crate::plan::{Action, crl_file};
use crate::reload::reload;

/// Applies a plan. Returns what failed, in words; nothing when all is done.
pub(crate) async fn apply(
    client: &Client,
    disk: &Disk,
    node: &NodeName,
    desired: &DesiredNode,
    plan: &[Action],
    now: Timestamp,
) -> Vec<String> {
    let mut faults = Vec::new();
    for action in plan {
        if let Err(error) = act(client, disk, node, desired, action, now).await {
            warn!(node = %node, action = ?action, error = error.chain(), "an action failed and will be tried again");
            faults.push(error.chain());
        }
    }
    faults
}

async fn act(
    client: &Client,
    disk: &Disk,
    node: &NodeName,
    desired: &DesiredNode,
    action: &Action,
    now: Timestamp,
) -> Result<(), AgentError> {
    match action {
        Action::WriteCaBundle => {
            mark_all(disk, desired)?;
            disk.write_ca_bundle(&desired.ca_bundle)
        }
        Action::WriteCrls => {
            mark_all(disk, desired)?;
            disk.write_crls(&crl_file(desired))
        }
        Action::RenewNode => issue(client, disk, node, desired, None, now).await,
        Action::Issue(service) => issue(client, disk, node, desired, Some(service), now).await,
        Action::Remove(service) => disk.remove_service(service),
        Action::Reload(service) => {
            let wanted = desired.services.iter().find(|declared| declared.name == *service);
            if let Some(command) = wanted.and_then(|declared| declared.reload.as_ref()) {
                reload(service, command).await?;
            }
            disk.clear_reload_due(service)
        }
    }
}

fn has_reload(desired: &DesiredNode, service: &ServiceName) -> bool {
    desired.services.iter().any(|declared| declared.name == *service && declared.reload.is_some())
}

/// Services that read the trust files must be told when those change. Noted before the change, so that an
/// interruption between the two tells a service once too often, never too seldom.
fn mark_all(disk: &Disk, desired: &DesiredNode) -> Result<(), AgentError> {
    let held = disk.observe()?.services;
    let told = desired.services.iter().filter(|service| service.reload.is_some() && held.contains_key(&service.name));
    told.map(|service| &service.name).try_for_each(|service| disk.mark_reload_due(service))
}

/// Gets a certificate for a new key and installs the two, if the certificate is good.
async fn issue(
    client: &Client,
    disk: &Disk,
    node: &NodeName,
    desired: &DesiredNode,
    service: Option<&ServiceName>,
    now: Timestamp,
) -> Result<(), AgentError> {
    let key = PrivateKey::generate()?;
    let csr = key.request(node.as_str())?;
    let issued = client.issue(node, &PostCertificate { service: service.cloned(), csr }).await?;
    let usages: &[Usage] = if service.is_some() { &[Usage::Server, Usage::Client] } else { &[Usage::Client] };
    for usage in usages {
        // Without CRLs: a certificate of this minute stands in none.
        verify_leaf(&issued.chain, &desired.ca_bundle, "", *usage, now).map_err(AgentError::NotInstalled)?;
    }
    match service {
        Some(service) => {
            if has_reload(desired, service) {
                // Before the change, so that a crash between the two tells a service once too often, never too seldom.
                disk.mark_reload_due(service)?;
            }
            disk.install_service(service, &issued.serial, &issued.chain, &key)?;
        }
        None => disk.install_node(&issued.serial, &issued.chain, &key)?,
    }
    info!(
        node = %node,
        service = service.map_or("(node)", ServiceName::as_str),
        cert.serial = issued.serial,
        cert.not_after = %issued.not_after,
        "certificate installed"
    );
    Ok(())
}
