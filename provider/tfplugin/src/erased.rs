//! What a provider has, with its types erased, so that a server can hold many.
//!
//! Here typed models meet dynamic values: decode, call the author's code behind a guard, encode, check.

mod action;
mod data_source;
mod ephemeral_resource;
mod function;
mod list_resource;
mod resource;
mod state_store;

use std::sync::LazyLock;

pub(crate) use action::AnyAction;
pub(crate) use data_source::AnyDataSource;
pub(crate) use ephemeral_resource::{AnyEphemeralResource, Opening, Renewal};
pub(crate) use function::AnyFunction;
pub(crate) use list_resource::{AnyListResource, ListRequest};
pub(crate) use resource::{AnyResource, Applied, ApplyRequest, ImportBy, PlanAnswer, PlanRequest, StateRequest};
pub(crate) use state_store::{AnyStateStore, HeldStore};

use crate::diagnostic::Diagnostics;
use crate::guard::guarded_now;
use crate::path::Path;
use crate::schema::{Field, Model, Schema};
use crate::value::{Dynamic, Type};

/// A schema and its type.
pub(crate) struct Described {
    pub(crate) schema: Schema,
    pub(crate) object_type: Type,
}

/// The same, made when first needed.
pub(crate) type LazyDescribed = LazyLock<Described, fn() -> Described>;

impl Described {
    pub(crate) fn of<M: Model>(version: i64) -> Self {
        let schema = Schema::of::<M>(version);
        let object_type = schema.object_type();
        Self { schema, object_type }
    }
}

/// Runs the author's rules on a configuration.
fn check<M: Model>(config: Dynamic, rules: impl FnOnce(&M, &mut Diagnostics)) -> Diagnostics {
    let checked = guarded_now(|| {
        let mut out = Diagnostics::new();
        rules(&M::decode(config, &Path::root())?, &mut out);
        Ok(out)
    });
    checked.unwrap_or_else(|errors| errors)
}
