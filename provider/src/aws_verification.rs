//! What AWS answers about what a role may do.

mod data_source;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use data_source::AwsVerification;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.data_source(AwsVerification);
}
