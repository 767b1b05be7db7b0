//! What is decided while planning: what can be known of the computed attributes, and what cannot work.

use ringfence_api::ClusterName;
use tfplugin_rs::prelude::*;

use super::model::{ClusterModel, INCOMPLETE, cluster_name, declared};
use super::resource::ClusterResource;
use crate::connection::ConnectionModel;
use crate::fault;
use crate::ringfence::Ringfence;
use crate::target::local::{Local, Sight, program};

/// Plans what can be known of the computed attributes.
pub(super) fn plan_computed(planned: &mut ClusterModel) {
    if let Some(running) = planned.running.known() {
        planned.state = if *running { "running".into() } else { "stopped".into() };
    }
    if let Some(name) = planned.name.known().and_then(|text| ClusterName::parse(text).ok()) {
        planned.nodes = declared(planned).planned_nodes(&name);
    }
    let Some(target) = planned.local.known() else { return };
    if planned.running == Value::Known(false) {
        // A head that died leaves its agents; stopping ends them.
        if target.directory.known().is_some_and(|directory| Local::at(directory).agents_run()) {
            planned.state = Value::Unknown;
        }
        return;
    }
    // Another port is another address of the same cluster, and what is in it must be able to see that.
    if let (Some(port), Some(before)) = (target.port.known(), planned.endpoint.known())
        && !before.ends_with(&format!(":{port}"))
    {
        let endpoint = Value::from(format!("https://127.0.0.1:{port}"));
        planned.endpoint = endpoint.clone();
        planned.connection = Value::Known(ConnectionModel {
            endpoint,
            ca_certificate: planned.ca_certificate.clone(),
            cluster_id: planned.id.clone(),
        });
    }
}

/// What cannot work is said while planning. `port` is the one that the head is to have, if that is decided.
pub(super) fn check_target(data: &Ringfence, planned: &ClusterModel, port: Option<u16>) -> Result<()> {
    if !data.token.is_unknown() {
        data.token.check()?;
    }
    let Some(target) = planned.local.known() else { return Ok(()) };
    if !target.daemon.is_unknown() {
        program(&target.daemon)?;
    }
    let (Some(directory), Ok(name)) = (target.directory.known(), cluster_name(planned)) else { return Ok(()) };
    let key = if data.token.is_unknown() { None } else { Some(data.token.public_key()?) };
    let local = Local::at(directory);
    // A cluster that this run has read may have another name now; then it is removed before the new one is made.
    let ours = local.cluster_id()?.is_some_and(|id| data.seen(id).is_some());
    if ours { local.check_port(port) } else { local.check(&name, key.as_ref(), port) }
}

/// A cluster that is to be created and is there already: refused when it is declared otherwise, and told of when it
/// would be taken over as it is, which is how an interrupted creation is finished.
pub(super) async fn check_existing(ctx: &ResourceContext<ClusterResource>, planned: &ClusterModel) -> Result<()> {
    let data = ctx.data();
    let Some(directory) = planned.local.known().and_then(|local| local.directory.known()) else { return Ok(()) };
    let local = Local::at(directory);
    let owner = match local.look()? {
        Sight::Gone => return Ok(()),
        // One that this run has read is in the state, and goes before this one comes.
        Sight::Running(owner) | Sight::Stopped(owner) if data.seen(owner.id).is_some() => return Ok(()),
        Sight::Stopped(owner) => owner,
        Sight::Running(owner) => {
            let declared = declared(planned);
            if declared.is_known()
                && let Some(connection) = local.reached().await?
                && let Ok(cluster) = data.client(&connection)?.cluster().await
                && !cluster.nodes.is_empty()
                && cluster.declared != declared.to_put()?
            {
                return Err(fault::exists(
                    &format!("{directory} holds cluster {}, which is declared otherwise", owner.name),
                    ClusterResource::NAME,
                    directory,
                ));
            }
            owner
        }
    };
    ctx.warn(
        Diagnostic::warning(format!("Cluster {} is there already", owner.name))
            .detail(format!(
                "{directory} holds it. It is taken over as it is, if it is declared as it is here. That is right after a \
                 creation that was interrupted; if another configuration manages it, it would be managed by both."
            ))
            .at(Path::root().attr("local")),
    );
    Ok(())
}

/// The port in this model.
pub(super) fn port_of(model: Option<&ClusterModel>) -> Option<u16> {
    model?.local.known()?.port.known().and_then(|port| u16::try_from(*port).ok())
}

pub(super) fn refuse_if_protected(cluster: &ClusterModel, what: &str) -> Result<()> {
    if cluster.deletion_protection == Value::Known(false) || cluster.state == INCOMPLETE {
        return Ok(());
    }
    Err(Diagnostic::error("The cluster is protected from deletion")
        .detail(format!(
            "{what}, and cluster {} holds data. If that is meant, apply `deletion_protection = false` first.",
            cluster.name.known().map_or("", String::as_str)
        ))
        .at(Path::root().attr("deletion_protection"))
        .into())
}

/// Services may only name groups that are declared.
pub(super) fn validate_node_groups(config: &ClusterModel, out: &mut Diagnostics) {
    if config.worker_groups.is_unknown() {
        return;
    }
    let groups = config.worker_groups.known();
    for (name, service) in config.services.known().into_iter().flatten() {
        for group in service.node_groups().known().into_iter().flatten() {
            if group != "head" && !groups.is_some_and(|groups| groups.contains_key(group)) {
                out.push(
                    Diagnostic::error("The node group is not declared")
                        .detail(format!(
                            "Service {name} names {group:?}, which is neither `head` nor one of `worker_groups`."
                        ))
                        .at(Path::root().attr("services").key(name.as_str()).attr("node_groups")),
                );
            }
        }
    }
}
