//! What is decided while planning: what can be known of the computed attributes, and what cannot work.

use ringfence_api::{ClusterId, ClusterName};
use tfplugin_rs::prelude::*;

use super::ClusterResource;
use super::declaration::planned_nodes;
use super::model::{ClusterModel, INCOMPLETE, cluster_name, declared};
use crate::connection::ConnectionModel;
use crate::fault;
use crate::ringfence::Ringfence;
use crate::target::{Lost, Sight};

/// Plans what can be known of the computed attributes.
pub(super) fn plan_computed(planned: &mut ClusterModel) {
    if let Some(running) = planned.running.known() {
        planned.state = if *running { "running".into() } else { "stopped".into() };
    }
    if let Some(name) = planned.name.known().and_then(|text| ClusterName::parse(text).ok()) {
        planned.nodes = planned_nodes(&planned.worker_groups, &name);
    }
    let Some(target) = planned.target() else { return };
    if planned.running == Value::Known(false) {
        // A head that died leaves its workers; stopping ends them.
        if target.workers_run() {
            planned.state = Value::Unknown;
        }
        return;
    }
    // Another address is one of the same cluster, and what is in it must be able to see that.
    if let Some(endpoint) = planned.endpoint.known().and_then(|before| target.next_endpoint(before)) {
        let endpoint = Value::from(endpoint);
        planned.endpoint = endpoint.clone();
        planned.connection = Value::Known(ConnectionModel {
            endpoint,
            ca_certificate: planned.ca_certificate.clone(),
            cluster_id: planned.id.clone(),
        });
    }
}

/// What cannot work is said while planning. `recorded` is the cluster in the state.
pub(super) fn check_target(data: &Ringfence, asked: &ClusterModel, recorded: Option<ClusterId>) -> Result<()> {
    if !data.token.is_unknown() {
        data.token.check()?;
    }
    let Some(model) = asked.target_model() else { return Ok(()) };
    model.check()?;
    let (Some(target), Ok(name)) = (asked.target(), cluster_name(asked)) else { return Ok(()) };
    let key = if data.token.is_unknown() { None } else { Some(data.token.public_key()?) };
    // The cluster in the state may have another name now; then it is removed before the new one is made. An apply plans
    // once more, in another process, which has not read it.
    let ours = target.cluster_id()?.is_some_and(|id| recorded == Some(id) || data.seen(id).is_some());
    if ours { target.check_address() } else { target.check(&name, key.as_ref()) }
}

/// A cluster that is to be created and is there already: refused when it is declared otherwise, and told of when it
/// would be taken over as it is, which is how an interrupted creation is finished.
pub(super) async fn check_existing(ctx: &ResourceContext<ClusterResource>, planned: &ClusterModel) -> Result<()> {
    let data = ctx.data();
    let Some(target) = planned.target() else { return Ok(()) };
    let place = target.import_id();
    let owner = match target.look()? {
        Sight::Gone => return Ok(()),
        Sight::Lost(Lost { id: Some(id), .. }) if data.seen(id).is_some() => return Ok(()),
        Sight::Lost(lost) => return Err(lost.fault.into()),
        // One that this run has read is in the state, and goes before this one comes.
        Sight::Running(owner) | Sight::Stopped(owner) if data.seen(owner.id).is_some() => return Ok(()),
        Sight::Stopped(owner) => owner,
        Sight::Running(owner) => {
            let declared = declared(planned);
            if declared.is_known()
                && let Some(connection) = target.reached().await?
                && let Ok(cluster) = data.client(&connection)?.cluster().await
                && !cluster.nodes.is_empty()
                && cluster.declared != declared.to_put()?
            {
                return Err(fault::exists(
                    &format!("{place} holds cluster {}, which is declared otherwise", owner.name),
                    ClusterResource::NAME,
                    place,
                ));
            }
            owner
        }
    };
    ctx.warn(
        Diagnostic::warning(format!("Cluster {} is there already", owner.name))
            .detail(format!(
                "{place} holds it. It is taken over as it is, if it is declared as it is here. That is right after a \
                 creation that was interrupted; if another configuration manages it, it would be managed by both."
            ))
            .at(target.attribute()),
    );
    Ok(())
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
