//! Calls about resources.

use super::{Server, absent};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::erased::{AnyResource, Applied, ApplyRequest, PlanAnswer, PlanRequest};
use crate::json::StateJson;
use crate::path::Path;
use crate::proto::tfplugin6 as pb;
use crate::provider::{Entry, Provider};
use crate::resource::MoveSource;
use crate::validate::{WriteOnly, validate};
use crate::value::Type;
use crate::wire;

impl<P: Provider> Server<P> {
    pub(super) fn validate_resource_config(
        &self,
        request: &pb::validate_resource_config::Request,
    ) -> pb::validate_resource_config::Response {
        let validated = || -> Result<Diagnostics> {
            let entry = self.resource(&request.type_name)?;
            let described = entry.described();
            let config = wire::from_dynamic(request.config.as_ref(), &described.object_type)?;
            let accepts = request.client_capabilities.is_some_and(|client| client.write_only_attributes_allowed);
            let write_only = if accepts { WriteOnly::Accept } else { WriteOnly::Refuse };
            let mut out = Diagnostics::new();
            validate(&described.schema.attributes, &config, write_only, &Path::root(), &mut out);
            out.extend(entry.inner.validate_config(config));
            Ok(out)
        };
        let diagnostics = wire::diagnostics(&validated().unwrap_or_else(|errors| errors));
        pb::validate_resource_config::Response { diagnostics }
    }

    pub(super) fn upgrade_resource_state(
        &self,
        request: &pb::upgrade_resource_state::Request,
    ) -> pb::upgrade_resource_state::Response {
        let upgraded = || -> Result<pb::DynamicValue> {
            let entry = self.resource(&request.type_name)?;
            let described = entry.described();
            let state = stored(request.raw_state.as_ref())?;
            let upgraded = entry.inner.upgrade_state(described, request.version, &state)?;
            wire::dynamic(&upgraded, &described.object_type)
        };
        let mut diagnostics = Diagnostics::new();
        let upgraded_state = upgraded().map_err(|errors| diagnostics.extend(errors)).ok();
        pb::upgrade_resource_state::Response { upgraded_state, diagnostics: wire::diagnostics(&diagnostics) }
    }

    pub(super) fn move_resource_state(
        &self,
        request: &pb::move_resource_state::Request,
    ) -> pb::move_resource_state::Response {
        let moved = || -> Result<pb::DynamicValue> {
            let entry = self.resource(&request.target_type_name)?;
            let described = entry.described();
            let source = MoveSource {
                provider: request.source_provider_address.clone(),
                type_name: request.source_type_name.clone(),
                version: request.source_schema_version,
                state: stored(request.source_state.as_ref())?,
            };
            match entry.inner.move_state(described, &source)? {
                Some(state) => wire::dynamic(&state, &described.object_type),
                None => Err(Diagnostic::error("This move is not possible")
                    .detail(format!(
                        "{} does not know how to take over a {} of {}.",
                        request.target_type_name, request.source_type_name, request.source_provider_address
                    ))
                    .into()),
            }
        };
        let mut diagnostics = Diagnostics::new();
        let target_state = moved().map_err(|errors| diagnostics.extend(errors)).ok();
        pb::move_resource_state::Response {
            target_state,
            diagnostics: wire::diagnostics(&diagnostics),
            ..pb::move_resource_state::Response::default()
        }
    }

    pub(super) async fn import_resource_state(
        &self,
        request: pb::import_resource_state::Request,
    ) -> pb::import_resource_state::Response {
        use pb::import_resource_state::ImportedResource;
        let mut diagnostics = Diagnostics::new();
        let imported = async {
            let entry = self.resource(&request.type_name)?;
            let described = entry.described();
            let done = entry.inner.import_state(described, self.context()?, &request.id).await;
            diagnostics.extend(done.diagnostics);
            Ok::<_, Diagnostics>(ImportedResource {
                type_name: request.type_name.clone(),
                state: Some(wire::dynamic(&done.state, &described.object_type)?),
                private: done.private,
                identity: None,
            })
        }
        .await;
        let imported = imported.map_err(|errors| diagnostics.extend(errors)).ok();
        let imported = imported.filter(|_| !diagnostics.has_errors());
        pb::import_resource_state::Response {
            imported_resources: imported.into_iter().collect(),
            diagnostics: wire::diagnostics(&diagnostics),
            deferred: None,
        }
    }

