//! A member of a project.

mod list;
mod resource;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use list::ProjectMemberList;
use resource::ProjectMemberResource;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.resource(ProjectMemberResource);
    registry.list_resource(ProjectMemberList);
}
