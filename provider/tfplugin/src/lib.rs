//! Terraform plugin protocol 6 as a framework for writing providers.
//!
//! A provider is a struct that implements [`Provider`], with [`Resource`]s, [`DataSource`]s, [`EphemeralResource`]s and
//! [`Function`]s over structs that derive [`Model`]; `main` calls [`serve`]. The README shows a whole one.
//!
//! From the outside in: `host` keeps the contract with the process that started us, `server` answers calls, `erased`
//! turns dynamic values into models and calls the author's code, `plan` decides what changes, `wire` reads and writes
//! messages. Nothing here logs a value, a request or a response.

// So that derived code can say `::tfplugin_rs` in here too.
extern crate self as tfplugin_rs;

mod action;
pub mod context;
mod data_source;
mod deferral;
pub mod diagnostic;
pub mod docs;
mod ephemeral_resource;
mod erased;
pub mod function;
mod generate;
mod guard;
pub mod host;
mod json;
mod json_text;
mod list_resource;
mod model;
pub mod modifiers;
pub mod path;
mod plan;
mod private;
#[doc(hidden)]
pub mod proto;
mod provider;
mod resource;
pub mod schema;
mod server;
mod spelling;
mod state_store;
pub mod testing;
pub mod timeouts;
mod validate;
pub mod validators;
pub mod value;
mod verify;
mod wire;

pub use action::{Action, ActionContext};
pub use context::{ConfigureContext, Context, Plan, ResourceContext};
pub use data_source::DataSource;
pub use deferral::DeferralReason;
pub use diagnostic::{Diagnostic, Diagnostics, Result};
pub use ephemeral_resource::{EphemeralResource, Opened};
pub use function::{Function, FunctionError};
pub use host::serve;
pub use jiff::Timestamp;
pub use json::StateJson;
pub use json_text::{Json, JsonError};
pub use list_resource::{ListResource, Listed, Listing};
pub use model::Model;
pub use path::Path;
pub use provider::{Provider, Registry};
pub use resource::{MoveSource, Resource};
pub use state_store::StateStore;
pub use tfplugin_derive::{Arguments, Choice, Model};
pub use timeouts::Timeouts;
pub use value::{DecodeError, Dynamic, Field, Number, Object, Presence, Set, Type, Value};

/// All that a provider usually needs.
pub mod prelude {
    pub use crate::validators::{at_least_one_of, conflicts_with, exactly_one_of, required_with};
    pub use crate::{
        Action, ActionContext, Arguments, Choice, ConfigureContext, Context, DataSource, DeferralReason, Diagnostic,
        Diagnostics, Dynamic, EphemeralResource, Function, FunctionError, Json, ListResource, Listed, Listing, Model,
        MoveSource, Number, Opened, Path, Plan, Presence, Provider, Registry, Resource, ResourceContext, Result, Set,
        StateJson, StateStore, Timeouts, Timestamp, Value,
    };
}

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
