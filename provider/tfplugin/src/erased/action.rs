//! Actions, erased.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::check;
use crate::action::{Action, ActionContext};
use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::guard::guarded;
use crate::path::Path;
use crate::schema::Field;
use crate::value::Dynamic;

/// An action of any model.
pub(crate) trait AnyAction<D>: Send + Sync {
    fn validate_config(&self, config: Dynamic) -> Diagnostics;

    fn plan_config<'a>(&'a self, context: &'a Context<D>, config: Dynamic) -> BoxFuture<'a, Result<()>>;

    fn invoke_config<'a>(&'a self, context: &'a ActionContext<D>, config: Dynamic) -> BoxFuture<'a, Result<()>>;
}

impl<D: Send + Sync + 'static, A: Action<Data = D>> AnyAction<D> for A {
    fn validate_config(&self, config: Dynamic) -> Diagnostics {
        check::<A::Model>(config, |config, out| self.validate(config, out))
    }

    fn plan_config<'a>(&'a self, context: &'a Context<D>, config: Dynamic) -> BoxFuture<'a, Result<()>> {
        guarded(async move { self.plan(context, &A::Model::decode(config, &Path::root())?).await }).boxed()
    }

    fn invoke_config<'a>(&'a self, context: &'a ActionContext<D>, config: Dynamic) -> BoxFuture<'a, Result<()>> {
        guarded(async move { self.invoke(context, A::Model::decode(config, &Path::root())?).await }).boxed()
    }
}
