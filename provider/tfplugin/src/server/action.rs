//! Calls about actions. What was invoked runs to its end, whether or not its progress is read.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::codegen::BoxStream;

use super::{Server, checked, named, reported};
use crate::action::ActionContext;
use crate::diagnostic::{Diagnostics, Result};
use crate::proto::tfplugin6 as pb;
use crate::proto::tfplugin6::invoke_action::Event;
use crate::proto::tfplugin6::invoke_action::event::{Completed, Progress, Type};
use crate::provider::Provider;
use crate::validate::WriteOnly;
use crate::wire;

impl<P: Provider> Server<P> {
    pub(super) fn validate_action_config(
        &self,
        request: &pb::validate_action_config::Request,
    ) -> pb::validate_action_config::Response {
        let validated = || {
            let entry = named(&self.registry.actions, "action", &request.type_name)?;
            let rules = |config| entry.inner.validate_config(config);
            checked(&entry.described, request.config.as_ref(), WriteOnly::Accept, rules)
        };
        pb::validate_action_config::Response { diagnostics: reported(validated()) }
    }

    pub(super) async fn plan_action(&self, request: pb::plan_action::Request) -> pb::plan_action::Response {
        let mut diagnostics = Diagnostics::new();
        let planned = async {
            let entry = named(&self.registry.actions, "action", &request.action_type)?;
            let config = wire::from_dynamic(request.config.as_ref(), &entry.described.object_type)?;
            let (context, deferred) = self.deferrable(request.client_capabilities, &config)?;
            if deferred.is_some() {
                return Ok(deferred);
            }
            let planned = entry.inner.plan_config(&context, config).await;
            diagnostics.extend(context.take_warnings());
            planned.map(|()| context.deferred())
        }
        .await;
        let deferred = planned.unwrap_or_else(|errors: Diagnostics| {
            diagnostics.extend(errors);
            None
        });
        pb::plan_action::Response {
            diagnostics: wire::diagnostics(&diagnostics),
            deferred: deferred.map(wire::deferred),
        }
    }

    pub(super) fn invoke_action(&self, request: &pb::invoke_action::Request) -> BoxStream<Event> {
        let (progress, told) = mpsc::unbounded_channel();
        let (events, received) = mpsc::unbounded_channel();
        let begun = || -> Result<_> {
            let entry = named(&self.registry.actions, "action", &request.action_type)?;
            let config = wire::from_dynamic(request.config.as_ref(), &entry.described.object_type)?;
            Ok((Arc::clone(entry), ActionContext::new(self.context()?, progress), config))
        };
        match begun() {
            Ok((entry, context, config)) => {
                tokio::spawn(async move {
                    let messages = UnboundedReceiverStream::new(told).for_each(|message| {
                        // Nobody listening does not keep the action from going on.
                        let _ = events.send(event(Type::Progress(Progress { message })));
                        futures::future::ready(())
                    });
                    let invoked = async {
                        let invoked = entry.inner.invoke_config(&context, config).await;
                        let mut diagnostics = context.take_warnings();
                        diagnostics.extend(invoked.err().into_iter().flatten());
                        // Ends the messages.
                        drop(context);
                        diagnostics
                    };
                    let (diagnostics, ()) = tokio::join!(invoked, messages);
                    let _ = events.send(completed(&diagnostics));
                });
            }
            Err(errors) => {
                let _ = events.send(completed(&errors));
            }
        }
        UnboundedReceiverStream::new(received).map(Ok).boxed()
    }
}

fn event(what: Type) -> Event {
    Event { r#type: Some(what) }
}

fn completed(diagnostics: &Diagnostics) -> Event {
    event(Type::Completed(Completed { diagnostics: wire::diagnostics(diagnostics) }))
}
