//! Action `ringfence_publish_crls`.

use tfplugin_rs::prelude::*;

use crate::cluster_argument;
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, failed};

/// The action.
pub(crate) struct PublishCrls;

/// Publishes every certificate revocation list of a cluster now.
///
/// A cluster publishes revocations without it, within a moment. Use it to have fresh lists at a certain time, such as
/// before a network is cut off.
#[derive(Clone, Model)]
pub(crate) struct PublishCrlsModel {
    /// Cluster: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
}

impl Action for PublishCrls {
    type Model = PublishCrlsModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_publish_crls";

    async fn invoke(&self, ctx: &ActionContext<Ringfence>, config: PublishCrlsModel) -> Result<()> {
        let client = ctx.data().client(&cluster_argument::resolve(ctx.data(), &config.cluster)?)?;
        for crl in failed(ctx.data(), client.publish_crls().await)? {
            ctx.progress(format!(
                "CRL number {} of {} (shard {}) with {} entries, valid until {}",
                crl.number, crl.issuer, crl.shard, crl.entries, crl.next_update
            ));
        }
        Ok(())
    }
}
