//! Calls about ephemeral resources.

use super::{Server, absent};
use crate::diagnostic::{Diagnostics, Result};
use crate::erased::{AnyEphemeralResource, Opening, Renewal};
use crate::path::Path;
use crate::proto::tfplugin6 as pb;
use crate::provider::{Entry, Provider};
use crate::validate::{WriteOnly, validate};
use crate::wire;

impl<P: Provider> Server<P> {
    pub(super) fn validate_ephemeral_resource_config(
        &self,
        request: &pb::validate_ephemeral_resource_config::Request,
    ) -> pb::validate_ephemeral_resource_config::Response {
        let validated = || -> Result<Diagnostics> {
            let entry = self.ephemeral_resource(&request.type_name)?;
            let described = entry.described();
            let config = wire::from_dynamic(request.config.as_ref(), &described.object_type)?;
            let mut out = Diagnostics::new();
            validate(&described.schema.attributes, &config, WriteOnly::Accept, &Path::root(), &mut out);
            out.extend(entry.inner.validate_config(config));
            Ok(out)
        };
        let diagnostics = wire::diagnostics(&validated().unwrap_or_else(|errors| errors));
        pb::validate_ephemeral_resource_config::Response { diagnostics }
    }

    pub(super) async fn open_ephemeral_resource(
        &self,
        request: pb::open_ephemeral_resource::Request,
    ) -> pb::open_ephemeral_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let opened = async {
            let entry = self.ephemeral_resource(&request.type_name)?;
            let described = entry.described();
            let config = wire::from_dynamic(request.config.as_ref(), &described.object_type)?;
            let context = self.context()?;
            let opened = entry.inner.open_config(described, &context, config).await;
            diagnostics.extend(context.take_warnings());
            let Opening { result, renewal } = opened?;
            Ok::<_, Diagnostics>((wire::dynamic(&result, &described.object_type)?, renewal))
        }
        .await;
        match opened {
            Ok((result, Renewal { private, renew_at })) => pb::open_ephemeral_resource::Response {
                result: Some(result),
                renew_at: renew_at.map(wire::timestamp),
                private: Some(private),
                diagnostics: wire::diagnostics(&diagnostics),
                deferred: None,
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
        self.registry.ephemeral_resources.get(name).ok_or_else(|| absent("ephemeral resource", name))
    }
}
