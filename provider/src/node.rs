//! Nodes of a cluster: an action.

mod rotate_certificates;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use rotate_certificates::RotateNodeCertificates;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.action(RotateNodeCertificates);
}
