//! Calls about ephemeral resources. What is opened is closed: by Terraform, or by us when Terraform goes away without
//! it, as it does when a plan fails.

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
            Ok((result, Renewal { private, renew_at }, deferred)) => {
                if deferred.is_none() {
                    self.opened().push((request.type_name, private.clone()));
                }
                pb::open_ephemeral_resource::Response {
                    result: Some(result),
                    renew_at: renew_at.map(wire::timestamp),
                    private: Some(private),
                    diagnostics: wire::diagnostics(&diagnostics),
                    deferred: deferred.map(wire::deferred),
                }
            }
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
            self.forget(&request.type_name, request.private());
            let closed = entry.inner.close_opened(&context, request.private()).await;
            diagnostics.extend(context.take_warnings());
            closed
        }
        .await;
        diagnostics.extend(closed.err().into_iter().flatten());
        pb::close_ephemeral_resource::Response { diagnostics: wire::diagnostics(&diagnostics) }
    }

    /// Closes what Terraform has left open. Nobody is told how that went but the log.
    pub(crate) async fn close_left_open(&self) {
        let left = std::mem::take(&mut *self.opened());
        for (type_name, private) in left {
            let request = pb::close_ephemeral_resource::Request { type_name, private: Some(private) };
            let type_name = request.type_name.clone();
            let answer = self.close_ephemeral_resource(request).await;
            let failed = answer.diagnostics.iter().map(|told| told.summary.as_str()).collect::<Vec<_>>().join("; ");
            tracing::info!(resource = type_name, failed, "closed what Terraform had left open");
        }
    }

    /// Terraform closes it itself. It gives what `open` gave, also after a renewal.
    fn forget(&self, type_name: &str, private: &[u8]) {
        let mut opened = self.opened();
        if let Some(index) = opened.iter().position(|(name, given)| name == type_name && given == private) {
            opened.swap_remove(index);
        }
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, Vec<(String, Vec<u8>)>> {
        self.opened.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn ephemeral_resource(&self, name: &str) -> Result<&Entry<dyn AnyEphemeralResource<P::Data>>> {
        named(&self.registry.ephemeral_resources, "ephemeral resource", name).map(AsRef::as_ref)
    }
}
