//! The trait of a state store: a provider that keeps Terraform's states.
//!
//! Expected flow: `validate`, `configure`, then reads and writes between `lock` and `unlock`. Guarantees: states arrive
//! whole however they were cut for the wire; one state at a time is in memory per call. A provider that registers none
//! answers these calls as not implemented, which is what Terraform expects of it.

use std::future::Future;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::schema::Model;

/// A place where states are kept.
pub trait StateStore: Send + Sync + 'static {
    /// The struct that mirrors the `state_store` block.
    type Model: Model;
    /// What the provider's `configure` makes.
    type Data: Send + Sync + 'static;
    /// What `configure` opens.
    type Store: Send + Sync + 'static;
    /// The whole type name, with the provider's prefix.
    const NAME: &'static str;

    /// Rules across attributes. The provider need not be configured.
    fn validate(&self, _config: &Self::Model, _out: &mut Diagnostics) {}

    /// Opens the store.
    fn configure(
        &self,
        ctx: &Context<Self::Data>,
        config: Self::Model,
    ) -> impl Future<Output = Result<Self::Store>> + Send;

    /// The states that there are, by identifier (a workspace's name).
    fn list(&self, store: &Self::Store) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// A state; `None` when there is none.
    fn read(&self, store: &Self::Store, id: &str) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;

    /// Puts a state, durably once this returns.
    fn write(&self, store: &Self::Store, id: &str, state: Vec<u8>) -> impl Future<Output = Result<()>> + Send;

    /// Removes a state. Already gone is success.
    fn delete(&self, store: &Self::Store, id: &str) -> impl Future<Output = Result<()>> + Send;

    /// Takes the lock of a state for an operation, and says what to show to release it.
    fn lock(&self, store: &Self::Store, id: &str, operation: &str) -> impl Future<Output = Result<String>> + Send;

    /// Releases a lock.
    fn unlock(&self, store: &Self::Store, id: &str, lock: &str) -> impl Future<Output = Result<()>> + Send;
}
