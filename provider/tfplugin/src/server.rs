//! The provider service: thin calls that decode, ask, encode.
//!
//! Every problem is a diagnostic, never a gRPC error: Terraform would show the latter as "plugin did not respond". Calls
//! that Terraform makes only for things this crate does not offer answer `Unimplemented`, by default.

mod ephemeral_resource;
mod lookup;
mod resource;
mod whole;

use std::sync::{Arc, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::erased::LazySchema;
use crate::proto::tfplugin6 as pb;
use crate::proto::tfplugin6::provider_server;
use crate::provider::{Provider, Registry};

/// One provider, serving.
pub(crate) struct Server<P: Provider> {
    provider: Arc<P>,
    registry: Registry<P::Data>,
    config: LazySchema,
    /// What `configure` made last.
    data: RwLock<Option<Arc<P::Data>>>,
    /// Fires when Terraform asks to stop.
    stopped: CancellationToken,
}

impl<P: Provider> Server<P> {
    pub(crate) fn new(provider: Arc<P>) -> Self {
        let mut registry = Registry::new();
        provider.register(&mut registry);
        Self {
            provider,
            registry,
            config: LazySchema::default(),
            data: RwLock::default(),
            stopped: CancellationToken::new(),
        }
    }

    /// The context of a call on a configured provider.
    fn context(&self) -> Result<Context<P::Data>> {
        let data = self.data.read().unwrap_or_else(PoisonError::into_inner).clone();
        match data {
            Some(data) => Ok(Context::new(data, self.stopped.clone())),
            None => Err(Diagnostic::error("The provider is not configured")
                .detail("Terraform asked for something that needs a configured provider before it configured this one.")
                .into()),
        }
    }
}

fn absent(kind: &str, name: &str) -> Diagnostics {
    Diagnostic::error(format!("There is no {kind} {name}"))
        .detail("The provider does not know it. Its version may be too old for this configuration.")
        .into()
}

/// The calls that are answered. Each is a method of the same name over plain messages; those listed as waiting are
/// asynchronous, the others answer at once.
macro_rules! calls {
    (at_once: $($call:ident)*; waiting: $($wait:ident)*;) => {
        #[tonic::async_trait]
        impl<P: Provider> provider_server::Provider for Server<P> {
            $(
                async fn $call(
                    &self,
                    request: Request<pb::$call::Request>,
                ) -> std::result::Result<Response<pb::$call::Response>, Status> {
                    Ok(Response::new(self.$call(&request.into_inner())))
                }
            )*
            $(
                async fn $wait(
                    &self,
                    request: Request<pb::$wait::Request>,
                ) -> std::result::Result<Response<pb::$wait::Response>, Status> {
                    Ok(Response::new(self.$wait(request.into_inner()).await))
                }
            )*
        }
    };
}

calls! {
    at_once:
        get_metadata
        get_provider_schema
        get_functions
        get_resource_identity_schemas
        validate_provider_config
        stop_provider
        validate_resource_config
        upgrade_resource_state
        move_resource_state
        validate_data_resource_config
        validate_ephemeral_resource_config
        call_function;
    waiting:
        configure_provider
        import_resource_state
        read_resource
        plan_resource_change
        apply_resource_change
        read_data_source
        open_ephemeral_resource
        renew_ephemeral_resource
        close_ephemeral_resource;
}
