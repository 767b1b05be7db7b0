//! The trait of a data source.

use std::future::Future;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::schema::Model;

/// Something that configurations can look up.
pub trait DataSource: Send + Sync + 'static {
    /// The struct that mirrors the schema.
    type Model: Model;
    /// What the provider's `configure` makes.
    type Data: Send + Sync + 'static;
    /// The whole type name, with the provider's prefix.
    const NAME: &'static str;

    /// Rules across attributes. The provider need not be configured; any value may be unknown.
    fn validate(&self, _config: &Self::Model, _out: &mut Diagnostics) {}

    /// Looks it up: the configuration, completed.
    fn read(&self, ctx: &Context<Self::Data>, config: Self::Model) -> impl Future<Output = Result<Self::Model>> + Send;
}
