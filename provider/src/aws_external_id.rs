//! The external id that a trust policy asks for.

mod function;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use function::AwsExternalIdFunction;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.function(AwsExternalIdFunction);
}
