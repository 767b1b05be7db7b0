//! Clusters: a resource and a data source.

mod converge;
mod data_source;
mod declaration;
mod lost;
mod model;
mod operator_token;
mod plan;
mod resource;
mod target;

use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;
use data_source::ClusterDataSource;

/// The resource: [`resource`] is what it does.
pub(crate) struct ClusterResource;

/// Registers all that the provider offers for this noun.
pub(crate) fn register(registry: &mut Registry<Ringfence>) {
    registry.resource(ClusterResource);
    registry.data_source(ClusterDataSource);
}
