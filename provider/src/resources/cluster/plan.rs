//! What is decided while planning: what can be known of the computed attributes, and what cannot work.

use ringfence_api::ClusterName;
use tfplugin_rs::prelude::*;

use super::model::{ClusterModel, INCOMPLETE, cluster_name, declared};
use crate::provider::Ringfence;
use crate::target::local::{Local, program};

/// Plans what can be known of the computed attributes.
pub(super) fn plan_computed(planned: &mut ClusterModel) {
    if let Some(running) = planned.running.known() {
        planned.state = if *running { "running".into() } else { "stopped".into() };
    }
    if let Some(name) = planned.name.known().and_then(|text| ClusterName::parse(text).ok()) {
        planned.nodes = declared(planned).planned_nodes(&name);
    }
    // Another port is another address.
    let port = planned.local.known().map(|local| local.port);
    let address = planned.endpoint.known().and_then(|text| text.rsplit_once(':')?.1.parse::<i64>().ok());
    if let (Some(port), Some(address)) = (port, address)
        && planned.running != Value::Known(false)
        && port != address.into()
    {
        planned.endpoint = Value::Unknown;
        planned.connection = Value::Unknown;
    }
}

/// What cannot work is said while planning.
pub(super) fn check_target(data: &Ringfence, prior: Option<&ClusterModel>, planned: &ClusterModel) -> Result<()> {
    if !data.token.is_unknown() {
        data.token.key()?;
    }
    let Some(target) = planned.local.known() else { return Ok(()) };
    if !target.daemon.is_unknown() {
        program(&target.daemon)?;
    }
    let (Some(directory), Ok(name)) = (target.directory.known(), cluster_name(planned)) else { return Ok(()) };
    let key = if data.token.is_unknown() { None } else { Some(data.token.public_key()?) };
    let port = target.port.known().and_then(|port| u16::try_from(*port).ok());
    // A head that runs holds its port itself; another port than before must be free.
    let before = prior.and_then(|prior| prior.local.known()?.port.known().copied());
    let wanted = port.filter(|port| before != Some(i64::from(*port)));
    Local::at(directory).check(&name, key.as_ref(), wanted)
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
