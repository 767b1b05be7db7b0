//! Data sources, erased.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Described;
use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostic::{Diagnostics, Result};
use crate::guard::{guarded, guarded_now};
use crate::path::Path;
use crate::schema::Schema;
use crate::value::{Dynamic, Field};
use crate::verify::complete;

/// A data source of any model.
pub(crate) trait AnyDataSource<D>: Send + Sync {
    fn schema(&self) -> Schema;

    fn validate_config(&self, config: Dynamic) -> Diagnostics;

    fn read_config<'a>(
        &'a self,
        described: &'a Described,
        context: &'a Context<D>,
        config: Dynamic,
    ) -> BoxFuture<'a, Result<Dynamic>>;
}

impl<D: Send + Sync + 'static, S: DataSource<Data = D>> AnyDataSource<D> for S {
    fn schema(&self) -> Schema {
        Schema::of::<S::Model>(0)
    }

    fn validate_config(&self, config: Dynamic) -> Diagnostics {
        let validated = guarded_now(|| {
            let config = S::Model::decode(config, &Path::root())?;
            let mut out = Diagnostics::new();
            self.validate(&config, &mut out);
            Ok(out)
        });
        validated.unwrap_or_else(|errors| errors)
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
            complete(&state, &described.object_type, "reading").into_result(state)
        };
        guarded(work).boxed()
    }
}
