//! Testing a provider in process, without Terraform.
//!
//! [`Core`] plays Terraform's part. It speaks to the provider through the same service that Terraform calls, with the
//! same messages as bytes, in the same order; only socket and process are missing. It keeps what Terraform keeps (the
//! state as JSON with its version, the private state), and holds every answer against Terraform's rules. What breaks
//! one is an error with the path of the attribute.
//!
//! # A first test
//!
//! ```
//! # use tfplugin_rs::prelude::*;
//! # struct Notes;
//! # #[derive(Clone, Model)]
//! # struct Settings {}
//! # /// A note.
//! # #[derive(Clone, Model)]
//! # struct Note {
//! #     #[tf(computed, plan = keep_state())]
//! #     id: Value<String>,
//! #     #[tf(required, plan = requires_replace())]
//! #     name: Value<String>,
//! #     #[tf(optional, default = "")]
//! #     text: Value<String>,
//! #     #[tf(computed)]
//! #     size: Value<i64>,
//! # }
//! # impl Provider for Notes {
//! #     type Model = Settings;
//! #     type Data = ();
//! #     const NAME: &'static str = "note";
//! #     fn register(&self, registry: &mut Registry<()>) {
//! #         registry.resource(NoteResource);
//! #     }
//! #     async fn configure(&self, _: &ConfigureContext, _: Settings) -> Result<()> {
//! #         Ok(())
//! #     }
//! # }
//! # struct NoteResource;
//! # fn complete(mut note: Note) -> Note {
//! #     note.id = note.name.clone();
//! #     note.size = note.text.as_ref().map(|text| text.len() as i64);
//! #     note
//! # }
//! # impl Resource for NoteResource {
//! #     type Model = Note;
//! #     type Identity = ();
//! #     type Data = ();
//! #     const NAME: &'static str = "note_note";
//! #     async fn create(&self, _: &ResourceContext<Self>, plan: Note) -> Result<Note> {
//! #         Ok(complete(plan))
//! #     }
//! #     async fn read(&self, _: &ResourceContext<Self>, state: Note) -> Result<Option<Note>> {
//! #         Ok(Some(state))
//! #     }
//! #     async fn update(&self, _: &ResourceContext<Self>, _: Note, plan: Note) -> Result<Note> {
//! #         Ok(complete(plan))
//! #     }
//! #     async fn delete(&self, _: &ResourceContext<Self>, _: Note) -> Result<()> {
//! #         Ok(())
//! #     }
//! #     async fn import(&self, _: &ResourceContext<Self>, id: &str) -> Result<Note> {
//! #         Ok(complete(Note { name: id.into(), text: "".into(), ..Note::default() }))
//! #     }
//! # }
//! use tfplugin_rs::testing::{Action, Core, json, unknown};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let core = Core::new(Notes);
//! core.configure(&json!({})).await?;
//!
//! // Plan, apply, and see that nothing is left to do.
//! let mut note = core.resource("note_note");
//! assert_eq!(note.apply(&json!({ "name": "a", "text": "hello" })).await?, Action::Create);
//! assert_eq!(note.state()["size"], 5);
//!
//! // A plan alone stores nothing. What is not known yet is said with `unknown()`, on both sides.
//! let plan = note.plan(&json!({ "name": "a", "text": unknown() })).await?;
//! assert_eq!(plan.action, Action::Update);
//! assert_eq!(plan.planned()["size"], unknown());
//! assert_eq!(plan.planned()["id"], "a");
//! note.apply_plan(plan, &json!({ "name": "a", "text": "known at last" })).await?;
//!
//! // Another name needs another note.
//! assert_eq!(note.apply(&json!({ "name": "b" })).await?, Action::Replace);
//! note.destroy().await?;
//!
//! note.import("c").await?;
//! assert_eq!(note.model::<Note>()?.name, "c");
//! # Ok(())
//! # }
//! ```
//!
//! # Configurations
//!
//! They are JSON literals ([`json!`](json)), models, or [`Dynamic`](crate::Dynamic) values. What is left out is null.
//! They are checked and converted as Terraform does: an argument that does not exist, one that is missing, and one that
//! only the provider sets are errors, `"5"` is a number where one is wanted. A number with more digits than a literal
//! holds is written as text.
//!
//! # What is checked
//!
//! - The schema is one that Terraform loads.
//! - A plan has what is configured, or the prior value where something is configured in another spelling; what is
//!   neither configured nor computed stays null; what is write-only is null. Asked again, the provider plans the same;
//!   asked at apply, when more is known, it repeats all that it said before.
//! - After apply nothing is unknown and all that was planned has come; what is destroyed is gone.
//! - No state has a write-only or unknown value. An identity never changes.
//! - After [`Instance::apply`] the next plan is empty, with a refresh in between.
//!
//! Warnings fail nothing: [`Core::take_warnings`] has them.
//!
//! # Lists, actions, identities
//!
//! [`Core::list`] finds what exists, [`Core::invoke`] runs an action and returns its progress, and
//! [`Instance::import_by_identity`] takes over what an identity names: calls that newer Terraforms make.
//!
//! # Stopping, older states, moves
//!
//! [`Core::stop`] is Ctrl-C; run it beside an operation with `tokio::join!`. [`Instance::set_state`] puts a state there
//! that an older version has left, and the next operation upgrades it. [`Instance::move_from`] is a `moved` block.

