//! `ringfence_cluster`: plants the head, tells it what is declared, waits until everything is there.
//!
//! Every operation is "make it so" and may be repeated after an interruption anywhere: the target's directory or
//! tag says whose cluster it is, the head is found before it is started, and the declaration is put whole.

use ringfence_api::{ClientError, ClusterId};
use tfplugin_rs::prelude::*;

use super::converge::{Doing, claim, complete, converge, stop, stopped};
use super::model::{CREATE, ClusterModel, DELETE, INCOMPLETE};
use super::plan::{check_existing, check_target, plan_computed, refuse_if_protected, validate_node_groups};
use super::{ClusterResource, lost, operator_token};
use crate::ringfence::{Ringfence, Seen, failed};
use crate::target::{Claimed, ClusterIdentity, Lost, Owner, Sight, Target, TargetModel};

impl Resource for ClusterResource {
    type Model = ClusterModel;
    type Identity = ClusterIdentity;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_cluster";
    /// The directory may be spelled another way without being another one.
    const IDENTITY_CHANGES: bool = true;

    fn validate(&self, config: &ClusterModel, out: &mut Diagnostics) {
        config.validate_target(out);
        validate_node_groups(config, out);
        let token = ("operator_token_wo", config.operator_token_wo.presence());
        let version = ("operator_token_wo_version", config.operator_token_wo_version.presence());
        required_with(token, &[version], out);
    }

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<ClusterModel>) -> Result<()> {
        let replaced = plan.prior.as_ref().zip(plan.planned.as_ref()).is_some_and(|(prior, planned)| {
            let place = |model: &ClusterModel| model.target_model().map(TargetModel::place);
            place(prior) != place(planned) || prior.name != planned.name
        });
        if (plan.is_destroy() || replaced)
            && let Some(prior) = &plan.prior
        {
            let what = if replaced { "This change replaces the cluster" } else { "The cluster would be destroyed" };
            refuse_if_protected(prior, what)?;
        }
        operator_token::check(plan)?;
        let recorded = plan.prior.as_ref().and_then(|prior| ClusterId::parse(prior.id.known()?).ok());
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        if !replaced {
            plan_computed(planned);
        }
        // The address that a cluster has by chance is not one that its successor wants.
        let successor = plan.config.as_ref().filter(|_| replaced);
        check_target(ctx.data(), successor.unwrap_or(planned), recorded)?;
        if plan.prior.is_none() {
            check_existing(ctx, planned).await?;
        }
        Ok(())
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
        let created = converge(ctx, plan, Doing::Creating, limit).await?;
        ctx.save(&ClusterModel { operator_token_wo_version: Value::Null, ..created.clone() });
        operator_token::give(ctx, &created).await?;
        Ok(created)
    }

    async fn read(&self, ctx: &ResourceContext<Self>, state: ClusterModel) -> Result<Option<ClusterModel>> {
        let Some(target) = state.target() else { return Ok(Some(state)) };
        let recorded = state.id.known().and_then(|id| ringfence_api::ClusterId::parse(id).ok());
        let owner = match target.look()? {
            Sight::Lost(found) => return Ok(lost::read(ctx, state, recorded, &found)),
            Sight::Gone => {
                if let Some(recorded) = recorded {
                    ctx.data().note(recorded, Seen::Gone);
                }
                return Ok(None);
            }
            Sight::Stopped(owner) | Sight::Running(owner) => owner,
        };
        if let Some(recorded) = recorded.filter(|recorded| *recorded != owner.id) {
            // Somebody made another cluster in its place; ours is gone.
            ctx.data().note(recorded, Seen::Gone);
            return Ok(None);
        }
        let Some(connection) = target.reached().await? else {
            return Ok(Some(seen_stopped(ctx.data(), state, &owner, &*target)));
        };
        ctx.data().note(owner.id, Seen::Running(connection.clone()));
        let client = ctx.data().client(&connection)?;
        let cluster = match client.cluster().await {
            Err(error @ ClientError::NotTheApi { .. }) => {
                ctx.warn(Diagnostic::warning("The head runs, and cannot be used as it is").detail(format!(
                    "{error}. The cluster counts as stopped, and applying restarts its head with this version."
                )));
                return Ok(Some(seen_stopped(ctx.data(), state, &owner, &*target)));
            }
            answer => failed(ctx.data(), answer)?,
        };
        for node in cluster.nodes.iter().filter(|node| node.fault.is_some()) {
            let fault = node.fault.clone().unwrap_or_default();
            ctx.warn(Diagnostic::warning(format!("Node {} reports a fault", node.name)).detail(format!("{fault}.")));
        }
        for fault in &cluster.faults {
            let warning = Diagnostic::warning(format!("The head of cluster {} reports a fault", cluster.name));
            ctx.warn(warning.detail(format!("{fault}. See `ringfenced inspect tasks`.")));
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
        let another = prior.operator_token_wo_version != plan.operator_token_wo_version;
        let updated = converge(ctx, plan, Doing::Updating, limit).await?;
        if another {
            // What has converged is kept; only the version that was not taken over is planned again.
            let version = prior.operator_token_wo_version;
            ctx.save(&ClusterModel { operator_token_wo_version: version, ..updated.clone() });
            operator_token::give(ctx, &updated).await?;
        }
        Ok(updated)
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: ClusterModel) -> Result<()> {
        // Also here, because `-replace` and `taint` plan a creation and not a removal.
        refuse_if_protected(&state, "The cluster would be destroyed")?;
        let Some(target) = state.target() else { return Ok(()) };
        let ours = match target.look()? {
            // Removes what an interrupted removal has left.
            Sight::Gone => true,
            // Its nodes are ended and removed, and the rest of the directory with them.
            Sight::Lost(Lost { id: Some(id), .. }) => state.id == Value::from(id.to_string()) || state.id.is_null(),
            // Nothing proves whose it is.
            Sight::Lost(Lost { id: None, fault }) => return Err(fault.into()),
            Sight::Stopped(owner) | Sight::Running(owner) => {
                state.id == Value::from(owner.id.to_string()) || state.id.is_null()
            }
        };
        if !ours {
            return Ok(());
        }
        ctx.within("removing the cluster", state.timeouts.delete_or(DELETE), target.destroy()).await?;
        if let Some(id) = state.id.known().and_then(|id| ringfence_api::ClusterId::parse(id).ok()) {
            ctx.data().note(id, Seen::Gone);
        }
        Ok(())
    }

    fn identity(&self, state: &ClusterModel) -> Option<ClusterIdentity> {
        state.target_model()?.identity()
    }

    async fn import_identity(&self, ctx: &ResourceContext<Self>, identity: ClusterIdentity) -> Result<ClusterModel> {
        self.import(ctx, identity.import_id()).await
    }

    /// The directory of a local cluster.
    async fn import(&self, _: &ResourceContext<Self>, id: &str) -> Result<ClusterModel> {
        ClusterModel::imported(id)
    }
}

/// The state of a cluster whose head has to be started.
fn seen_stopped(data: &Ringfence, state: ClusterModel, owner: &Owner, target: &dyn Target) -> ClusterModel {
    data.note(owner.id, Seen::Stopped);
    let (id, name) = (owner.id.to_string().into(), owner.name.as_str().into());
    let incomplete = state.state == INCOMPLETE;
    let seen = ClusterModel { id, name, running: false.into(), ..state };
    // A head that was never able to start has not said how it is reached.
    let seen = stopped(seen, target.connection().ok().as_ref());
    if incomplete { ClusterModel { state: INCOMPLETE.into(), ..seen } } else { seen }
}
