//! Calls about resources.

use super::{Server, checked, named, reported};
use crate::deferral::DeferralReason;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::erased::{Applied, ApplyRequest, ImportBy, PlanAnswer, PlanRequest, StateRequest};
use crate::json::StateJson;
use crate::path::Path;
use crate::plan::plan;
use crate::proto::tfplugin6 as pb;
use crate::provider::{Provider, ResourceEntry};
use crate::resource::MoveSource;
use crate::validate::WriteOnly;
use crate::value::Dynamic;
use crate::wire;

impl<P: Provider> Server<P> {
    pub(super) fn validate_resource_config(
        &self,
        request: &pb::validate_resource_config::Request,
    ) -> pb::validate_resource_config::Response {
        let validated = || {
            let entry = self.resource(&request.type_name)?;
            let accepts = request.client_capabilities.is_some_and(|client| client.write_only_attributes_allowed);
            let write_only = if accepts { WriteOnly::Accept } else { WriteOnly::Refuse };
            checked(&entry.described, request.config.as_ref(), write_only, |config| entry.inner.validate_config(config))
        };
        pb::validate_resource_config::Response { diagnostics: reported(validated()) }
    }

    pub(super) fn upgrade_resource_state(
        &self,
        request: &pb::upgrade_resource_state::Request,
    ) -> pb::upgrade_resource_state::Response {
        let upgraded = || -> Result<pb::DynamicValue> {
            let entry = self.resource(&request.type_name)?;
            let state = stored(request.raw_state.as_ref())?;
            let upgraded = entry.inner.upgrade_state(&entry.described, request.version, &state)?;
            wire::dynamic(&upgraded, &entry.described.object_type)
        };
        let mut diagnostics = Diagnostics::new();
        let upgraded_state = upgraded().map_err(|errors| diagnostics.extend(errors)).ok();
        pb::upgrade_resource_state::Response { upgraded_state, diagnostics: wire::diagnostics(&diagnostics) }
    }

    pub(super) fn upgrade_resource_identity(
        &self,
        request: &pb::upgrade_resource_identity::Request,
    ) -> pb::upgrade_resource_identity::Response {
        let upgraded = || -> Result<Option<pb::ResourceIdentityData>> {
            let entry = self.resource(&request.type_name)?;
            let identity = stored(request.raw_identity.as_ref())?;
            let upgraded = entry.inner.upgrade_identity_data(request.version, &identity)?;
            write_identity(entry, &upgraded)
        };
        let mut diagnostics = Diagnostics::new();
        let upgraded_identity = upgraded().map_err(|errors| diagnostics.extend(errors)).ok().flatten();
        pb::upgrade_resource_identity::Response { upgraded_identity, diagnostics: wire::diagnostics(&diagnostics) }
    }

    pub(super) fn move_resource_state(
        &self,
        request: &pb::move_resource_state::Request,
    ) -> pb::move_resource_state::Response {
        let moved = || -> Result<(pb::DynamicValue, Option<pb::ResourceIdentityData>)> {
            let entry = self.resource(&request.target_type_name)?;
            let identity = request.source_identity.as_ref().filter(|identity| !identity.json.is_empty());
            let source = MoveSource {
                provider: request.source_provider_address.clone(),
                type_name: request.source_type_name.clone(),
                version: request.source_schema_version,
                state: stored(request.source_state.as_ref())?,
                identity: identity.map(|identity| stored(Some(identity))).transpose()?,
            };
            let state = entry.inner.move_state(&entry.described, &source)?.ok_or_else(|| {
                Diagnostic::error("This move is not possible").detail(format!(
                    "{} does not know how to take over a {} of {}.",
                    request.target_type_name, request.source_type_name, request.source_provider_address
                ))
            })?;
            let identity = write_identity(entry, &entry.inner.identity_of(&state)?)?;
            Ok((wire::dynamic(&state, &entry.described.object_type)?, identity))
        };
        let mut diagnostics = Diagnostics::new();
        let (target_state, target_identity) = moved().map_err(|errors| diagnostics.extend(errors)).ok().unzip();
        pb::move_resource_state::Response {
            target_state,
            diagnostics: wire::diagnostics(&diagnostics),
            target_private: Vec::new(),
            target_identity: target_identity.flatten(),
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
            let described = &*entry.described;
            let identity = read_identity(entry, request.identity.as_ref())?;
            let (context, deferred) = self.deferrable(request.client_capabilities, &Dynamic::Null)?;
            let done = if deferred.is_some() {
                let diagnostics = Diagnostics::new();
                Applied { state: Dynamic::Unknown, private: Vec::new(), deferred, diagnostics }
            } else {
                let by =
                    if identity.is_null() { ImportBy::Id(request.id.clone()) } else { ImportBy::Identity(identity) };
                entry.inner.import_state(described, context, by).await
            };
            diagnostics.extend(done.diagnostics);
            let identity =
                if done.deferred.is_some() { Dynamic::Null } else { entry.inner.identity_of(&done.state)? };
            let imported = ImportedResource {
                type_name: request.type_name.clone(),
                state: Some(wire::dynamic(&done.state, &described.object_type)?),
                private: done.private,
                // What the user gave, while the provider cannot tell more.
                identity: write_identity(entry, &identity)?.or(request.identity.clone()),
            };
            Ok::<_, Diagnostics>((imported, done.deferred))
        }
        .await;
        let imported = imported.map_err(|errors| diagnostics.extend(errors)).ok();
        let (imported, deferred) = imported.filter(|_| !diagnostics.has_errors()).unzip();
        pb::import_resource_state::Response {
            imported_resources: imported.into_iter().collect(),
            diagnostics: wire::diagnostics(&diagnostics),
            deferred: deferred.flatten().map(wire::deferred),
        }
    }

