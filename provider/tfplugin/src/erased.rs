//! Resources, data sources, ephemeral resources and functions with their types erased, so that a server can hold many.
//!
//! Here typed models meet dynamic values: decode, call the author's code behind a guard, encode, check.

mod data_source;
mod ephemeral_resource;
mod function;
mod resource;

use std::sync::OnceLock;

pub(crate) use data_source::AnyDataSource;
pub(crate) use ephemeral_resource::{AnyEphemeralResource, Opening, Renewal};
pub(crate) use function::{AnyFunction, Signature};
pub(crate) use resource::{AnyResource, Applied, ApplyRequest, PlanAnswer, PlanRequest};

use crate::schema::Schema;
use crate::value::Type;

/// A schema and its type, made when first needed.
#[derive(Default)]
pub(crate) struct LazySchema(OnceLock<Described>);

/// A schema and its type.
pub(crate) struct Described {
    pub(crate) schema: Schema,
    pub(crate) object_type: Type,
}

impl LazySchema {
    pub(crate) fn get_or(&self, make: impl FnOnce() -> Schema) -> &Described {
        self.0.get_or_init(|| {
            let schema = make();
            let object_type = schema.object_type();
            Described { schema, object_type }
        })
    }
}
