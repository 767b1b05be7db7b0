//! `ringfence_cluster`: plants the head, tells it what is declared, waits until everything is there.
//!
//! Every operation is "make it so" and may be repeated after an interruption anywhere: the target's directory or
//! tag says whose cluster it is, the head is found before it is started, and the declaration is put whole.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ringfence_api::cluster::{Cluster, ClusterState};
use ringfence_api::node::NodeState;
use ringfence_api::{Client, ClusterName, Connection};
use tfplugin_rs::prelude::*;

use crate::connection::{ConnectionModel, failed};
use crate::declaration::{AuthorityModel, Declared, NodeModel, ServiceModel, WorkerGroupModel, nodes_of};
use crate::provider::{Ringfence, Seen};
use crate::target::local::{Claimed, Local, Sight, program};

/// The resource.
pub(crate) struct ClusterResource;

/// How long operations may take unless `timeouts` says otherwise.
const CREATE: Duration = Duration::from_mins(10);
const DELETE: Duration = Duration::from_mins(5);

/// The `state` of a cluster whose creation has not succeeded. Such a one may be removed although it is protected.
const INCOMPLETE: &str = "incomplete";

/// A cluster: a head and worker groups, with a certificate authority of its own.
///
/// The provider starts the head; the head launches, repairs and removes the workers, and keeps the certificates of every
/// node fresh. Exactly one of `local`, `aws` and `azure` says where.
#[derive(Clone, Model)]
pub(crate) struct ClusterModel {
    /// Identity of the cluster (UUID).
    #[tf(computed, plan = keep_state())]
    id: Value<String>,
    /// Name: 2 to 30 lower-case letters, digits and hyphens, beginning with a letter. It is part of every node's DNS name.
    #[tf(required, validate = check(ClusterName::parse), plan = requires_replace())]
    name: Value<String>,
    /// Whether the cluster runs. A stopped cluster keeps everything; its projects and members are not refreshed.
    #[tf(optional, default = true)]
    running: Value<bool>,
    /// Whether destroying or replacing the cluster is refused. Apply `false` before you destroy it.
    #[tf(optional, default = true)]
    deletion_protection: Value<bool>,
    /// Runs the cluster as processes of this machine.
    #[tf(optional)]
    local: Value<LocalModel>,
    /// Runs the cluster on AWS. Not available in this version.
    #[tf(optional)]
    aws: Value<AwsModel>,
    /// Runs the cluster on Azure. Not available in this version.
    #[tf(optional)]
    azure: Value<AzureModel>,
    /// Worker groups by name: 1 to 15 lower-case letters, digits and hyphens, beginning with a letter, not `head`.
    #[tf(optional, validate = keys(check(ringfence_api::GroupName::parse)))]
    worker_groups: Value<BTreeMap<String, WorkerGroupModel>>,
    /// Services by name (1 to 30 lower-case letters, digits and hyphens, beginning with a letter). Each gets a
    /// certificate on the nodes where it runs: the common name is the node's DNS name, the locality (L) its system user.
    #[tf(optional, validate = keys(check(ringfence_api::ServiceName::parse)))]
    services: Value<BTreeMap<String, ServiceModel>>,
    /// How long what the certificate authority signs lives: durations such as `45s`, `24h` or `7d`, from 15 seconds to
    /// 366 days.
    #[tf(optional)]
    authority: Value<AuthorityModel>,
    /// Address of the daemon's API.
    #[tf(computed, plan = keep_state())]
    endpoint: Value<String>,
    /// Root certificate of the cluster, in PEM.
    #[tf(computed, plan = keep_state())]
    ca_certificate: Value<String>,
    /// What resources in this cluster take as their `cluster`.
    #[tf(computed, plan = keep_state())]
    connection: Value<ConnectionModel>,
    /// Nodes, the head first.
    #[tf(computed)]
    nodes: Value<Vec<NodeModel>>,
    /// `running` or `stopped`; `incomplete` after a creation that did not succeed.
    #[tf(computed)]
    state: Value<String>,
    /// How long operations may take, such as `90s`, `10m` or `1h30m`. Default: 10 minutes to create and to change, 5
    /// minutes to stop and to delete.
    #[tf(optional)]
    timeouts: Value<Timeouts>,
}

