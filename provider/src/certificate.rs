//! A certificate of a project user.

mod ephemeral;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use ephemeral::CertificateResource;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.ephemeral_resource(CertificateResource);
}
