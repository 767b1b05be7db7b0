//! Terraform plugin protocol 6 as a framework for writing providers.
//!
//! A provider is a program that Terraform starts and asks: is this configuration valid, what would change, change it.
//! With this crate it is a few plain structs and a few short traits. This page has a whole one, then what Terraform
//! asks and when, then where to read on.
//!
//! # A complete provider
//!
//! It keeps pages as files. This is `examples/page.rs`; the tests build it and run it under a real Terraform.
//!
//! ```no_run
#![doc = include_str!("../examples/page.rs")]
//! ```
//!
//! Build it as `terraform-provider-page`, and tell Terraform where it is, in `~/.terraformrc`:
//!
//! ```text
//! provider_installation {
//!   dev_overrides { "example.com/docs/page" = "/where/the/program/is" }
//!   direct {}
//! }
//! ```
//!
//! Then `terraform plan` and `terraform apply` work in a directory with this configuration:
//!
//! ```text
//! terraform {
//!   required_providers { page = { source = "example.com/docs/page" } }
//! }
//! provider "page" { directory = "/tmp" }
//! resource "page_page" "hello" {
//!   name = "hello"
//!   text = "Hello, world"
//! }
//! ```
//!
//! # The protocol on one page
//!
//! **The process.** Terraform starts the program anew for every walk over a configuration, gives it a certificate in
//! the environment, and reads one line from its standard output: where it listens, and its own certificate. From then
//! on both speak gRPC over mutual TLS. [`serve`] does all of it, and stays alive through Ctrl-C so that work in flight
//! can end well; [`host`] has the contract.
//!
//! **The walks.** What is asked, in this order. Left out is what a provider does not have.
//!
//! | command | on the provider | on each resource |
//! | --- | --- | --- |
//! | any | schema | |
//! | `validate` | [`validate`](Provider::validate) | [`validate`](Resource::validate), without `configure` |
//! | `plan` | `validate`, [`configure`] | [`upgrade`] of the state, [`read`], `validate`, plan, [`modify_plan`] |
//! | `apply` | as for `plan` | the plan with all that is known by now, then [`create`], [`update`] or [`delete`] |
//! | `import` | as for `plan` | [`import`] or [`import_identity`], then `read` |
//! | `query` | as for `plan` | [`list`](ListResource::list) |
//! | interrupted | [`cancelled`](Context::cancelled) fires in all of them | |
//!
//! [`configure`]: Provider::configure
//! [`upgrade`]: Resource::upgrade
//! [`read`]: Resource::read
//! [`modify_plan`]: Resource::modify_plan
//! [`create`]: Resource::create
//! [`update`]: Resource::update
//! [`delete`]: Resource::delete
//! [`import`]: Resource::import
//! [`import_identity`]: Resource::import_identity
//!
//! Data sources are read, ephemeral resources opened, when their configuration is known: while planning, if it can be.
//! Functions are called at any time, on a provider that is not configured. Actions are planned with what triggers them
//! and invoked when that is applied.
//!
//! **Values.** An attribute is null, known, or *unknown*: it will be known once something else has been applied. So is
//! a setting of the provider block during a plan. [`Value`] keeps the three apart; numbers keep every digit
//! ([`Number`]).
//!
//! **The plan is a promise.** Terraform compares what was planned with what was configured, and what apply returns with
//! what was planned, and calls any difference a bug of the provider:
//!
//! 1. What is configured is planned as configured, or as it was if that says the same in another spelling ([`Json`]).
//! 2. Only computed attributes may become anything else; unknown is how a plan says "apply will tell".
//! 3. What is known in a plan is what apply returns. So there is no clock and no chance in a plan.
//! 4. Nothing is unknown after an apply.
//! 5. After reading there is nothing to do, unless somebody changed something.
//!
//! The framework makes the plan by a pure function and keeps 1, 2 and 4 for you: defaults fill what is null, computed
//! values become unknown when anything changes, [`modifiers`] say what stays and what needs a new resource. The rest is
//! what an operation must do: return what it was given, completed, and spell it as the user did.
//!
//! **Failure.** Errors are [`Diagnostic`]s with the path of an attribute. Whatever has been made must reach the state
//! even when the operation fails after it: [`ResourceContext::save`] as soon as something exists. On failure of a
//! create Terraform keeps it as tainted, and replaces it next time.
//!
//! **Secrets.** State is stored in the clear. What must not be there is write-only (`#[tf(write_only)]`, readable
//! through [`ResourceContext::config`] alone) or lives in an [`EphemeralResource`]. `sensitive` only hides a value from
//! the screen.
//!
//! **Versions.** Terraform 1.8 to 1.16 speak 6.5 to 6.11, and ask only for what they know: functions from 1.8 on,
//! ephemeral resources from 1.10, write-only attributes from 1.11, identities from 1.12, lists and actions from 1.14. A
//! provider need not look at versions: an older Terraform never asks, and where it must be told something it is told as
//! an error (a write-only attribute that an older one would have stored).
//!
//! # Chapters
//!
//! 1. **Models**: [`Model`] has the types of fields and everything that `#[tf(...)]` can say; [`Choice`] is for words
//!    from a list, [`Timeouts`] for the attribute of that name.
//! 2. **Checks**: [`validators`] for one value; [`validate`](Resource::validate) with [`validators::conflicts_with`]
//!    and its like for several.
//! 3. **Planning**: [`modifiers`] for one attribute, [`Plan`] for the whole.
//! 4. **Operations**: [`Resource`], [`DataSource`]; [`ResourceContext`] for what they are given: the provider's data,
//!    timeouts that end with a sentence, cancellation, private state, warnings.
//! 5. **Identity and import**: [`Resource::Identity`], [`ListResource`], [`Resource::generate_config`].
//! 6. **Living with older versions**: [`Resource::upgrade`], [`Resource::move_from`], [`StateJson`].
//! 7. **What leaves no state**: [`EphemeralResource`], [`Action`], [`Function`].
//! 8. **Not in this round**: [`Context::defer`] and [`DeferralReason`].
//! 9. **Keeping other people's states**: [`StateStore`].
//! 10. **Tests**: [`testing`] plays Terraform in process and holds every answer against the rules above.
//! 11. **Documentation**: [`docs`] makes the registry's pages from doc comments and examples.
//! 12. **Debugging**: start the provider with `-debug`; `TF_LOG_PROVIDER=debug` shows its `tracing` events ([`host`]).
//!
//! # Inside
//!
//! From the outside in: `host` keeps the contract with the process that started us, `server` answers calls, `erased`
//! turns dynamic values into models and calls the author's code, `plan` decides what changes, `wire` reads and writes
//! messages. Below them are the traits of authors with their contexts, then `schema` with the types of attributes, then
//! `value`, and `diagnostic` with `path` at the bottom. A module uses those below it, never the other way around.
//! Nothing here logs a value, a request or a response.

// So that derived code can say `::tfplugin_rs` in here too.
extern crate self as tfplugin_rs;

mod action;
pub mod context;
mod data_source;
mod deferral;
pub mod diagnostic;
pub mod docs;
mod duration;
mod ephemeral_resource;
mod erased;
pub mod function;
mod generate;
mod guard;
pub mod host;
mod json;
mod json_text;
mod list_resource;
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
pub mod snapshot;
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
pub use context::{ConfigureContext, Context, Plan};
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
pub use path::Path;
pub use provider::{Provider, Registry};
pub use resource::{MoveSource, Resource, ResourceContext};
pub use schema::{Field, Model};
pub use state_store::StateStore;
pub use tfplugin_derive::{Arguments, Choice, Model};
pub use timeouts::Timeouts;
pub use value::{DecodeError, Dynamic, Number, Object, Presence, Set, Type, Value};

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
