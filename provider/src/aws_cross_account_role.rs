//! The role that ringfence assumes in an AWS account.

mod resource;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use resource::AwsCrossAccountRole;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.resource(AwsCrossAccountRole);
}