/// A cluster of processes on this machine.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct LocalModel {
    /// Directory of the cluster, new or empty; a relative path begins where Terraform runs. Everything of the cluster
    /// lies in it, and it is removed with the cluster.
    #[tf(required, validate = length(1..=4096), plan = requires_replace())]
    directory: Value<String>,
    /// Port of the API on 127.0.0.1. Default: a free one, chosen once.
    #[tf(optional, computed, validate = between(1, 65535), plan = keep_state())]
    port: Value<i64>,
    /// Path of the program `ringfenced`. Default: beside the provider, else on the `PATH`.
    #[tf(optional)]
    daemon: Value<String>,
}

/// A cluster on AWS.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct AwsModel {
    /// Region, such as `eu-north-1`.
    #[tf(required)]
    region: Value<String>,
}

/// A cluster on Azure.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct AzureModel {
    /// Location, such as `swedencentral`.
    #[tf(required)]
    location: Value<String>,
}

impl Resource for ClusterResource {
    type Model = ClusterModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_cluster";

    fn validate(&self, config: &ClusterModel, out: &mut Diagnostics) {
        let targets =
            [("local", config.local.presence()), ("aws", config.aws.presence()), ("azure", config.azure.presence())];
        exactly_one_of(&targets, out);
        for (target, presence) in &targets[1..] {
            if *presence == Presence::Present && config.local.is_null() {
                out.push(
                    Diagnostic::error(format!("The target {target} is not available in this version"))
                        .detail("Use `local`.")
                        .at(Path::root().attr(*target)),
                );
            }
        }
        validate_node_groups(config, out);
    }

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<ClusterModel>) -> Result<()> {
        let replaced = plan.prior.as_ref().zip(plan.planned.as_ref()).is_some_and(|(prior, planned)| {
            let directory = |model: &ClusterModel| model.local.known().map(|local| local.directory.clone());
            prior.name != planned.name || directory(prior) != directory(planned)
        });
        if (plan.is_destroy() || replaced)
            && let Some(prior) = &plan.prior
        {
            let what = if replaced { "This change replaces the cluster" } else { "The cluster would be destroyed" };
            refuse_if_protected(prior, what)?;
        }
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        if !replaced {
            plan_computed(planned);
        }
        check_target(ctx.data(), plan.prior.as_ref().filter(|_| !replaced), planned)
    }

    async fn create(&self, ctx: &ResourceContext<Self>, plan: ClusterModel) -> Result<ClusterModel> {
        let limit = plan.timeouts.create_or(CREATE);
        let (_, claimed) = claim(ctx.data(), &plan)?;
        if let Claimed::Made(owner) = claimed {
            // From here on something exists: whatever happens, Terraform knows of it. A cluster that was there before
            // and is taken over is not put at risk: it is unknown to Terraform until it is taken over for good.
            let id = owner.id.to_string().into();
            ctx.save(&ClusterModel { id, state: INCOMPLETE.into(), ..plan.clone() });
        }
        converge(ctx, plan, "creating the cluster", limit).await
    }

    async fn read(&self, ctx: &ResourceContext<Self>, state: ClusterModel) -> Result<Option<ClusterModel>> {
        let Some(local) = state.local.known().and_then(|local| local.directory.known()).map(|text| Local::at(text))
        else {
            return Ok(Some(state));
        };
        let recorded = state.id.known().and_then(|id| ringfence_api::ClusterId::parse(id).ok());
        let (owner, running) = match local.look()? {
            Sight::Gone => {
                if let Some(recorded) = recorded {
                    ctx.data().note(recorded, Seen::Gone);
                }
                return Ok(None);
            }
            Sight::Stopped(owner) => (owner, false),
            Sight::Running(owner) => (owner, true),
        };
        if let Some(recorded) = recorded.filter(|recorded| *recorded != owner.id) {
            // Somebody made another cluster in this directory; ours is gone.
            ctx.data().note(recorded, Seen::Gone);
            return Ok(None);
        }
        if !running {
            ctx.data().note(owner.id, Seen::Stopped);
            let (id, name) = (owner.id.to_string().into(), owner.name.as_str().into());
            let incomplete = state.state == INCOMPLETE;
            let seen = ClusterModel { id, name, running: false.into(), ..state };
            // A head that was never able to start has not said how it is reached.
            let seen = match local.connection() {
                Ok(connection) => stopped(seen, &connection),
                Err(_) => ClusterModel { state: "stopped".into(), ..seen },
            };
            return Ok(Some(if incomplete { ClusterModel { state: INCOMPLETE.into(), ..seen } } else { seen }));
        }
        let connection = local.connection()?;
        ctx.data().note(owner.id, Seen::Running(connection.clone()));
        let client = ctx.data().client(&connection)?;
        let cluster = failed(ctx.data(), client.cluster().await)?;
        for node in cluster.nodes.iter().filter(|node| node.fault.is_some()) {
            let fault = node.fault.clone().unwrap_or_default();
            ctx.warn(Diagnostic::warning(format!("Node {} reports a fault", node.name)).detail(format!("{fault}.")));
        }
        let incomplete = state.state == INCOMPLETE;
        let seen = complete(state, &cluster, &connection);
        Ok(Some(if incomplete { ClusterModel { state: INCOMPLETE.into(), ..seen } } else { seen }))
    }

    async fn update(
        &self,
        ctx: &ResourceContext<Self>,
        prior: ClusterModel,
        plan: ClusterModel,
    ) -> Result<ClusterModel> {
        if plan.running == Value::Known(false) {
            let stopped = stop(ctx, &plan).await?;
            return Ok(ClusterModel {
                endpoint: prior.endpoint,
                ca_certificate: prior.ca_certificate,
                connection: prior.connection,
                ..stopped
            });
        }
        let limit = plan.timeouts.update_or(CREATE);
        converge(ctx, plan, "updating the cluster", limit).await
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: ClusterModel) -> Result<()> {
        // Also here, because `-replace` and `taint` plan a creation and not a removal.
        refuse_if_protected(&state, "The cluster would be destroyed")?;
        let Some(local) = state.local.known().and_then(|local| local.directory.known()).map(|text| Local::at(text))
        else {
            return Ok(());
        };
        let ours = match local.look()? {
            // Removes what an interrupted removal has left.
            Sight::Gone => true,
            Sight::Stopped(owner) | Sight::Running(owner) => {
                state.id == Value::from(owner.id.to_string()) || state.id.is_null()
            }
        };
        if !ours {
            return Ok(());
        }
        ctx.within("removing the cluster", state.timeouts.delete_or(DELETE), local.destroy()).await
    }

    /// The directory of a local cluster.
    async fn import(&self, _: &ResourceContext<Self>, id: &str) -> Result<ClusterModel> {
        let connection = Local::at(id).connection()?;
        let port = connection.endpoint.rsplit_once(':').and_then(|(_, port)| port.parse::<i64>().ok());
        Ok(ClusterModel {
            running: true.into(),
            deletion_protection: true.into(),
            local: LocalModel { directory: id.into(), port: port.into(), daemon: Value::Null }.into(),
            id: connection.cluster_id.to_string().into(),
            ..ClusterModel::default()
        })
    }
}