    pub(super) async fn read_resource(&self, request: pb::read_resource::Request) -> pb::read_resource::Response {
        let done = async {
            let entry = self.resource(&request.type_name)?;
            let described = entry.described();
            let state = wire::from_dynamic(request.current_state.as_ref(), &described.object_type)?;
            let done = entry.inner.read_state(described, self.context()?, state, request.private.clone()).await;
            Ok((done, &described.object_type))
        }
        .await;
        // When nothing could be read, Terraform keeps what it sent.
        let sent = (request.current_state.clone(), request.private.clone());
        let (new_state, private, diagnostics) = answer(done, sent);
        pb::read_resource::Response {
            new_state,
            private,
            diagnostics: wire::diagnostics(&diagnostics),
            ..pb::read_resource::Response::default()
        }
    }

    pub(super) async fn plan_resource_change(
        &self,
        request: pb::plan_resource_change::Request,
    ) -> pb::plan_resource_change::Response {
        let planned = async {
            let entry = self.resource(&request.type_name)?;
            let described = entry.described();
            let read = |value: Option<&pb::DynamicValue>| wire::from_dynamic(value, &described.object_type);
            let plan = PlanRequest {
                prior: read(request.prior_state.as_ref())?,
                proposed: read(request.proposed_new_state.as_ref())?,
                config: read(request.config.as_ref())?,
                private: request.prior_private.clone(),
            };
            let answer = entry.inner.plan_change(described, self.context()?, plan).await;
            let state = wire::dynamic(&answer.planned, &described.object_type)?;
            Ok::<_, Diagnostics>((answer, state))
        }
        .await;
        match planned {
            Ok((PlanAnswer { requires_replace, private, diagnostics, .. }, state)) => {
                pb::plan_resource_change::Response {
                    planned_state: Some(state),
                    requires_replace: requires_replace.iter().map(wire::path).collect(),
                    planned_private: private,
                    diagnostics: wire::diagnostics(&diagnostics),
                    ..pb::plan_resource_change::Response::default()
                }
            }
            Err(errors) => pb::plan_resource_change::Response {
                diagnostics: wire::diagnostics(&errors),
                ..pb::plan_resource_change::Response::default()
            },
        }
    }

    pub(super) async fn apply_resource_change(
        &self,
        request: pb::apply_resource_change::Request,
    ) -> pb::apply_resource_change::Response {
        let done = async {
            let entry = self.resource(&request.type_name)?;
            let described = entry.described();
            let read = |value: Option<&pb::DynamicValue>| wire::from_dynamic(value, &described.object_type);
            let apply = ApplyRequest {
                prior: read(request.prior_state.as_ref())?,
                planned: read(request.planned_state.as_ref())?,
                config: read(request.config.as_ref())?,
                private: request.planned_private.clone(),
            };
            let done = entry.inner.apply_change(described, self.context()?, apply).await;
            Ok((done, &described.object_type))
        }
        .await;
        let sent = (request.prior_state.clone(), request.planned_private.clone());
        let (new_state, private, diagnostics) = answer(done, sent);
        pb::apply_resource_change::Response {
            new_state,
            private,
            diagnostics: wire::diagnostics(&diagnostics),
            ..pb::apply_resource_change::Response::default()
        }
    }

    fn resource(&self, name: &str) -> Result<&Entry<dyn AnyResource<P::Data>>> {
        self.registry.resources.get(name).ok_or_else(|| absent("resource", name))
    }
}

/// The state and private state to answer with; what was sent, when there is no other.
fn answer(
    done: Result<(Applied, &Type)>,
    sent: (Option<pb::DynamicValue>, Vec<u8>),
) -> (Option<pb::DynamicValue>, Vec<u8>, Diagnostics) {
    let (done, wanted) = match done {
        Ok(done) => done,
        Err(errors) => return (sent.0, sent.1, errors),
    };
    let mut diagnostics = done.diagnostics;
    match wire::dynamic(&done.state, wanted) {
        Ok(state) => (Some(state), done.private, diagnostics),
        Err(errors) => {
            diagnostics.extend(errors);
            (sent.0, done.private, diagnostics)
        }
    }
}

fn stored(raw: Option<&pb::RawState>) -> Result<StateJson> {
    let raw = raw.filter(|raw| !raw.json.is_empty()).ok_or_else(|| {
        Diagnostic::error("Stored state cannot be read").detail("It is in a format older than Terraform 0.12.")
    })?;
    let text = std::str::from_utf8(&raw.json)
        .map_err(|_| Diagnostic::error("Stored state cannot be read").detail("It is not UTF-8."))?;
    Ok(StateJson::new(text))
}
