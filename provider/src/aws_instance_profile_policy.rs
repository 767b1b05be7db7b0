//! The policy of the role that nodes have in an AWS account.

mod data_source;
mod function;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use data_source::AwsInstanceProfilePolicy;
use function::AwsInstanceProfilePolicyFunction;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.data_source(AwsInstanceProfilePolicy);
    registry.function(AwsInstanceProfilePolicyFunction);
}
