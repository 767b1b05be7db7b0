//! Calls about ephemeral resources.

use super::{Server, checked, named, reported};
use crate::diagnostic::{Diagnostics, Result};
use crate::erased::{AnyEphemeralResource, Opening, Renewal};
use crate::proto::tfplugin6 as pb;
use crate::provider::{Entry, Provider};
use crate::validate::WriteOnly;
use crate::value::Dynamic;
use crate::wire;

impl<P: Provider> Server<P> {
    pub(super) fn validate_ephemeral_resource_config(
        &self,
        request: &pb::validate_ephemeral_resource_config::Request,
    ) -> pb::validate_ephemeral_resource_config::Response {
        let validated = || {
            let entry = self.ephemeral_resource(&request.type_name)?;
            let rules = |config| entry.inner.validate_config(config);
            checked(&entry.described, request.config.as_ref(), WriteOnly::Accept, rules)
        };
        pb::validate_ephemeral_resource_config::Response { diagnostics: reported(validated()) }
    }

    pub(super) async fn open_ephemeral_resource(
        &self,
        request: pb::open_ephemeral_resource::Request,
    ) -> pb::open_ephemeral_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let opened = async {
            let entry = self.ephemeral_resource(&request.type_name)?;
            let described = &*entry.described;
            let config = wire::from_dynamic(request.config.as_ref(), &described.object_type)?;
            let (context, deferred) = self.deferrable(request.client_capabilities, &config)?;
            if let Some(reason) = deferred {
                let result = wire::dynamic(&Dynamic::Unknown, &described.object_type)?;
                return Ok((result, Renewal { private: Vec::new(), renew_at: None }, Some(reason)));
            }
            let opened = entry.inner.open_config(described, &context, config).await;
            diagnostics.extend(context.take_warnings());
            let Opening { result, renewal } = opened?;
            Ok::<_, Diagnostics>((wire::dynamic(&result, &described.object_type)?, renewal, context.deferred()))
        }
        .await;
        match opened {
            Ok((result, Renewal { private, renew_at }, deferred)) => pb::open_ephemeral_resource::Response {
                result: Some(result),
                renew_at: renew_at.map(wire::timestamp),
                private: Some(private),
                diagnostics: wire::diagnostics(&diagnostics),
                deferred: deferred.map(wire::deferred),
            },
            Err(errors) => {
                diagnostics.extend(errors);
                let diagnostics = wire::diagnostics(&diagnostics);
                pb::open_ephemeral_resource::Response { diagnostics, ..Default::default() }
            }
        }
    }

    pub(super) async fn renew_ephemeral_resource(
        &self,
        request: pb::renew_ephemeral_resource::Request,
    ) -> pb::renew_ephemeral_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let renewed = async {
            let entry = self.ephemeral_resource(&request.type_name)?;
            let context = self.context()?;
            let renewed = entry.inner.renew_opened(&context, request.private()).await;
            diagnostics.extend(context.take_warnings());
            renewed
        }
        .await;
        let renewed = renewed.map_err(|errors| diagnostics.extend(errors)).ok();
        let (private, renew_at) = renewed.map(|Renewal { private, renew_at }| (private, renew_at)).unzip();
        pb::renew_ephemeral_resource::Response {
            renew_at: renew_at.flatten().map(wire::timestamp),
            // A failed renewal changes nothing.
            private: private.or(request.private),
            diagnostics: wire::diagnostics(&diagnostics),
        }
    }

    pub(super) async fn close_ephemeral_resource(
        &self,
        request: pb::close_ephemeral_resource::Request,
    ) -> pb::close_ephemeral_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let closed = async {
            let entry = self.ephemeral_resource(&request.type_name)?;
            let context = self.context()?.uncancelled();
            let closed = entry.inner.close_opened(&context, request.private()).await;
            diagnostics.extend(context.take_warnings());
            closed
        }
        .await;
        diagnostics.extend(closed.err().into_iter().flatten());
        pb::close_ephemeral_resource::Response { diagnostics: wire::diagnostics(&diagnostics) }
    }

    fn ephemeral_resource(&self, name: &str) -> Result<&Entry<dyn AnyEphemeralResource<P::Data>>> {
        named(&self.registry.ephemeral_resources, "ephemeral resource", name).map(AsRef::as_ref)
    }
}
