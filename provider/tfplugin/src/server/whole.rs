//! Calls about the provider as a whole: what it has, its configuration, stopping.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::{Configured, Server, checked, reported};
use crate::context::ConfigureContext;
use crate::deferral::Deferral;
use crate::diagnostic::{Diagnostics, Result};
use crate::guard::{guarded, guarded_now};
use crate::path::Path;
use crate::proto::tfplugin6 as pb;
use crate::provider::{Entries, Provider};
use crate::schema::Field;
use crate::validate::WriteOnly;
use crate::value::DecodeError;
use crate::wire;

/// What this crate can do, whatever the provider.
fn capabilities() -> pb::ServerCapabilities {
    pb::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: true,
    }
}

/// All names, each as its message.
fn names<E, M>(entries: &Entries<E>, message: impl Fn(String) -> M) -> Vec<M> {
    entries.keys().map(|name| message((*name).to_owned())).collect()
}

/// All entries by name, each as its message.
fn each<E, M>(entries: &Entries<E>, message: impl Fn(&E) -> M) -> BTreeMap<String, M> {
    entries.iter().map(|(name, entry)| ((*name).to_owned(), message(entry))).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "all calls look alike, also those with empty requests")]
impl<P: Provider> Server<P> {
    pub(super) fn get_metadata(&self, _: &pb::get_metadata::Request) -> pb::get_metadata::Response {
        use pb::get_metadata::{
            ActionMetadata, DataSourceMetadata, EphemeralMetadata, FunctionMetadata, ListResourceMetadata,
            ResourceMetadata, StateStoreMetadata,
        };
        let all = &self.registry;
        pb::get_metadata::Response {
            server_capabilities: Some(capabilities()),
            diagnostics: Vec::new(),
            resources: names(&all.resources, |type_name| ResourceMetadata { type_name }),
            data_sources: names(&all.data_sources, |type_name| DataSourceMetadata { type_name }),
            ephemeral_resources: names(&all.ephemeral_resources, |type_name| EphemeralMetadata { type_name }),
            list_resources: names(&all.list_resources, |type_name| ListResourceMetadata { type_name }),
            actions: names(&all.actions, |type_name| ActionMetadata { type_name }),
            functions: names(&all.functions, |name| FunctionMetadata { name }),
            state_stores: names(&all.state_stores, |type_name| StateStoreMetadata { type_name }),
        }
    }

    pub(super) fn get_provider_schema(
        &self,
        _: &pb::get_provider_schema::Request,
    ) -> pb::get_provider_schema::Response {
        let all = &self.registry;
        let made = guarded_now(|| {
            Ok(pb::get_provider_schema::Response {
                provider: Some(wire::schema(&self.config.schema)),
                resource_schemas: each(&all.resources, |entry| wire::schema(&entry.described.schema)),
                data_source_schemas: each(&all.data_sources, |entry| wire::schema(&entry.described.schema)),
                ephemeral_resource_schemas: each(&all.ephemeral_resources, |entry| {
                    wire::schema(&entry.described.schema)
                }),
                list_resource_schemas: each(&all.list_resources, |entry| wire::schema(&entry.described.schema)),
                action_schemas: each(&all.actions, |entry| pb::ActionSchema {
                    schema: Some(wire::schema(&entry.described.schema)),
                }),
                state_store_schemas: each(&all.state_stores, |entry| wire::schema(&entry.described.schema)),
                functions: each(&all.functions, |entry| wire::function(&entry.signature)),
                provider_meta: all.provider_meta.as_ref().map(|meta| wire::schema(&meta.schema)),
                server_capabilities: Some(capabilities()),
                diagnostics: Vec::new(),
            })
        });
        made.unwrap_or_else(|errors| pb::get_provider_schema::Response {
            diagnostics: wire::diagnostics(&errors),
            ..pb::get_provider_schema::Response::default()
        })
    }

    pub(super) fn get_functions(&self, _: &pb::get_functions::Request) -> pb::get_functions::Response {
        let functions = each(&self.registry.functions, |entry| wire::function(&entry.signature));
        pb::get_functions::Response { functions, diagnostics: Vec::new() }
    }

    pub(super) fn get_resource_identity_schemas(
        &self,
        _: &pb::get_resource_identity_schemas::Request,
    ) -> pb::get_resource_identity_schemas::Response {
        let resources = self.registry.resources.iter();
        let identities = resources.filter_map(|(name, entry)| {
            let identity = entry.identity()?;
            Some(((*name).to_owned(), wire::identity_schema(&identity.schema)))
        });
        pb::get_resource_identity_schemas::Response { identity_schemas: identities.collect(), diagnostics: Vec::new() }
    }

    pub(super) fn validate_provider_config(
        &self,
        request: &pb::validate_provider_config::Request,
    ) -> pb::validate_provider_config::Response {
        let validated = guarded_now(|| {
            checked(&self.config, request.config.as_ref(), WriteOnly::Accept, |config| {
                let mut out = Diagnostics::new();
                match Option::<P::Model>::decode(config, &Path::root()) {
                    Ok(Some(config)) => self.provider.validate(&config, &mut out),
                    Ok(None) | Err(DecodeError::Unknown(_)) => {}
                    Err(error) => out.extend(Diagnostics::from(error)),
                }
                out
            })
        });
        pb::validate_provider_config::Response { diagnostics: reported(validated) }
    }

    pub(super) async fn configure_provider(
        &self,
        request: pb::configure_provider::Request,
    ) -> pb::configure_provider::Response {
        let mut diagnostics = Diagnostics::new();
        let configured: Result<_> = guarded(async {
            let config = wire::from_dynamic(request.config.as_ref(), &self.config.object_type)?;
            let undecided = !config.is_wholly_known();
            let accepted = request.client_capabilities.is_some_and(|client| client.deferral_allowed);
            let deferral = Deferral::new(accepted, undecided);
            let ctx = ConfigureContext::new(request.terraform_version, self.stopped.clone(), deferral);
            let model = Option::<P::Model>::decode(config, &Path::root())?.unwrap_or_default();
            let data = self.provider.configure(&ctx, model).await;
            diagnostics.extend(ctx.take_warnings());
            Ok(Configured { data: Arc::new(data?), undecided, deferred: ctx.deferred() })
        })
        .await;
        match configured {
            Ok(configured) => *self.configured.write().unwrap_or_else(PoisonError::into_inner) = Some(configured),
            Err(errors) => diagnostics.extend(errors),
        }
        pb::configure_provider::Response { diagnostics: wire::diagnostics(&diagnostics) }
    }

    /// Cancels what is running. The server goes on: operations that end must still save their state.
    pub(super) fn stop_provider(&self, _: &pb::stop_provider::Request) -> pb::stop_provider::Response {
        self.stopped.cancel();
        pb::stop_provider::Response::default()
    }
}
