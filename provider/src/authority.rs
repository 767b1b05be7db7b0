//! The certificate authority of a cluster: an action.

mod publish_crls;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use publish_crls::PublishCrls;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.action(PublishCrls);
}
