//! Projects.

mod list;
mod resource;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use list::ProjectList;
use resource::ProjectResource;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.resource(ProjectResource);
    registry.list_resource(ProjectList);
}
