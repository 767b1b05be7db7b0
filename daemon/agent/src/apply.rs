//! Doing what was planned. Each action stands for itself: one that fails is reported and tried again, and does
//! not keep the others from being done.

use jiff::Timestamp;
use nix::unistd::{Group, User};
use ringfence_api::node::{DesiredNode, DesiredService, PostCertificate};
use ringfence_api::{Client, NodeName, ServiceName, SystemUser};
use ringfence_pki::{PrivateKey, Usage, verify_leaf};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::disk::{Disk, SetFiles};
use crate::error::AgentError;
use crate::plan::{Action, crl_file, has_commands};
use crate::service_command::run;

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
        Action::IssueToken(service) => issue_token(client, disk, node, desired, service).await,
        Action::RemoveToken(service) => disk.remove_token(service),
        Action::TryAgain(service) => {
            disk.mark_reload_due(service)?;
            disk.try_refused(service)
        }
        Action::Remove(service) => disk.remove_service(service),
        Action::Reload(service) => tell(disk, desired, service).await,
    }
}

/// Lets the service check what is current, and tells it. When it refuses it, what it had before is rolled back, and
/// what it refused is kept to be tried again.
async fn tell(disk: &Disk, desired: &DesiredNode, service: &ServiceName) -> Result<(), AgentError> {
    let Some(declared) = find(desired, service) else { return Ok(()) };
    let told = async {
        if let Some(check) = &declared.check {
            run("check", service, check).await?;
        }
        match &declared.reload {
            Some(reload) => run("reload", service, reload).await,
            None => Ok(()),
        }
    };
    match told.await {
        Ok(()) => {
            disk.settle(service)?;
            disk.clear_reload_due(service)
        }
        Err(error) => {
            if disk.roll_back(service)?
                && let Some(reload) = &declared.reload
            {
                warn!(service = %service, "the service refused its new certificate; the one before is back in place");
                // It may have read what it refused.
                run("reload", service, reload).await?;
            }
            Err(error)
        }
    }
}

fn find<'a>(desired: &'a DesiredNode, service: &ServiceName) -> Option<&'a DesiredService> {
    desired.services.iter().find(|declared| declared.name == *service)
}

/// Services that read the trust files must be told when those change. Noted before the change, so that an
/// interruption between the two tells a service once too often, never too seldom.
fn mark_all(disk: &Disk, desired: &DesiredNode) -> Result<(), AgentError> {
    let held = disk.observe()?.services;
    let told = desired.services.iter().filter(|service| has_commands(service) && held.contains_key(&service.name));
    told.map(|service| &service.name).try_for_each(|service| disk.mark_reload_due(service))
}

/// Gets a certificate for a new key and installs the two, if the certificate verifies.
async fn issue(
    client: &Client,
    disk: &Disk,
    node: &NodeName,
    desired: &DesiredNode,
    service: Option<&ServiceName>,
    now: Timestamp,
) -> Result<(), AgentError> {
    let declared = service.and_then(|service| find(desired, service));
    let algorithm = declared.map(|declared| declared.key_algorithm).unwrap_or_default();
    let key = PrivateKey::generate_for(algorithm)?;
    let files = declared.map(set_files).transpose()?.unwrap_or_default();
    let csr = key.request(node.as_str())?;
    let issued = client.issue(node, &PostCertificate { service: service.cloned(), csr }).await?;
    let usages: &[Usage] = if service.is_some() { &[Usage::Server, Usage::Client] } else { &[Usage::Client] };
    for usage in usages {
        // Without CRLs: a certificate of this minute stands in none.
        verify_leaf(&issued.chain, &desired.ca_bundle, "", *usage, now).map_err(AgentError::NotInstalled)?;
    }
    match service {
        Some(service) => {
            if declared.is_some_and(has_commands) {
                // Before the change, so that a crash between the two tells a service once too often, never too seldom.
                disk.mark_reload_due(service)?;
            }
            disk.install_service(service, &issued.serial, &issued.chain, &key, &files)?;
            if !declared.is_some_and(has_commands) {
                // Nobody is asked, so there is nothing to roll back to.
                disk.settle(service)?;
            }
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

/// Gets a token and puts it where the one before lies. A service reads it when it needs it, so nobody is told.
async fn issue_token(
    client: &Client,
    disk: &Disk,
    node: &NodeName,
    desired: &DesiredNode,
    service: &ServiceName,
) -> Result<(), AgentError> {
    let Some(declared) = find(desired, service) else { return Ok(()) };
    let files = set_files(declared)?;
    let issued = client.service_token(node, service).await?;
    disk.write_token(service, &issued.token, &files)?;
    info!(
        node = %node,
        service = %service,
        token.id = issued.id,
        token.expires_at = %issued.expires_at,
        "token installed"
    );
    Ok(())
}

/// Whose the files of a service are, by the accounts of this node.
fn set_files(service: &DesiredService) -> Result<SetFiles, AgentError> {
    let unknown = |kind: &'static str, name: &SystemUser| AgentError::NoSuchAccount {
        service: service.name.to_string(),
        kind,
        name: name.to_string(),
    };
    let files = &service.files;
    let owner = files
        .owner
        .as_ref()
        .map(|name| User::from_name(name.as_str()).ok().flatten().ok_or_else(|| unknown("user", name)));
    let owner = owner.transpose()?;
    let group = files.group.as_ref().map(|name| {
        Group::from_name(name.as_str()).ok().flatten().map(|group| group.gid).ok_or_else(|| unknown("group", name))
    });
    let group = group.transpose()?.or(owner.as_ref().map(|owner| owner.gid));
    let password = || Zeroizing::new(format!("{:032x}", rand::random::<u128>()));
    Ok(SetFiles {
        declared: files.clone(),
        owner: owner.map(|owner| owner.uid),
        group,
        key_mode: if files.private { 0o600 } else { 0o640 },
        combined_pem: files.combined_pem,
        pkcs12: files.pkcs12.then(password),
    })
}