    pub(super) async fn read_resource(&self, request: pb::read_resource::Request) -> pb::read_resource::Response {
        let sent = Sent {
            state: request.current_state.clone(),
            private: request.private.clone(),
            identity: request.current_identity.clone(),
        };
        let done = async {
            let entry = self.resource(&request.type_name)?;
            let state = wire::from_dynamic(request.current_state.as_ref(), &entry.described.object_type)?;
            let (context, deferred) = self.deferrable(request.client_capabilities, &state)?;
            if let Some(reason) = deferred {
                return Ok(Err(reason));
            }
            let context = context.with_meta(self.meta(request.provider_meta.as_ref())?);
            let read = StateRequest { state, private: request.private };
            Ok(Ok((entry, entry.inner.read_state(&entry.described, context, read).await)))
        }
        .await;
        let answer = match done {
            // What waits stays as it is.
            Ok(Err(reason)) => sent.unchanged(&Diagnostics::new(), Some(reason)),
            Ok(Ok((entry, done))) => sent.after(entry, done),
            Err(errors) => sent.unchanged(&errors, None),
        };
        pb::read_resource::Response {
            new_state: answer.state,
            private: answer.private,
            new_identity: answer.identity,
            deferred: answer.deferred.map(wire::deferred),
            diagnostics: answer.diagnostics,
        }
    }

    pub(super) async fn plan_resource_change(
        &self,
        request: pb::plan_resource_change::Request,
    ) -> pb::plan_resource_change::Response {
        let planned = async {
            let entry = self.resource(&request.type_name)?;
            let described = &*entry.described;
            let read = |value: Option<&pb::DynamicValue>| wire::from_dynamic(value, &described.object_type);
            let change = PlanRequest {
                prior: read(request.prior_state.as_ref())?,
                proposed: read(request.proposed_new_state.as_ref())?,
                config: read(request.config.as_ref())?,
                // A client that plans again gives back what the first plan noted.
                private: if request.planned_private.is_empty() {
                    request.prior_private
                } else {
                    request.planned_private
                },
            };
            let (context, deferred) = self.deferrable(request.client_capabilities, &change.config)?;
            let (answer, creates) = if deferred.is_some() {
                let planned = plan(&described.schema.attributes, &change.prior, &change.proposed, &change.config);
                let answer = PlanAnswer {
                    planned: planned.state,
                    requires_replace: planned.requires_replace,
                    private: change.private,
                    deferred,
                    diagnostics: Diagnostics::new(),
                };
                (answer, change.prior.is_null())
            } else {
                let creates = change.prior.is_null();
                let context = context.with_meta(self.meta(request.provider_meta.as_ref())?);
                (entry.inner.plan_change(described, context, change).await, creates)
            };
            let identity = if creates {
                write_identity(entry, &entry.inner.identity_of(&answer.planned)?)?
            } else {
                request.prior_identity
            };
            let state = wire::dynamic(&answer.planned, &described.object_type)?;
            Ok::<_, Diagnostics>((answer, state, identity))
        }
        .await;
        match planned {
            Ok((answer, state, identity)) => pb::plan_resource_change::Response {
                planned_state: Some(state),
                requires_replace: answer.requires_replace.iter().map(wire::path).collect(),
                planned_private: answer.private,
                planned_identity: identity,
                deferred: answer.deferred.map(wire::deferred),
                diagnostics: wire::diagnostics(&answer.diagnostics),
                legacy_type_system: false,
            },
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
        let sent = Sent {
            state: request.prior_state.clone(),
            private: request.planned_private.clone(),
            identity: request.planned_identity.clone(),
        };
        let done = async {
            let entry = self.resource(&request.type_name)?;
            let described = &*entry.described;
            let read = |value: Option<&pb::DynamicValue>| wire::from_dynamic(value, &described.object_type);
            let apply = ApplyRequest {
                prior: read(request.prior_state.as_ref())?,
                planned: read(request.planned_state.as_ref())?,
                config: read(request.config.as_ref())?,
                private: request.planned_private,
            };
            let context = self.context()?.with_meta(self.meta(request.provider_meta.as_ref())?);
            Ok((entry, entry.inner.apply_change(described, context, apply).await))
        }
        .await;
        let answer = match done {
            Ok((entry, done)) => sent.after(entry, done),
            Err(errors) => sent.unchanged(&errors, None),
        };
        pb::apply_resource_change::Response {
            new_state: answer.state,
            private: answer.private,
            new_identity: answer.identity,
            diagnostics: answer.diagnostics,
            legacy_type_system: false,
        }
    }

    pub(super) fn generate_resource_config(
        &self,
        request: &pb::generate_resource_config::Request,
    ) -> pb::generate_resource_config::Response {
        let generated = || -> Result<pb::DynamicValue> {
            let entry = self.resource(&request.type_name)?;
            let state = wire::from_dynamic(request.state.as_ref(), &entry.described.object_type)?;
            wire::dynamic(&entry.inner.config_of(&entry.described, &state)?, &entry.described.object_type)
        };
        let mut diagnostics = Diagnostics::new();
        let config = generated().map_err(|errors| diagnostics.extend(errors)).ok();
        pb::generate_resource_config::Response { config, diagnostics: wire::diagnostics(&diagnostics) }
    }

    fn resource(&self, name: &str) -> Result<&ResourceEntry<P::Data>> {
        named(&self.registry.resources, "resource", name).map(AsRef::as_ref)
    }
}

/// What Terraform sent about an object, which it keeps when there is nothing better to answer.
struct Sent {
    state: Option<pb::DynamicValue>,
    private: Vec<u8>,
    identity: Option<pb::ResourceIdentityData>,
}

/// What is answered about an object.
struct Answer {
    state: Option<pb::DynamicValue>,
    private: Vec<u8>,
    identity: Option<pb::ResourceIdentityData>,
    deferred: Option<DeferralReason>,
    diagnostics: Vec<pb::Diagnostic>,
}

impl Sent {
    fn unchanged(self, diagnostics: &Diagnostics, deferred: Option<DeferralReason>) -> Answer {
        Answer {
            state: self.state,
            private: self.private,
            identity: self.identity,
            deferred,
            diagnostics: wire::diagnostics(diagnostics),
        }
    }