/// Makes the target's place the cluster's, or finds that it is.
fn claim(data: &Ringfence, plan: &ClusterModel) -> Result<(Local, Claimed)> {
    let Some(directory) = plan.local.known().and_then(|local| local.directory.known()) else {
        return Err(Diagnostic::error("The cluster has no target").at(Path::root().attr("local")).into());
    };
    let local = Local::at(directory);
    let claimed = local.claim(&cluster_name(plan)?, &data.token.public_key()?)?;
    Ok((local, claimed))
}

/// Makes the cluster as planned and waits until it is.
async fn converge(
    ctx: &ResourceContext<ClusterResource>,
    plan: ClusterModel,
    doing: &str,
    limit: Duration,
) -> Result<ClusterModel> {
    let data = ctx.data();
    let declared = declared(&plan).to_put()?;
    let target = plan.local.known().cloned().unwrap_or_default();
    let program = program(&target.daemon)?;
    let listen = target.port.known().and_then(|port| u16::try_from(*port).ok()).unwrap_or(0);
    let (local, Claimed::Made(owner) | Claimed::Found(owner)) = claim(data, &plan)?;
    let latest = Mutex::new(None);
    let converging = ctx.within(doing, limit, async {
        let connection = local.ensure_head(&owner, &program, listen).await?;
        if plan.running == Value::Known(false) {
            // A cluster that is declared stopped is made nevertheless, so that it has an authority, and then stopped.
            local.stop().await?;
            return Ok(stopped(plan, &connection));
        }
        let client = data.client(&connection)?;
        failed(data, client.health().await)?;
        let cluster = failed(data, client.put_cluster(&declared).await)?;
        let cluster = wait_until_ready(data, &client, cluster, &latest).await?;
        data.note(owner.id, Seen::Running(connection.clone()));
        Ok(complete(plan, &cluster, &connection))
    });
    converging.await.map_err(|error| {
        let cluster = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.into_iter().chain(cluster.iter().flat_map(unready_nodes)).collect()
    })
}

