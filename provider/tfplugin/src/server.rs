//! The provider service: thin calls that decode, ask, encode.
//!
//! Every problem is a diagnostic, never a gRPC error: Terraform would show the latter as "plugin did not respond". The
//! one exception is a provider without state stores, of which Terraform expects `Unimplemented`.

mod action;
mod ephemeral_resource;
mod list_resource;
mod lookup;
mod resource;
mod state_store;
mod whole;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::context::Context;
use crate::deferral::{Deferral, DeferralReason};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::erased::{Described, LazyDescribed};
use crate::path::Path;
use crate::proto::tfplugin6 as pb;
use crate::proto::tfplugin6::provider_server;
use crate::provider::{Entries, Provider, Registry};
use crate::validate::{WriteOnly, validate};
use crate::value::Dynamic;
use crate::wire;

/// One provider, serving.
pub(crate) struct Server<P: Provider> {
    provider: Arc<P>,
    registry: Registry<P::Data>,
    config: LazyDescribed,
    /// What `configure` made last.
    configured: RwLock<Option<Configured<P::Data>>>,
    /// The size of the pieces in which states are sent, in bytes.
    piece: AtomicUsize,
    /// Fires when Terraform asks to stop.
    stopped: CancellationToken,
    /// The ephemeral resources that are open: type and private value.
    opened: Mutex<Vec<(String, Vec<u8>)>>,
}

/// A configured provider.
struct Configured<D> {
    data: Arc<D>,
    /// Whether the provider block had unknown values.
    undecided: bool,
    /// Whether everything is to be put off.
    deferred: Option<DeferralReason>,
}

/// Derived code would ask `D` to be cloned.
impl<D> Clone for Configured<D> {
    fn clone(&self) -> Self {
        Self { data: Arc::clone(&self.data), undecided: self.undecided, deferred: self.deferred }
    }
}

impl<P: Provider> Server<P> {
    pub(crate) fn new(provider: Arc<P>) -> Self {
        let mut registry = Registry::new();
        provider.register(&mut registry);
        Self {
            provider,
            registry,
            config: LazyLock::new(|| Described::of::<P::Model>(0)),
            configured: RwLock::default(),
            piece: AtomicUsize::new(state_store::PIECE),
            stopped: CancellationToken::new(),
            opened: Mutex::default(),
        }
    }

    fn configured(&self) -> Result<Configured<P::Data>> {
        let configured = self.configured.read().unwrap_or_else(PoisonError::into_inner).clone();
        configured.ok_or_else(|| {
            Diagnostic::error("The provider is not configured")
                .detail("Terraform asked for something that needs a configured provider before it configured this one.")
                .into()
        })
    }

    /// The context of a call on a configured provider.
    fn context(&self) -> Result<Context<P::Data>> {
        Ok(Context::new(self.configured()?.data, self.stopped.clone()))
    }

    /// The context of a call that may be deferred: by the author, if the client accepts that and something in the
    /// provider block or in `given` is unknown. Or it is deferred already, since the provider as a whole is.
    fn deferrable(
        &self,
        client: Option<pb::ClientCapabilities>,
        given: &Dynamic,
    ) -> Result<(Context<P::Data>, Option<DeferralReason>)> {
        let configured = self.configured()?;
        let accepted = client.is_some_and(|client| client.deferral_allowed);
        let deferral = Deferral::new(accepted, configured.undecided || !given.is_wholly_known());
        let context = Context::new(configured.data, self.stopped.clone()).deferrable(deferral);
        Ok((context, configured.deferred.filter(|_| accepted)))
    }

    /// What a module says in its `provider_meta` block.
    fn meta(&self, sent: Option<&pb::DynamicValue>) -> Result<Dynamic> {
        self.registry
            .provider_meta
            .as_ref()
            .map_or(Ok(Dynamic::Null), |described| wire::from_dynamic(sent, &described.object_type))
    }
}

