//! Calls about the provider as a whole: what it has, its configuration, stopping.

use std::sync::{Arc, PoisonError};

use super::Server;
use crate::context::ConfigureContext;
use crate::diagnostic::{Diagnostics, Result};
use crate::erased::Described;
use crate::guard::{guarded, guarded_now};
use crate::path::Path;
use crate::proto::tfplugin6 as pb;
use crate::provider::Provider;
use crate::schema::Schema;
use crate::validate::{WriteOnly, validate};
use crate::value::Field;
use crate::wire;

/// What this crate can do, whatever the provider.
fn capabilities() -> pb::ServerCapabilities {
    pb::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: false,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "all calls look alike, also those with empty requests")]
impl<P: Provider> Server<P> {
    fn described(&self) -> &Described {
        self.config.get_or(|| Schema::of::<P::Model>(0))
    }

    pub(super) fn get_metadata(&self, _: &pb::get_metadata::Request) -> pb::get_metadata::Response {
        use pb::get_metadata::{DataSourceMetadata, EphemeralMetadata, FunctionMetadata, ResourceMetadata};
        let owned = |name: &&'static str| (*name).to_owned();
        pb::get_metadata::Response {
            server_capabilities: Some(capabilities()),
            resources: self.registry.resources.keys().map(|name| ResourceMetadata { type_name: owned(name) }).collect(),
            data_sources: self
                .registry
                .data_sources
                .keys()
                .map(|name| DataSourceMetadata { type_name: owned(name) })
                .collect(),
            ephemeral_resources: self
                .registry
                .ephemeral_resources
                .keys()
                .map(|name| EphemeralMetadata { type_name: owned(name) })
                .collect(),
            functions: self.registry.functions.keys().map(|name| FunctionMetadata { name: owned(name) }).collect(),
            ..pb::get_metadata::Response::default()
        }
    }

    pub(super) fn get_provider_schema(
        &self,
        _: &pb::get_provider_schema::Request,
    ) -> pb::get_provider_schema::Response {
        let made = guarded_now(|| {
            let resources = self.registry.resources.iter();
            let data_sources = self.registry.data_sources.iter();
            let ephemeral_resources = self.registry.ephemeral_resources.iter();
            Ok(pb::get_provider_schema::Response {
                provider: Some(wire::schema(&self.described().schema)),
                resource_schemas: resources
                    .map(|(name, entry)| ((*name).to_owned(), wire::schema(&entry.described().schema)))
                    .collect(),
                data_source_schemas: data_sources
                    .map(|(name, entry)| ((*name).to_owned(), wire::schema(&entry.described().schema)))
                    .collect(),
                ephemeral_resource_schemas: ephemeral_resources
                    .map(|(name, entry)| ((*name).to_owned(), wire::schema(&entry.described().schema)))
                    .collect(),
                functions: self.functions(),
                server_capabilities: Some(capabilities()),
                ..pb::get_provider_schema::Response::default()
            })
        });
        made.unwrap_or_else(|errors| pb::get_provider_schema::Response {
            diagnostics: wire::diagnostics(&errors),
            ..pb::get_provider_schema::Response::default()
        })
    }

    pub(super) fn get_functions(&self, _: &pb::get_functions::Request) -> pb::get_functions::Response {
        pb::get_functions::Response { functions: self.functions(), diagnostics: Vec::new() }
    }

    fn functions(&self) -> std::collections::BTreeMap<String, pb::Function> {
        let functions = self.registry.functions.iter();
        functions.map(|(name, entry)| ((*name).to_owned(), wire::function(entry.signature()))).collect()
    }

    /// No resource has an identity yet; newer cores ask all the same and want an answer.
    #[expect(clippy::unused_self, reason = "every call is a method")]
    pub(super) fn get_resource_identity_schemas(
        &self,
        _: &pb::get_resource_identity_schemas::Request,
    ) -> pb::get_resource_identity_schemas::Response {
        pb::get_resource_identity_schemas::Response::default()
    }

    pub(super) fn validate_provider_config(
        &self,
        request: &pb::validate_provider_config::Request,
    ) -> pb::validate_provider_config::Response {
        let validated = guarded_now(|| {
            let described = self.described();
            let config = wire::from_dynamic(request.config.as_ref(), &described.object_type)?;
            let mut out = Diagnostics::new();
            validate(&described.schema.attributes, &config, WriteOnly::Accept, &Path::root(), &mut out);
            if !config.is_null() && !config.is_unknown() {
                self.provider.validate(&P::Model::decode(config, &Path::root())?, &mut out);
            }
            Ok(out)
        });
        let diagnostics = wire::diagnostics(&validated.unwrap_or_else(|errors| errors));
        pb::validate_provider_config::Response { diagnostics }
    }

    pub(super) async fn configure_provider(
        &self,
        request: pb::configure_provider::Request,
    ) -> pb::configure_provider::Response {
        let ctx = ConfigureContext::new(request.terraform_version, self.stopped.clone());
        let configured: Result<P::Data> = guarded(async {
            let config = wire::from_dynamic(request.config.as_ref(), &self.described().object_type)?;
            let model = Option::<P::Model>::decode(config, &Path::root())?.unwrap_or_default();
            self.provider.configure(&ctx, model).await
        })
        .await;
        let mut diagnostics = ctx.take_warnings();
        match configured {
            Ok(data) => *self.data.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(data)),
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
