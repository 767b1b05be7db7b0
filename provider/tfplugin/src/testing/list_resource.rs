//! Lists, asked as `terraform query` asks.

use futures::StreamExt;
use serde_json::Value as Json;

use super::Core;
use super::call::{ask, refused, told};
use super::literal::{Configuration, configured, shown};
use crate::diagnostic::{Diagnostic, Result};
use crate::proto::tfplugin6 as pb;
use crate::proto::tfplugin6::provider_server::Provider as _;
use crate::provider::Provider;
use crate::wire;

/// Something that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// What people call it.
    pub display_name: String,
    /// What identifies it.
    pub identity: Json,
    /// The whole object.
    pub resource: Json,
}

impl<P: Provider> Core<P> {
    /// Validates the configuration of a list and finds at most `limit` objects, all of them for zero, whole.
    pub async fn list(&self, type_name: &str, config: &impl Configuration, limit: i64) -> Result<Vec<Listed>> {
        let schemas = self.schemas().await?;
        let schema = schemas.list_resource(type_name)?;
        let resource = schemas.resource(type_name)?;
        let identity = resource.identity.as_ref().ok_or_else(|| {
            Diagnostic::error("Terraform would not load this list").detail("What it finds has no identity.")
        })?;
        let config = Some(wire::dynamic(&configured(config, &schema)?, &schema.object_type)?);
        for server in [self.unconfigured(), self.configured()] {
            let request = pb::validate_list_resource_config::Request {
                type_name: type_name.to_owned(),
                config: config.clone(),
                ..Default::default()
            };
            let answer =
                ask("ValidateListResourceConfig", request, |request| server.validate_list_resource_config(request));
            self.heard(told(&answer.await?.diagnostics))?;
        }
        let request = pb::list_resource::Request {
            type_name: type_name.to_owned(),
            config,
            include_resource_object: true,
            limit,
        };
        let server = self.configured();
        let refused = |status| refused("ListResource", &status);
        let mut events = server.list_resource(tonic::Request::new(request)).await.map_err(refused)?.into_inner();
        let mut found = Vec::new();
        while let Some(event) = events.next().await {
            let event = event.map_err(refused)?;
            self.heard(told(&event.diagnostic))?;
            let Some(named) = event.identity else { continue };
            found.push(Listed {
                display_name: event.display_name,
                identity: shown(&wire::from_dynamic(named.identity_data.as_ref(), &identity.object_type)?),
                resource: shown(&wire::from_dynamic(event.resource_object.as_ref(), &resource.schema.object_type)?),
            });
        }
        if usize::try_from(limit).is_ok_and(|limit| limit > 0 && found.len() > limit) {
            return Err(Diagnostic::error("More was found than was asked for").into());
        }
        Ok(found)
    }
}
