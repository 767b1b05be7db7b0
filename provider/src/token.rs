//! Tokens of project users, and the keys that sign them.

mod ephemeral;
mod rotate_keys;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use ephemeral::TokenResource;
use rotate_keys::RotateTokenKeys;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.ephemeral_resource(TokenResource);
    registry.action(RotateTokenKeys);
}
