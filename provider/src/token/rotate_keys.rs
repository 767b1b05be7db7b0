//! Action `ringfence_rotate_token_keys`.

use ringfence_api::token::TokenKeyState;
use tfplugin_rs::prelude::*;

use crate::cluster_argument;
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, failed};

/// The action.
pub(crate) struct RotateTokenKeys;

/// Makes a cluster sign its tokens with the next key from now on.
///
/// Tokens that are signed already stay valid until they expire, and verifiers know the next key already. Neither holds
/// with `compromised = true`.
#[derive(Clone, Model)]
pub(crate) struct RotateTokenKeysModel {
    /// Cluster: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
    /// Whether the keys may be compromised. If so, they are deleted and no token is valid any more. A verifier that
    /// caches the JWKS accepts forged tokens until it fetches it again, at most 5 minutes later. Default: `false`.
    #[tf(optional)]
    compromised: Value<bool>,
}

impl Action for RotateTokenKeys {
    type Model = RotateTokenKeysModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_rotate_token_keys";

    async fn invoke(&self, ctx: &ActionContext<Ringfence>, config: RotateTokenKeysModel) -> Result<()> {
        let client = ctx.data().client(&cluster_argument::resolve(ctx.data(), &config.cluster)?)?;
        let rotated = if config.compromised == Value::Known(true) {
            client.rotate_compromised_token_keys().await
        } else {
            client.rotate_token_keys().await
        };
        for key in failed(ctx.data(), rotated)? {
            if key.state != TokenKeyState::Gone {
                ctx.progress(format!("Key {} is {}", key.kid, key.state.as_str()));
            }
        }
        Ok(())
    }
}