    /// The state after an operation, with its identity.
    fn after<D>(self, entry: &ResourceEntry<D>, done: Applied) -> Answer {
        let mut diagnostics = done.diagnostics;
        let identity = identity_after(entry, self.identity.as_ref(), &done.state);
        let identity = identity.unwrap_or_else(|errors| {
            diagnostics.extend(errors);
            self.identity
        });
        let state = match wire::dynamic(&done.state, &entry.described.object_type) {
            Ok(state) => Some(state),
            Err(errors) => {
                diagnostics.extend(errors);
                self.state
            }
        };
        Answer {
            state,
            private: done.private,
            identity,
            deferred: done.deferred,
            diagnostics: wire::diagnostics(&diagnostics),
        }
    }
}

/// The identity of an object that may have had one before: it can become known, and then does not change, unless it
/// may.
fn identity_after<D>(
    entry: &ResourceEntry<D>,
    sent: Option<&pb::ResourceIdentityData>,
    state: &Dynamic,
) -> Result<Option<pb::ResourceIdentityData>> {
    if entry.identity().is_none() || state.is_null() {
        return Ok(None);
    }
    let now = entry.inner.identity_of(state)?;
    if now.is_null() {
        return Ok(sent.cloned());
    }
    if let (false, Dynamic::Map(before), Dynamic::Map(now)) =
        (entry.identity_changes, &read_identity(entry, sent)?, &now)
    {
        let changed = before.iter().find(|(name, before)| !before.is_null() && now.get(*name) != Some(*before));
        if let Some((name, _)) = changed {
            return Err(Diagnostic::error("The identity has changed")
                .detail(format!(
                    "An identity never changes while its object lives, but its `{name}` is another now. This is a \
                     defect of the provider."
                ))
                .at(Path::root())
                .into());
        }
    }
    write_identity(entry, &now)
}

/// Reads an identity; null when none was sent.
fn read_identity<D>(entry: &ResourceEntry<D>, sent: Option<&pb::ResourceIdentityData>) -> Result<Dynamic> {
    let data = sent.and_then(|sent| sent.identity_data.as_ref());
    match (data, entry.identity()) {
        (None, _) => Ok(Dynamic::Null),
        (Some(data), Some(identity)) => wire::from_dynamic(Some(data), &identity.object_type),
        (Some(_), None) => Err(Diagnostic::error("This resource has no identity")
            .detail("It cannot be named by one. Import it by its id.")
            .into()),
    }
}

/// Writes an identity; nothing when it is null or the resource has none.
fn write_identity<D>(entry: &ResourceEntry<D>, identity: &Dynamic) -> Result<Option<pb::ResourceIdentityData>> {
    let Some(described) = entry.identity().filter(|_| !identity.is_null()) else { return Ok(None) };
    let identity_data = Some(wire::dynamic(identity, &described.object_type)?);
    Ok(Some(pb::ResourceIdentityData { identity_data }))
}

fn stored(raw: Option<&pb::RawState>) -> Result<StateJson> {
    let raw = raw.filter(|raw| !raw.json.is_empty()).ok_or_else(|| {
        Diagnostic::error("Stored state cannot be read").detail("It is in a format older than Terraform 0.12.")
    })?;
    let text = std::str::from_utf8(&raw.json)
        .map_err(|_| Diagnostic::error("Stored state cannot be read").detail("It is not UTF-8."))?;
    Ok(StateJson::new(text))
}
