//! All members of a project in one resource.

mod resource;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use resource::ProjectMembersResource;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.resource(ProjectMembersResource);
}
