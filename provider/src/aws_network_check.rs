//! What is checked of a network in an AWS account.

mod data_source;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use data_source::AwsNetworkCheck;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.data_source(AwsNetworkCheck);
}
