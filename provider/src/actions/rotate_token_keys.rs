//! Action `ringfence_rotate_token_keys`.

use ringfence_api::token::TokenKeyState;
use tfplugin_rs::prelude::*;

use crate::connection::{self, ConnectionModel, failed};
use crate::ringfence::Ringfence;

/// The action.
pub(crate) struct RotateTokenKeys;

/// Lets the next key sign a cluster's tokens from now on.
///
/// Tokens that were signed before stay good until they end; verifiers know the next key already.
#[derive(Clone, Model)]
pub(crate) struct RotateTokenKeysModel {
    /// Cluster: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
}

impl Action for RotateTokenKeys {
    type Model = RotateTokenKeysModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_rotate_token_keys";

    async fn invoke(&self, ctx: &ActionContext<Ringfence>, config: RotateTokenKeysModel) -> Result<()> {
        let client = ctx.data().client(&connection::resolve(ctx.data(), &config.cluster)?)?;
        for key in failed(ctx.data(), client.rotate_token_keys().await)? {
            if key.state != TokenKeyState::Gone {
                ctx.progress(format!("Key {} is {}", key.kid, key.state.as_str()));
            }
        }
        Ok(())
    }
}
