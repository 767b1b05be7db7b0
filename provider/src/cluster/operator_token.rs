//! Giving a cluster another operator token: the value is write-only, so its version says when.

use ringfence_api::OperatorToken;
use ringfence_api::operator::PutOperatorKey;
use tfplugin_rs::prelude::*;

use super::ClusterResource;
use super::model::ClusterModel;
use crate::cluster_argument;
use crate::ringfence::failed;

/// Refuses what could not be done: only a cluster that runs can take a token.
pub(super) fn check(plan: &Plan<ClusterModel>) -> Result<()> {
    let Some(planned) = &plan.planned else { return Ok(()) };
    let has_token = plan.config.as_ref().is_some_and(|config| !config.operator_token_wo.is_null());
    let lacks_token = plan.config.as_ref().is_some_and(|config| config.operator_token_wo.is_null());
    let before = plan.prior.as_ref().map_or(&Value::Null, |prior| &prior.operator_token_wo_version);
    if has_token && *before != planned.operator_token_wo_version && planned.running == Value::Known(false) {
        return Err(Diagnostic::error("A stopped cluster cannot be given another operator token")
            .detail("Set `running = true`, or leave `operator_token_wo_version` as it was.")
            .at(Path::root().attr("operator_token_wo_version"))
            .into());
    }
    let version = &planned.operator_token_wo_version;
    if lacks_token && before != version && version.is_known() {
        return Err(Diagnostic::error("There is no operator token to give to the cluster")
            .detail(
                "`operator_token_wo_version` is another one, and `operator_token_wo` is null. Set both, or leave the \
                 version as it was.",
            )
            .at(Path::root().attr("operator_token_wo_version"))
            .into());
    }
    Ok(())
}

/// Gives the cluster the token of the configuration, if there is one.
pub(super) async fn give(ctx: &ResourceContext<ClusterResource>, cluster: &ClusterModel) -> Result<()> {
    let configured = ctx.config().and_then(|config| config.operator_token_wo.known());
    let Some(token) = configured.and_then(|text| OperatorToken::parse(text).ok()) else { return Ok(()) };
    let connection = cluster_argument::resolve(ctx.data(), &cluster.connection)?;
    let put = PutOperatorKey { public_key: token.key().public() };
    failed(ctx.data(), ctx.data().client(&connection)?.put_operator_key(&put).await).map(drop)
}