/// Checks a configuration: each value by its validators, then all by the author's rules. What is wrong with a value by
/// itself is not said again by a rule about it.
fn checked(
    described: &Described,
    config: Option<&pb::DynamicValue>,
    write_only: WriteOnly,
    rules: impl FnOnce(Dynamic) -> Diagnostics,
) -> Result<Diagnostics> {
    let config = wire::from_dynamic(config, &described.object_type)?;
    let mut out = Diagnostics::new();
    validate(&described.schema.attributes, &config, write_only, &Path::root(), &mut out);
    let is_said = |rule: &Diagnostic| {
        !rule.path().is_root() && out.iter().any(|said| said.is_error() && said.path().is_within(rule.path()))
    };
    let more: Vec<Diagnostic> = rules(config).into_iter().filter(|rule| !is_said(rule)).collect();
    for rule in more {
        out.push(rule);
    }
    Ok(out)
}

/// What is registered under a name.
fn named<'a, E>(entries: &'a Entries<E>, kind: &str, name: &str) -> Result<&'a Arc<E>> {
    entries.get(name).ok_or_else(|| {
        Diagnostic::error(format!("There is no {kind} {name}"))
            .detail("The provider does not know it. Its version may be too old for this configuration.")
            .into()
    })
}

/// Errors, if there are any, as the diagnostics of an answer.
fn reported(outcome: Result<Diagnostics>) -> Vec<pb::Diagnostic> {
    wire::diagnostics(&outcome.unwrap_or_else(|errors| errors))
}

/// The calls. Each is a method of the same name over plain messages: some answer at once, some after waiting, some with
/// a stream, and those about state stores can refuse.
macro_rules! calls {
    (
        at_once: $($call:ident)*;
        waiting: $($wait:ident)*;
        streaming: $($stream:ident)*;
        refusable: $($refusable:ident)*;
    ) => {
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
            $(
                async fn $stream(
                    &self,
                    request: Request<pb::$stream::Request>,
                ) -> std::result::Result<Response<tonic::codegen::BoxStream<pb::$stream::Event>>, Status> {
                    Ok(Response::new(self.$stream(&request.into_inner())))
                }
            )*
            $(
                async fn $refusable(
                    &self,
                    request: Request<pb::$refusable::Request>,
                ) -> std::result::Result<Response<pb::$refusable::Response>, Status> {
                    self.with_state_stores()?;
                    Ok(Response::new(self.$refusable(request.into_inner()).await))
                }
            )*

            async fn validate_state_store_config(
                &self,
                request: Request<pb::validate_state_store::Request>,
            ) -> std::result::Result<Response<pb::validate_state_store::Response>, Status> {
                self.with_state_stores()?;
                Ok(Response::new(self.validate_state_store_config(&request.into_inner())))
            }

            async fn read_state_bytes(
                &self,
                request: Request<pb::read_state_bytes::Request>,
            ) -> std::result::Result<Response<tonic::codegen::BoxStream<pb::read_state_bytes::Response>>, Status> {
                self.with_state_stores()?;
                Ok(Response::new(self.read_state_bytes(request.into_inner()).await))
            }

            async fn write_state_bytes(
                &self,
                request: Request<tonic::Streaming<pb::write_state_bytes::RequestChunk>>,
            ) -> std::result::Result<Response<pb::write_state_bytes::Response>, Status> {
                self.with_state_stores()?;
                Ok(Response::new(self.write_state_bytes(request.into_inner()).await))
            }
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
        upgrade_resource_identity
        move_resource_state
        generate_resource_config
        validate_data_resource_config
        validate_ephemeral_resource_config
        validate_list_resource_config
        validate_action_config
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
        close_ephemeral_resource
        plan_action;
    streaming:
        list_resource
        invoke_action;
    refusable:
        configure_state_store
        lock_state
        unlock_state
        get_states
        delete_state;
}