mod action;
mod call;
mod identity;
mod list_resource;
mod literal;
mod lookup;
mod proposed;
#[cfg(test)]
mod recorded;
mod resource;
mod rules;
mod schema;
mod stored;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use list_resource::Listed;
pub use literal::{Configuration, unknown};
pub use lookup::{Ephemeral, Found};
pub use resource::{Action, Instance, Plan};
pub use serde_json::json;
use tokio::sync::OnceCell;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::proto::tfplugin6 as pb;
use crate::proto::tfplugin6::provider_server::{self, Provider as _};
use crate::provider::Provider;
use crate::server::Server;
use crate::wire;
use call::{ask, told};
use identity::{IdentitySchema, ResourceSchema};
use schema::Schema;

/// The Terraform whose part is played.
const VERSION: &str = "1.11.4";

/// Terraform's part in a test. See the [module](self).
pub struct Core<P: Provider> {
    provider: Arc<P>,
    /// What validates and calls functions: Terraform does so before it configures.
    unconfigured: Arc<Server<P>>,
    configured: RwLock<Arc<Server<P>>>,
    schemas: OnceCell<Schemas>,
    warnings: Mutex<Diagnostics>,
}

/// What the provider says it has.
struct Schemas {
    provider: Schema,
    resources: BTreeMap<String, Arc<ResourceSchema>>,
    data_sources: BTreeMap<String, Arc<Schema>>,
    ephemeral_resources: BTreeMap<String, Arc<Schema>>,
    list_resources: BTreeMap<String, Arc<Schema>>,
    actions: BTreeMap<String, Arc<Schema>>,
    functions: BTreeMap<String, pb::Function>,
}

impl<P: Provider> Core<P> {
    /// A run with this provider, not configured yet.
    pub fn new(provider: P) -> Self {
        let provider = Arc::new(provider);
        let server = || Arc::new(Server::new(Arc::clone(&provider)));
        Self {
            unconfigured: server(),
            configured: RwLock::new(server()),
            provider,
            schemas: OnceCell::new(),
            warnings: Mutex::default(),
        }
    }

    /// Validates the provider block and configures the provider with it. Done again, it starts a new run: what was
    /// stopped goes on.
    pub async fn configure(&self, config: &impl Configuration) -> Result<()> {
        let schemas = self.schemas().await?;
        let config = literal::configured(config, &schemas.provider)?;
        let config = Some(wire::dynamic(&config, &schemas.provider.object_type)?);
        let server = Arc::new(Server::new(Arc::clone(&self.provider)));
        let request = pb::validate_provider_config::Request { config: config.clone() };
        let answer = ask("ValidateProviderConfig", request, |request| server.validate_provider_config(request)).await?;
        self.heard(told(&answer.diagnostics))?;
        let request = pb::configure_provider::Request {
            terraform_version: VERSION.to_owned(),
            config,
            client_capabilities: Some(capabilities()),
        };
        let answer = ask("ConfigureProvider", request, |request| server.configure_provider(request)).await?;
        self.heard(told(&answer.diagnostics))?;
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = server;
        Ok(())
    }

