//! List resources, erased.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

use super::check;
use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::guard::guarded;
use crate::list_resource::{Found, ListResource, Listing};
use crate::path::Path;
use crate::resource::Resource;
use crate::schema::Field;
use crate::value::Dynamic;

/// What listing is given.
pub(crate) struct ListRequest {
    pub(crate) config: Dynamic,
    pub(crate) wants_resource: bool,
    pub(crate) limit: i64,
    pub(crate) results: mpsc::Sender<Found>,
}

/// A list resource of any model.
pub(crate) trait AnyListResource<D>: Send + Sync {
    fn validate_config(&self, config: Dynamic) -> Diagnostics;

    fn list_all<'a>(&'a self, context: &'a Context<D>, request: ListRequest) -> BoxFuture<'a, Result<()>>;
}

impl<D: Send + Sync + 'static, L> AnyListResource<D> for L
where
    L: ListResource,
    L::Resource: Resource<Data = D>,
{
    fn validate_config(&self, config: Dynamic) -> Diagnostics {
        check::<L::Model>(config, |config, out| self.validate(config, out))
    }

    fn list_all<'a>(&'a self, context: &'a Context<D>, request: ListRequest) -> BoxFuture<'a, Result<()>> {
        let work = async move {
            let config = L::Model::decode(request.config, &Path::root())?;
            let mut listing = Listing::<L::Resource>::new(request.results, request.wants_resource, request.limit);
            self.list(context, config, &mut listing).await
        };
        guarded(work).boxed()
    }
}
