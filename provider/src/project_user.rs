//! The identity of a user in a project: a function.

mod function;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use function::ProjectUserFunction;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.function(ProjectUserFunction);
}
