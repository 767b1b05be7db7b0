//! Data sources, erased.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Described, check};
use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostic::{Diagnostics, Result};
use crate::guard::guarded;
use crate::path::Path;
use crate::schema::Field;
use crate::value::Dynamic;
use crate::verify::complete;

/// A data source of any model.
pub(crate) trait AnyDataSource<D>: Send + Sync {
    fn validate_config(&self, config: Dynamic) -> Diagnostics;

    fn read_config<'a>(
        &'a self,
        described: &'a Described,
        context: &'a Context<D>,
        config: Dynamic,
    ) -> BoxFuture<'a, Result<Dynamic>>;
}

impl<D: Send + Sync + 'static, S: DataSource<Data = D>> AnyDataSource<D> for S {
    fn validate_config(&self, config: Dynamic) -> Diagnostics {
        check::<S::Model>(config, |config, out| self.validate(config, out))
    }

    fn read_config<'a>(
        &'a self,
        described: &'a Described,
        context: &'a Context<D>,
        config: Dynamic,
    ) -> BoxFuture<'a, Result<Dynamic>> {
        let work = async move {
            let model = S::Model::decode(config.clone(), &Path::root())?;
            let before = model.encode();
            let read = self.read(context, model).await?;
            let state = config.merged(&before, read.encode());
            if context.deferred().is_some() {
                return Ok(state);
            }
            complete(&state, &described.object_type, "reading").into_result(state)
        };
        guarded(work).boxed()
    }
}