/// What each node that is not ready lacks, for the error of an operation that took too long.
fn unready_nodes(cluster: &Cluster) -> Vec<Diagnostic> {
    let unready = cluster.nodes.iter().filter(|node| node.state != NodeState::Ready || node.fault.is_some());
    unready
        .map(|node| {
            let fault = node.fault.clone().unwrap_or_else(|| "its agent reports no fault; see its log".to_owned());
            Diagnostic::error(format!("Node {} is not ready", node.name))
                .detail(format!("It is {}: {fault}.", node.state.as_str()))
        })
        .collect()
}

/// Follows the daemon's progress. A fault of a node is not the end: the daemon goes on trying, and so do we until the
/// time is over.
async fn wait_until_ready(
    data: &Ringfence,
    client: &Client,
    mut cluster: Cluster,
    latest: &Mutex<Option<Cluster>>,
) -> Result<Cluster> {
    while cluster.state != ClusterState::Ready {
        *latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster.clone());
        cluster = failed(data, client.cluster_after(cluster.revision).await)?;
    }
    Ok(cluster)
}

async fn stop(ctx: &ResourceContext<ClusterResource>, plan: &ClusterModel) -> Result<ClusterModel> {
    let directory = plan.local.known().and_then(|local| local.directory.known()).map_or("", String::as_str);
    let local = Local::at(directory);
    ctx.within("stopping the cluster", plan.timeouts.update_or(DELETE), local.stop()).await?;
    let connection = local.connection()?;
    Ok(stopped(plan.clone(), &connection))
}

fn stopped(model: ClusterModel, connection: &Connection) -> ClusterModel {
    let name = model.name.known().and_then(|text| ClusterName::parse(text).ok());
    let nodes = name.map_or(Value::Null, |name| declared(&model).planned_nodes(&name));
    ClusterModel { state: "stopped".into(), nodes, ..connected(model, connection) }
}

/// The state of a running cluster.
fn complete(model: ClusterModel, cluster: &Cluster, connection: &Connection) -> ClusterModel {
    let before = declared(&model);
    let Declared { worker_groups, services, authority } = Declared::from_put(&cluster.declared, &before);
    ClusterModel {
        name: cluster.name.as_str().into(),
        running: true.into(),
        worker_groups,
        services,
        authority,
        nodes: nodes_of(cluster).into(),
        state: "running".into(),
        ..connected(model, connection)
    }
}

fn connected(model: ClusterModel, connection: &Connection) -> ClusterModel {
    let port = connection.endpoint.rsplit_once(':').and_then(|(_, port)| port.parse::<i64>().ok());
    // A port that is planned for the next start is not the one of the last.
    let local = model.local.map(|local| match local.port {
        Value::Known(_) => local,
        Value::Null | Value::Unknown => LocalModel { port: port.into(), ..local },
    });
    ClusterModel {
        id: connection.cluster_id.to_string().into(),
        endpoint: connection.endpoint.clone().into(),
        ca_certificate: connection.ca_certificate.clone().into(),
        connection: ConnectionModel::from(connection).into(),
        local,
        ..model
    }
}

fn declared(model: &ClusterModel) -> Declared {
    Declared {
        worker_groups: model.worker_groups.clone(),
        services: model.services.clone(),
        authority: model.authority.clone(),
    }
}

fn cluster_name(model: &ClusterModel) -> Result<ClusterName> {
    ClusterName::parse(model.name.known().map_or("", String::as_str)).map_err(|error| {
        Diagnostic::error("The cluster name is not valid")
            .detail(format!("{error}."))
            .at(Path::root().attr("name"))
            .into()
    })
}

/// Plans what can be known of the computed attributes.
fn plan_computed(planned: &mut ClusterModel) {
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
fn check_target(data: &Ringfence, prior: Option<&ClusterModel>, planned: &ClusterModel) -> Result<()> {
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

fn refuse_if_protected(cluster: &ClusterModel, what: &str) -> Result<()> {
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
fn validate_node_groups(config: &ClusterModel, out: &mut Diagnostics) {
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
