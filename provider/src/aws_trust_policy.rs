//! The trust policy of the role that ringfence assumes in an AWS account.

mod data_source;
mod function;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use data_source::AwsTrustPolicy;
use function::AwsTrustPolicyFunction;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.data_source(AwsTrustPolicy);
    registry.function(AwsTrustPolicyFunction);
}
