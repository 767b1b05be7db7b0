//! Ephemeral resources, erased.

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;

use super::{Described, check};
use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::ephemeral_resource::{EphemeralResource, Opened};
use crate::guard::guarded;
use crate::path::Path;
use crate::private::{seal, unseal};
use crate::schema::Field;
use crate::value::Dynamic;
use crate::verify::complete;

/// What is open.
pub(crate) struct Opening {
    pub(crate) result: Dynamic,
    pub(crate) renewal: Renewal,
}

/// What is needed to go on with it.
pub(crate) struct Renewal {
    pub(crate) private: Vec<u8>,
    pub(crate) renew_at: Option<Timestamp>,
}

/// An ephemeral resource of any model.
pub(crate) trait AnyEphemeralResource<D>: Send + Sync {
    fn validate_config(&self, config: Dynamic) -> Diagnostics;

    fn open_config<'a>(
        &'a self,
        described: &'a Described,
        context: &'a Context<D>,
        config: Dynamic,
    ) -> BoxFuture<'a, Result<Opening>>;

    fn renew_opened<'a>(&'a self, context: &'a Context<D>, private: &'a [u8]) -> BoxFuture<'a, Result<Renewal>>;

    fn close_opened<'a>(&'a self, context: &'a Context<D>, private: &'a [u8]) -> BoxFuture<'a, Result<()>>;
}

impl<D: Send + Sync + 'static, E: EphemeralResource<Data = D>> AnyEphemeralResource<D> for E {
    fn validate_config(&self, config: Dynamic) -> Diagnostics {
        check::<E::Model>(config, |config, out| self.validate(config, out))
    }

    fn open_config<'a>(
        &'a self,
        described: &'a Described,
        context: &'a Context<D>,
        config: Dynamic,
    ) -> BoxFuture<'a, Result<Opening>> {
        let work = async move {
            let model = E::Model::decode(config.clone(), &Path::root())?;
            let before = model.encode();
            let Opened { result, private, renew_at } = self.open(context, model).await?;
            let result = config.merged(&before, result.encode());
            let sealed = seal(&private).and_then(|sealed| match context.deferred() {
                Some(_) => Ok(sealed),
                None => complete(&result, &described.object_type, "opening").into_result(sealed),
            });
            match sealed {
                Ok(private) => Ok(Opening { result, renewal: Renewal { private, renew_at } }),
                Err(mut errors) => {
                    // Terraform closes only what it was given.
                    let closing = context.uncancelled();
                    errors.extend(self.close(&closing, private).await.err().into_iter().flatten());
                    errors.extend(closing.take_warnings());
                    Err(errors)
                }
            }
        };
        guarded(work).boxed()
    }

    fn renew_opened<'a>(&'a self, context: &'a Context<D>, private: &'a [u8]) -> BoxFuture<'a, Result<Renewal>> {
        let work = async move {
            let mut private: E::Private = unseal(private)?;
            let renew_at = self.renew(context, &mut private).await?;
            Ok(Renewal { private: seal(&private)?, renew_at })
        };
        guarded(work).boxed()
    }

    fn close_opened<'a>(&'a self, context: &'a Context<D>, private: &'a [u8]) -> BoxFuture<'a, Result<()>> {
        guarded(async move { self.close(context, unseal(private)?).await }).boxed()
    }
}
