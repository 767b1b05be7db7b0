//! What an operation on a resource is given besides its model.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Resource;
use crate::context::Context;
use crate::private::Private;
use crate::schema::Field;
use crate::value::Dynamic;

/// What an operation on a resource has: a [`Context`], the configuration, the private state, and a place to save.
pub struct ResourceContext<R: Resource + ?Sized> {
    context: Context<R::Data>,
    config: Option<R::Model>,
    private: Mutex<Private>,
    saved: Mutex<Option<Dynamic>>,
}

impl<R: Resource + ?Sized> ResourceContext<R> {
    pub(crate) fn new(context: Context<R::Data>, config: Option<R::Model>, private: Private) -> Self {
        Self { context, config, private: Mutex::new(private), saved: Mutex::default() }
    }

    /// The configuration, when planning, creating and updating. The only place that shows write-only values.
    pub fn config(&self) -> Option<&R::Model> {
        self.config.as_ref()
    }

    /// From here on, whatever happens, Terraform keeps this state: call it as soon as something exists, with its
    /// identifier. Unknown values in it are saved as null.
    pub fn save(&self, state: &R::Model) {
        *lock(&self.saved) = Some(Field::encode(state).nulls_for_unknowns());
    }

    /// A value of the private state; `None` when it is absent or of another form.
    pub fn private<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        lock(&self.private).find(key)
    }

    /// Puts a value into the private state. Never a secret: Terraform stores it in the clear.
    pub fn set_private<T: Serialize>(&self, key: &str, value: &T) {
        lock(&self.private).put(key, value);
    }

    /// Takes a value out of the private state.
    pub fn remove_private(&self, key: &str) {
        lock(&self.private).remove(key);
    }

    pub(crate) fn take_saved(&self) -> Option<Dynamic> {
        lock(&self.saved).take()
    }

    pub(crate) fn private_bytes(&self) -> Vec<u8> {
        lock(&self.private).to_bytes()
    }
}

impl<R: Resource + ?Sized> std::ops::Deref for ResourceContext<R> {
    type Target = Context<R::Data>;

    fn deref(&self) -> &Context<R::Data> {
        &self.context
    }
}

/// The data behind these locks is replaced whole, so a panic elsewhere leaves it consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
