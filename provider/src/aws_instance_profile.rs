//! The role and instance profile of nodes in an AWS account.

mod resource;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use resource::AwsInstanceProfile;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.resource(AwsInstanceProfile);
}
