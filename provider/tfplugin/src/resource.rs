//! The trait of a resource.
//!
//! Expected flow: `validate` on every walk, `read` then `modify_plan` when planning, `create`, `update` or `delete`
//! when applying. Guarantees: models are decoded by the schema; planned values the author does not touch come back as
//! they were; on failure Terraform keeps what was last given to [`ResourceContext::save`].

mod context;

use std::future::Future;

pub use context::ResourceContext;

use crate::context::Plan;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::json::StateJson;
use crate::schema::Model;

/// A kind of object that Terraform manages.
pub trait Resource: Send + Sync + 'static {
    /// The struct that mirrors the schema.
    type Model: Model;
    /// What tells one object from all others, now and for ever: attributes of plain types or lists of them. Those that
    /// are required must be given to import by identity, those that are optional may be. `()` when there is nothing
    /// such.
    type Identity: Model;
    /// What the provider's `configure` makes.
    type Data: Send + Sync + 'static;
    /// The whole type name, with the provider's prefix.
    const NAME: &'static str;
    /// The version of stored states. Raise it when old states no longer fit, and read them in `upgrade`.
    const VERSION: i64 = 0;
    /// The version of stored identities, as `VERSION` is of states.
    const IDENTITY_VERSION: i64 = 0;
    /// Whether the identity may change while the object lives. It should not.
    const IDENTITY_CHANGES: bool = false;

    /// Rules across attributes. The provider need not be configured; any value may be unknown.
    fn validate(&self, _config: &Self::Model, _out: &mut Diagnostics) {}

    /// Changes the plan after the framework has made it. Anything known here must be the same when planned again:
    /// no clock, no chance.
    fn modify_plan(
        &self,
        _ctx: &ResourceContext<Self>,
        _plan: &mut Plan<Self::Model>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Makes it. Every unknown value of the plan must come back known.
    fn create(
        &self,
        ctx: &ResourceContext<Self>,
        plan: Self::Model,
    ) -> impl Future<Output = Result<Self::Model>> + Send;

    /// Looks at it; `None` when it is gone.
    fn read(
        &self,
        ctx: &ResourceContext<Self>,
        state: Self::Model,
    ) -> impl Future<Output = Result<Option<Self::Model>>> + Send;

    /// Changes it. The default is for resources where every attribute requires replacement: only what never leaves
    /// Terraform (such as `timeouts`) can differ then.
    fn update(
        &self,
        _ctx: &ResourceContext<Self>,
        _prior: Self::Model,
        plan: Self::Model,
    ) -> impl Future<Output = Result<Self::Model>> + Send {
        async { Ok(plan) }
    }

    /// Removes it. Already gone is success.
    fn delete(&self, ctx: &ResourceContext<Self>, state: Self::Model) -> impl Future<Output = Result<()>> + Send;

    /// The state to start from for an identifier that the user gave; `read` completes it.
    fn import(&self, _ctx: &ResourceContext<Self>, _id: &str) -> impl Future<Output = Result<Self::Model>> + Send {
        async { Err(Diagnostic::error(format!("{} cannot be imported", Self::NAME)).into()) }
    }

    /// What identifies an object: unless `IDENTITY_CHANGES`, the same as long as the object lives. `None` while it
    /// cannot be told.
    fn identity(&self, _state: &Self::Model) -> Option<Self::Identity> {
        None
    }

    /// The state to start from for an identity that the user gave; `read` completes it.
    fn import_identity(
        &self,
        _ctx: &ResourceContext<Self>,
        _identity: Self::Identity,
    ) -> impl Future<Output = Result<Self::Model>> + Send {
        async { Err(Diagnostic::error(format!("{} cannot be imported by identity", Self::NAME)).into()) }
    }

    /// Reads an identity of an older version. The default keeps whatever still fits.
    fn upgrade_identity(&self, _version: i64, identity: &StateJson) -> Result<Self::Identity> {
        identity.fit()
    }

    /// Improves the configuration that Terraform writes for an imported object. What is computed, sensitive or as by
    /// default is null already.
    fn generate_config(&self, _config: &mut Self::Model) {}

    /// Reads a state of an older version. The default keeps whatever still fits the schema.
    fn upgrade(&self, _version: i64, state: &StateJson) -> Result<Self::Model> {
        state.fit()
    }

    /// Takes over the state of another resource type, after a `moved` block. `None`: this move is not known.
    fn move_from(&self, _source: &MoveSource) -> Result<Option<Self::Model>> {
        Ok(None)
    }
}

/// What is moved into a resource.
pub struct MoveSource {
    /// Full address of the provider it comes from, `registry.terraform.io/namespace/type`.
    pub provider: String,
    /// The resource type it was.
    pub type_name: String,
    /// The version of its state.
    pub version: i64,
    /// Its state.
    pub state: StateJson,
    /// Its identity, if it has one.
    pub identity: Option<StateJson>,
}
