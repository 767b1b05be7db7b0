//! State stores, erased: the author's code together with what its `configure` has opened.

use std::sync::{Arc, PoisonError, RwLock};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::check;
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::guard::guarded;
use crate::path::Path;
use crate::schema::Field;
use crate::state_store::StateStore;
use crate::value::Dynamic;

/// A state store, and what it has opened last.
pub(crate) struct HeldStore<S: StateStore> {
    author: S,
    store: RwLock<Option<Arc<S::Store>>>,
}

/// A state store of any model.
pub(crate) trait AnyStateStore<D>: Send + Sync {
    fn validate_config(&self, config: Dynamic) -> Diagnostics;

    fn open<'a>(&'a self, context: &'a Context<D>, config: Dynamic) -> BoxFuture<'a, Result<()>>;

    fn list(&self) -> BoxFuture<'_, Result<Vec<String>>>;

    fn read<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>>;

    fn write<'a>(&'a self, id: &'a str, state: Vec<u8>) -> BoxFuture<'a, Result<()>>;

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<()>>;

    fn lock<'a>(&'a self, id: &'a str, operation: &'a str) -> BoxFuture<'a, Result<String>>;

    fn unlock<'a>(&'a self, id: &'a str, lock: &'a str) -> BoxFuture<'a, Result<()>>;
}

impl<S: StateStore> HeldStore<S> {
    pub(crate) fn new(author: S) -> Self {
        Self { author, store: RwLock::default() }
    }

    fn store(&self) -> Result<Arc<S::Store>> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner).clone();
        store.ok_or_else(|| {
            Diagnostic::error("The state store is not configured")
                .detail("Terraform asked for a state before it configured the store.")
                .into()
        })
    }
}

impl<S: StateStore> AnyStateStore<S::Data> for HeldStore<S> {
    fn validate_config(&self, config: Dynamic) -> Diagnostics {
        check::<S::Model>(config, |config, out| self.author.validate(config, out))
    }

    fn open<'a>(&'a self, context: &'a Context<S::Data>, config: Dynamic) -> BoxFuture<'a, Result<()>> {
        let work = async move {
            let opened = self.author.configure(context, S::Model::decode(config, &Path::root())?).await?;
            *self.store.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(opened));
            Ok(())
        };
        guarded(work).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        guarded(async move { self.author.list(&*self.store()?).await }).boxed()
    }

    fn read<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        guarded(async move { self.author.read(&*self.store()?, id).await }).boxed()
    }

    fn write<'a>(&'a self, id: &'a str, state: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        guarded(async move { self.author.write(&*self.store()?, id, state).await }).boxed()
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<()>> {
        guarded(async move { self.author.delete(&*self.store()?, id).await }).boxed()
    }

    fn lock<'a>(&'a self, id: &'a str, operation: &'a str) -> BoxFuture<'a, Result<String>> {
        guarded(async move { self.author.lock(&*self.store()?, id, operation).await }).boxed()
    }

    fn unlock<'a>(&'a self, id: &'a str, lock: &'a str) -> BoxFuture<'a, Result<()>> {
        guarded(async move { self.author.unlock(&*self.store()?, id, lock).await }).boxed()
    }
}
