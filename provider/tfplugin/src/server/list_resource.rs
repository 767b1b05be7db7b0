//! Calls about list resources. Results are streamed as they are found; a failure is the stream's last event.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;

use super::{Server, checked, named, reported};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::erased::{AnyListResource, ListRequest};
use crate::list_resource::Found;
use crate::proto::tfplugin6 as pb;
use crate::provider::{Entry, Provider, ResourceEntry};
use crate::validate::WriteOnly;
use crate::value::Dynamic;
use crate::wire;

type Event = pb::list_resource::Event;

/// How many results wait for Terraform to take them.
const AHEAD: usize = 16;

impl<P: Provider> Server<P> {
    pub(super) fn validate_list_resource_config(
        &self,
        request: &pb::validate_list_resource_config::Request,
    ) -> pb::validate_list_resource_config::Response {
        let validated = || {
            let entry = named(&self.registry.list_resources, "list resource", &request.type_name)?;
            let rules = |config| entry.inner.validate_config(config);
            checked(&entry.described, request.config.as_ref(), WriteOnly::Accept, rules)
        };
        pb::validate_list_resource_config::Response { diagnostics: reported(validated()) }
    }

    pub(super) fn list_resource(&self, request: &pb::list_resource::Request) -> BoxStream<Event> {
        let (events, received) = mpsc::channel(AHEAD);
        match self.listing(request) {
            Ok(listing) => drop(tokio::spawn(listing.run(events))),
            Err(errors) => {
                // The channel is empty, so there is room.
                let _ = events.try_send(failed(&errors));
            }
        }
        ReceiverStream::new(received).map(Ok).boxed()
    }

    fn listing(&self, request: &pb::list_resource::Request) -> Result<Listing<P::Data>> {
        let list = named(&self.registry.list_resources, "list resource", &request.type_name)?;
        let resource = named(&self.registry.resources, "resource", &request.type_name)?;
        Ok(Listing {
            list: Arc::clone(list),
            resource: Arc::clone(resource),
            context: self.context()?,
            config: wire::from_dynamic(request.config.as_ref(), &list.described.object_type)?,
            wants_resource: request.include_resource_object,
            limit: request.limit,
        })
    }
}

/// A listing that is under way.
struct Listing<D> {
    list: Arc<Entry<dyn AnyListResource<D>>>,
    resource: Arc<ResourceEntry<D>>,
    context: Context<D>,
    config: Dynamic,
    wants_resource: bool,
    limit: i64,
}

impl<D: Send + Sync + 'static> Listing<D> {
    /// Sends every result, and what went wrong at the end. Nobody listening any more ends it.
    async fn run(self, events: mpsc::Sender<Event>) {
        let (results, mut found) = mpsc::channel(1);
        let Self { list, resource, context, config, wants_resource, limit } = self;
        let listing = ListRequest { config, wants_resource, limit, results };
        let pass_on = async {
            while let Some(one) = found.recv().await {
                let event = event(&resource, one).unwrap_or_else(|errors| failed(&errors));
                if events.send(event).await.is_err() {
                    // Closing tells the author's code that it is enough.
                    found.close();
                }
            }
        };
        let (listed, ()) = tokio::join!(list.inner.list_all(&context, listing), pass_on);
        let mut diagnostics = context.take_warnings();
        diagnostics.extend(listed.err().into_iter().flatten());
        if !diagnostics.is_empty() {
            let _ = events.send(failed(&diagnostics)).await;
        }
    }
}

fn event<D>(resource: &ResourceEntry<D>, found: Found) -> Result<Event> {
    let described = resource.identity().ok_or_else(|| {
        Diagnostic::error("The resource has no identity")
            .detail("What is listed is named by its identity. This is a defect of the provider.")
    })?;
    let identity = wire::dynamic(&found.identity, &described.object_type)?;
    let object = found.resource.map(|object| wire::dynamic(&object, &resource.described.object_type));
    Ok(Event {
        identity: Some(pb::ResourceIdentityData { identity_data: Some(identity) }),
        display_name: found.display_name,
        resource_object: object.transpose()?,
        diagnostic: Vec::new(),
    })
}

/// An event that only tells something.
fn failed(diagnostics: &Diagnostics) -> Event {
    Event { diagnostic: wire::diagnostics(diagnostics), ..Event::default() }
}