    /// A resource of that type, of which there is nothing yet.
    pub fn resource(&self, type_name: &str) -> Instance<'_, P> {
        Instance::new(self, type_name)
    }

    /// Asks the provider to stop, as Ctrl-C does: what runs is cancelled and ends.
    pub async fn stop(&self) -> Result<()> {
        let server = self.configured();
        let request = pb::stop_provider::Request {};
        let answer = ask("StopProvider", request, |request| server.stop_provider(request)).await?;
        if answer.error.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::error("The provider cannot stop").detail(answer.error).into())
    }

    /// The warnings since this was last asked.
    pub fn take_warnings(&self) -> Diagnostics {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The service itself, as configured last, for messages of your own.
    #[doc(hidden)]
    pub fn service(&self) -> Arc<impl provider_server::Provider + use<P>> {
        self.configured()
    }

    fn unconfigured(&self) -> Arc<Server<P>> {
        Arc::clone(&self.unconfigured)
    }

    fn configured(&self) -> Arc<Server<P>> {
        Arc::clone(&self.configured.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps warnings for whoever asks; errors end the operation.
    fn heard(&self, told: Diagnostics) -> Result<()> {
        let (errors, warnings): (Vec<_>, Vec<_>) = told.into_iter().partition(Diagnostic::is_error);
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        Diagnostics::from_iter(errors).into_result(())
    }

    async fn schemas(&self) -> Result<&Schemas> {
        self.schemas.get_or_try_init(|| async { self.ask_schemas().await }).await
    }

    async fn ask_schemas(&self) -> Result<Schemas> {
        let server = self.unconfigured();
        let request = pb::get_provider_schema::Request {};
        let answer = ask("GetProviderSchema", request, |request| server.get_provider_schema(request)).await?;
        self.heard(told(&answer.diagnostics))?;
        let request = pb::get_resource_identity_schemas::Request {};
        let identities =
            ask("GetResourceIdentitySchemas", request, |request| server.get_resource_identity_schemas(request)).await?;
        self.heard(told(&identities.diagnostics))?;
        let prefix = format!("{}_", P::NAME);
        let types = (answer.resource_schemas.keys())
            .chain(answer.data_source_schemas.keys())
            .chain(answer.ephemeral_resource_schemas.keys())
            .chain(answer.action_schemas.keys());
        let strangers: Diagnostics = types
            .filter(|name| !name.starts_with(&prefix))
            .map(|name| {
                Diagnostic::error("Terraform would not find this type").detail(format!(
                    "{name} does not begin with {prefix}, so Terraform looks for it at another provider."
                ))
            })
            .collect();
        strangers.into_result(())?;
        let plain = |schemas: &BTreeMap<String, pb::Schema>| -> Result<BTreeMap<_, _>> {
            schemas.iter().map(|(name, schema)| Ok((name.clone(), Arc::new(Schema::read(schema)?)))).collect()
        };
        let resources = answer.resource_schemas.iter().map(|(name, schema)| {
            let identity = identities.identity_schemas.get(name).map(IdentitySchema::read).transpose()?;
            Ok((name.clone(), Arc::new(ResourceSchema { schema: Schema::read(schema)?, identity })))
        });
        let actions = answer.action_schemas.iter();
        let actions = actions.filter_map(|(name, action)| Some((name.clone(), action.schema.clone()?))).collect();
        Ok(Schemas {
            provider: Schema::read(&answer.provider.clone().unwrap_or_default())?,
            resources: resources.collect::<Result<_>>()?,
            data_sources: plain(&answer.data_source_schemas)?,
            ephemeral_resources: plain(&answer.ephemeral_resource_schemas)?,
            list_resources: plain(&answer.list_resource_schemas)?,
            actions: plain(&actions)?,
            functions: answer.functions,
        })
    }
}

impl Schemas {
    fn resource(&self, name: &str) -> Result<Arc<ResourceSchema>> {
        find(&self.resources, "resource", name)
    }

    fn data_source(&self, name: &str) -> Result<Arc<Schema>> {
        find(&self.data_sources, "data source", name)
    }

    fn ephemeral_resource(&self, name: &str) -> Result<Arc<Schema>> {
        find(&self.ephemeral_resources, "ephemeral resource", name)
    }

    fn list_resource(&self, name: &str) -> Result<Arc<Schema>> {
        find(&self.list_resources, "list resource", name)
    }

    fn action(&self, name: &str) -> Result<Arc<Schema>> {
        find(&self.actions, "action", name)
    }
}

fn find<T>(all: &BTreeMap<String, Arc<T>>, kind: &str, name: &str) -> Result<Arc<T>> {
    let found = all.get(name).cloned();
    found.ok_or_else(|| Diagnostic::error(format!("The provider has no {kind} {name}")).into())
}

/// What Terraform 1.11 says of itself.
fn capabilities() -> pb::ClientCapabilities {
    pb::ClientCapabilities { write_only_attributes_allowed: true, ..Default::default() }
}

impl<P: Provider> fmt::Debug for Core<P> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Core({})", P::NAME)
    }
}
