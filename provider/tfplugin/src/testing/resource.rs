//! A resource of a configuration, driven through its life as Terraform does it.

use std::sync::Arc;

use serde_json::Value as Json;

use super::call::{ask, path, told};
use super::identity::ResourceSchema;
use super::literal::{Configuration, configured, sent, shown};
use super::proposed::proposed;
use super::rules::{later_repeats_earlier, plan_is_valid, state_is_storable};
use super::stored::{self, Record};
use super::{Core, capabilities};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::path::Path;
use crate::proto::tfplugin6 as pb;
use crate::proto::tfplugin6::provider_server::Provider as _;
use crate::provider::Provider;
use crate::schema::{Field, Model};
use crate::server::Server;
use crate::value::Dynamic;
use crate::wire;

/// What a plan would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// Make it.
    Create,
    /// Change it.
    Update,
    /// Destroy it and make it anew.
    Replace,
    /// Destroy it.
    Delete,
}

/// What the provider planned, with all that applying it needs.
#[derive(Debug)]
pub struct Plan {
    /// What would be done.
    pub action: Action,
    /// The changed attributes that need a new resource.
    pub requires_replace: Vec<Path>,
    prior: Held,
    change: Change,
}

impl Plan {
    /// The planned state, [`unknown`](super::unknown) where apply will tell; null when it is to be destroyed.
    pub fn planned(&self) -> Json {
        shown(&self.change.planned)
    }

    /// The planned state as a model.
    pub fn model<M: Model>(&self) -> Result<M> {
        Ok(M::decode(self.change.planned.clone(), &Path::root())?)
    }
}

/// A state with all that goes with it.
#[derive(Debug, Clone)]
struct Held {
    state: Dynamic,
    private: Vec<u8>,
    identity: Dynamic,
    tainted: bool,
}

impl Held {
    fn nothing() -> Self {
        Self { state: Dynamic::Null, private: Vec::new(), identity: Dynamic::Null, tainted: false }
    }
}

/// One answered plan.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    planned: Dynamic,
    requires_replace: Vec<Path>,
    private: Vec<u8>,
    identity: Dynamic,
}

/// One resource of a configuration, and the record that Terraform keeps of it. Made by [`Core::resource`].
pub struct Instance<'a, P: Provider> {
    core: &'a Core<P>,
    type_name: String,
    record: Option<String>,
}

impl<'a, P: Provider> Instance<'a, P> {
    pub(super) fn new(core: &'a Core<P>, type_name: &str) -> Self {
        Self { core, type_name: type_name.to_owned(), record: None }
    }

    /// What Terraform would do for this configuration. Refreshes first and stores nothing.
    pub async fn plan(&self, config: &impl Configuration) -> Result<Plan> {
        let schema = self.schema().await?;
        let config = configured(config, &schema.schema)?;
        self.validate(&self.core.unconfigured(), &config).await?;
        let prior = self.refreshed().await?;
        self.validate(&self.core.configured(), &config).await?;
        self.decide(prior, &config).await
    }

    /// What Terraform would do when the resource leaves the configuration.
    pub async fn plan_destroy(&self) -> Result<Plan> {
        let prior = self.refreshed().await?;
        self.decide(prior, &Dynamic::Null).await
    }

    /// Plans and applies a configuration, then sees that nothing is left to do.
    pub async fn apply(&mut self, config: &impl Configuration) -> Result<Action> {
        let plan = self.plan(config).await?;
        let action = plan.action;
        self.apply_plan(plan, config).await?;
        let again = self.plan(config).await?;
        if again.action == Action::NoOp {
            return Ok(action);
        }
        let schema = self.schema().await?;
        let summary = "The plan after apply is not empty";
        let found = later_repeats_earlier(&schema.schema, &again.prior.state, &again.change.planned, summary);
        let unnamed = || Diagnostic::error(summary).detail(format!("It would {:?} the resource.", again.action)).into();
        Err(if found.is_empty() { unnamed() } else { found })
    }

    /// Applies a plan with the configuration as it has become, everything known. Whatever the outcome, what the
    /// provider says there is now is stored.
    pub async fn apply_plan(&mut self, plan: Plan, config: &impl Configuration) -> Result<()> {
        let schema = self.schema().await?;
        let gone = self.nothing_planned(&plan.prior);
        match plan.action {
            Action::NoOp => self.store(&schema, &plan.prior),
            Action::Delete => self.change(&plan.prior, &plan.change, &Dynamic::Null).await,
            Action::Create => self.finish(Held::nothing(), &plan, config).await,
            Action::Update => self.finish(plan.prior.clone(), &plan, config).await,
            Action::Replace => {
                self.change(&plan.prior, &gone, &Dynamic::Null).await?;
                self.finish(Held::nothing(), &plan, config).await
            }
        }
    }

    /// Looks at what there is and stores it.
    pub async fn refresh(&mut self) -> Result<()> {
        let held = self.refreshed().await?;
        self.store(&*self.schema().await?, &held)
    }

    /// Takes over something that exists, by its identifier.
    pub async fn import(&mut self, id: &str) -> Result<()> {
        self.take_over(id, None).await
    }

    /// Takes over something that exists, by its identity.
    pub async fn import_by_identity(&mut self, identity: &impl Configuration) -> Result<()> {
        let schema = self.schema().await?;
        let wanted = schema.identity.as_ref();
        let wanted = wanted.ok_or_else(|| Diagnostic::error(format!("{} has no identity", self.type_name)))?;
        let identity = wanted.message(&sent(identity.to_value(), &wanted.object_type)?)?;
        self.take_over("its identity", Some(identity)).await
    }

    async fn take_over(&mut self, id: &str, identity: Option<pb::ResourceIdentityData>) -> Result<()> {
        let schema = self.schema().await?;
        let server = self.core.configured();
        let request = pb::import_resource_state::Request {
            type_name: self.type_name.clone(),
            id: if identity.is_none() { id.to_owned() } else { String::new() },
            client_capabilities: Some(capabilities()),
            identity,
        };
        let answer = ask("ImportResourceState", request, |request| server.import_resource_state(request)).await?;
        self.core.heard(told(&answer.diagnostics))?;
        let imported = answer.imported_resources.into_iter().find(|imported| imported.type_name == self.type_name);
        let imported = imported.ok_or_else(|| Diagnostic::error("Nothing was imported").detail(format!("`{id}`")))?;
        let state = wire::from_dynamic(imported.state.as_ref(), &schema.schema.object_type)?;
        self.core.heard(state_is_storable(&schema.schema, &state, "import"))?;
        let identity = received(&schema, &Dynamic::Null, imported.identity.as_ref(), "ImportResourceState")?;
        let held = Held { state, private: imported.private, identity, tainted: false };
        let held = self.read(held).await?;
        if held.state.is_null() {
            return Err(Diagnostic::error("Cannot import what does not exist").detail(format!("`{id}`")).into());
        }
        self.store(&schema, &held)
    }

    /// Takes over the state of another resource type, as a `moved` block does.
    pub async fn move_from(&mut self, provider: &str, type_name: &str, version: i64, state: &Json) -> Result<()> {
        let schema = self.schema().await?;
        let server = self.core.configured();
        let request = pb::move_resource_state::Request {
            source_provider_address: provider.to_owned(),
            source_type_name: type_name.to_owned(),
            source_schema_version: version,
            source_state: Some(pb::RawState { json: state.to_string().into_bytes(), ..Default::default() }),
            target_type_name: self.type_name.clone(),
            ..Default::default()
        };
        let answer = ask("MoveResourceState", request, |request| server.move_resource_state(request)).await?;
        self.core.heard(told(&answer.diagnostics))?;
        let state = wire::from_dynamic(answer.target_state.as_ref(), &schema.schema.object_type)?;
        self.core.heard(state_is_storable(&schema.schema, &state, "move"))?;
        let identity = received(&schema, &Dynamic::Null, answer.target_identity.as_ref(), "MoveResourceState")?;
        self.store(&schema, &Held { state, private: answer.target_private, identity, tainted: false })
    }

    /// Plans its destruction and destroys it.
    pub async fn destroy(&mut self) -> Result<()> {
        let plan = self.plan_destroy().await?;
        self.apply_plan(plan, &Dynamic::Null).await
    }

    /// The stored attributes, as they stand in a state file; null when there is nothing. Numbers that a JSON value
    /// cannot hold are rounded: [`model`](Self::model) has them whole.
    pub fn state(&self) -> Json {
        let record = self.record.as_deref().and_then(|text| Record::from_text(text).ok());
        record.map_or(Json::Null, |record| serde_json::from_str(record.attributes.get()).unwrap_or_default())
    }

    /// The stored state as a model, for a version of the state that has its form.
    pub fn model<M: Model>(&self) -> Result<M> {
        match &self.record {
            Some(text) => crate::StateJson::new(Record::from_text(text)?.attributes.get()).fit(),
            None => Err(Diagnostic::error("There is no state").into()),
        }
    }

    /// Puts a state there as an older version of the provider left it.
    pub fn set_state(&mut self, version: i64, attributes: &Json) -> Result<()> {
        let attributes = serde_json::value::to_raw_value(attributes)
            .map_err(|error| Diagnostic::error("The state has no JSON form").detail(error.to_string()))?;
        self.record = Some(Record::new(version, attributes, &[]).to_text()?);
        Ok(())
    }

    /// Whether creating failed half-way, so that the next plan replaces it.
    pub fn is_tainted(&self) -> bool {
        let record = self.record.as_deref().and_then(|text| Record::from_text(text).ok());
        record.is_some_and(|record| record.tainted)
    }

    async fn schema(&self) -> Result<Arc<ResourceSchema>> {
        self.core.schemas().await?.resource(&self.type_name)
    }

    async fn validate(&self, server: &Server<P>, config: &Dynamic) -> Result<()> {
        let schema = self.schema().await?;
        let request = pb::validate_resource_config::Request {
            type_name: self.type_name.clone(),
            config: Some(wire::dynamic(config, &schema.schema.object_type)?),
            client_capabilities: Some(capabilities()),
        };
        let answer = ask("ValidateResourceConfig", request, |request| server.validate_resource_config(request)).await?;
        self.core.heard(told(&answer.diagnostics))
    }

    /// The stored record brought to the current schema.
    async fn upgraded(&self) -> Result<Held> {
        let Some(text) = &self.record else { return Ok(Held::nothing()) };
        let record = Record::from_text(text)?;
        let schema = self.schema().await?;
        if record.schema_version > schema.schema.version {
            return Err(Diagnostic::error("The state is newer than the schema")
                .detail(format!("It has version {}, the schema {}.", record.schema_version, schema.schema.version))
                .into());
        }
        let server = self.core.configured();
        let request = pb::upgrade_resource_state::Request {
            type_name: self.type_name.clone(),
            version: record.schema_version,
            raw_state: Some(raw(record.attributes.get())),
        };
        let answer = ask("UpgradeResourceState", request, |request| server.upgrade_resource_state(request)).await?;
        self.core.heard(told(&answer.diagnostics))?;
        let state = wire::from_dynamic(answer.upgraded_state.as_ref(), &schema.schema.object_type)?;
        self.core.heard(state_is_storable(&schema.schema, &state, "upgrade"))?;
        let mut identity = Dynamic::Null;
        if let (Some(stored), Some(of)) = (&record.identity, &schema.identity) {
            let request = pb::upgrade_resource_identity::Request {
                type_name: self.type_name.clone(),
                version: record.identity_schema_version,
                raw_identity: Some(raw(stored.get())),
            };
            let answer =
                ask("UpgradeResourceIdentity", request, |request| server.upgrade_resource_identity(request)).await?;
            self.core.heard(told(&answer.diagnostics))?;
            identity = of.received(&identity, answer.upgraded_identity.as_ref(), "UpgradeResourceIdentity")?;
        }
        Ok(Held { state, private: record.private()?, identity, tainted: record.tainted })
    }

    async fn refreshed(&self) -> Result<Held> {
        let held = self.upgraded().await?;
        if held.state.is_null() { Ok(held) } else { self.read(held).await }
    }

    async fn read(&self, held: Held) -> Result<Held> {
        let schema = self.schema().await?;
        let server = self.core.configured();
        let request = pb::read_resource::Request {
            type_name: self.type_name.clone(),
            current_state: Some(wire::dynamic(&held.state, &schema.schema.object_type)?),
            private: held.private,
            client_capabilities: Some(capabilities()),
            current_identity: message(&schema, &held.identity)?,
            ..Default::default()
        };
        let answer = ask("ReadResource", request, |request| server.read_resource(request)).await?;
        self.core.heard(told(&answer.diagnostics))?;
        let state = wire::from_dynamic(answer.new_state.as_ref(), &schema.schema.object_type)?;
        self.core.heard(state_is_storable(&schema.schema, &state, "reading"))?;
        let identity = received(&schema, &held.identity, answer.new_identity.as_ref(), "ReadResource")?;
        Ok(Held { state, private: answer.private, identity, tainted: held.tainted })
    }

    /// Plans, and plans again without a prior state when the resource must be replaced.
    async fn decide(&self, prior: Held, config: &Dynamic) -> Result<Plan> {
        let exists = !prior.state.is_null();
        if exists && prior.tainted && !config.is_null() {
            let change = self.planned(&Held::nothing(), config).await?;
            return Ok(Plan { action: Action::Replace, requires_replace: Vec::new(), prior, change });
        }
        let change = self.planned(&prior, config).await?;
        let replacing: Vec<Path> = change
            .requires_replace
            .iter()
            .filter(|path| at(&prior.state, path) != at(&change.planned, path))
            .cloned()
            .collect();
        let action = match () {
            () if change.planned == prior.state => Action::NoOp,
            () if config.is_null() => Action::Delete,
            () if !exists => Action::Create,
            () if replacing.is_empty() => Action::Update,
            () => Action::Replace,
        };
        let change = match action {
            Action::Replace => self.planned(&Held::nothing(), config).await?,
            _ => change,
        };
        Ok(Plan { action, requires_replace: replacing, prior, change })
    }

    /// One plan, made twice: the same question has the same answer.
    async fn planned(&self, prior: &Held, config: &Dynamic) -> Result<Change> {
        if prior.state.is_null() && config.is_null() {
            return Ok(self.nothing_planned(prior));
        }
        let schema = self.schema().await?;
        let (first, told) = self.ask_plan(&schema, prior, config).await?;
        self.core.heard(told)?;
        self.core.heard(plan_is_valid(&schema.schema, &prior.state, config, &first.planned))?;
        for path in &first.requires_replace {
            if !exists(&schema.schema.object_type, path) {
                return Err(Diagnostic::error("Provider produced an invalid plan")
                    .detail("It requires replacement for an attribute that does not exist.")
                    .at(path.clone())
                    .into());
            }
        }
        let (second, _) = self.ask_plan(&schema, prior, config).await?;
        if first == second {
            return Ok(first);
        }
        let summary = "Provider planned differently when asked again";
        let mut differences = later_repeats_earlier(&schema.schema, &first.planned, &second.planned, summary);
        if differences.is_empty() {
            differences.push(Diagnostic::error(summary).detail("Planning has no clock and no chance."));
        }
        Err(differences)
    }

    async fn ask_plan(&self, schema: &ResourceSchema, prior: &Held, config: &Dynamic) -> Result<(Change, Diagnostics)> {
        let object_type = &schema.schema.object_type;
        let server = self.core.configured();
        let request = pb::plan_resource_change::Request {
            type_name: self.type_name.clone(),
            prior_state: Some(wire::dynamic(&prior.state, object_type)?),
            proposed_new_state: Some(wire::dynamic(
                &proposed(&schema.schema.attributes, &prior.state, config),
                object_type,
            )?),
            config: Some(wire::dynamic(config, object_type)?),
            prior_private: prior.private.clone(),
            client_capabilities: Some(capabilities()),
            prior_identity: message(schema, &prior.identity)?,
            ..Default::default()
        };
        let answer = ask("PlanResourceChange", request, |request| server.plan_resource_change(request)).await?;
        let told = told(&answer.diagnostics);
        if told.has_errors() {
            return Err(told);
        }
        let change = Change {
            planned: wire::from_dynamic(answer.planned_state.as_ref(), object_type)?,
            requires_replace: answer.requires_replace.iter().map(path).collect(),
            private: answer.planned_private,
            identity: received(schema, &prior.identity, answer.planned_identity.as_ref(), "PlanResourceChange")?,
        };
        Ok((change, told))
    }

    /// The plan of a destruction that nobody is asked about: the half of a replacement.
    #[expect(clippy::unused_self, reason = "it is one of the plans of this resource")]
    fn nothing_planned(&self, prior: &Held) -> Change {
        Change {
            planned: Dynamic::Null,
            requires_replace: Vec::new(),
            private: prior.private.clone(),
            identity: prior.identity.clone(),
        }
    }

    /// Plans a last time, with the configuration as it has become, and applies that.
    async fn finish(&mut self, prior: Held, plan: &Plan, config: &impl Configuration) -> Result<()> {
        let schema = self.schema().await?;
        let config = configured(config, &schema.schema)?;
        if !config.is_wholly_known() {
            let detail = "Apply needs a configuration without unknown values.";
            return Err(Diagnostic::error("The configuration is not known yet").detail(detail).into());
        }
        self.validate(&self.core.configured(), &config).await?;
        let last = self.planned(&prior, &config).await?;
        let summary = "Provider produced an inconsistent final plan";
        self.core.heard(later_repeats_earlier(&schema.schema, &plan.change.planned, &last.planned, summary))?;
        self.change(&prior, &last, &config).await
    }

    async fn change(&mut self, prior: &Held, change: &Change, config: &Dynamic) -> Result<()> {
        let schema = self.schema().await?;
        let object_type = &schema.schema.object_type;
        let server = self.core.configured();
        let request = pb::apply_resource_change::Request {
            type_name: self.type_name.clone(),
            prior_state: Some(wire::dynamic(&prior.state, object_type)?),
            planned_state: Some(wire::dynamic(&change.planned, object_type)?),
            config: Some(wire::dynamic(config, object_type)?),
            planned_private: change.private.clone(),
            planned_identity: message(&schema, &change.identity)?,
            ..Default::default()
        };
        let answer = ask("ApplyResourceChange", request, |request| server.apply_resource_change(request)).await?;
        let told = told(&answer.diagnostics);
        let failed = told.has_errors();
        let state = wire::from_dynamic(answer.new_state.as_ref(), object_type)?;
        let identity = received(&schema, &change.identity, answer.new_identity.as_ref(), "ApplyResourceChange")?;
        let creating = prior.state.is_null();
        if failed && state.is_null() && !creating {
            // Nothing was said of what there is: it is as it was.
            self.store(&schema, prior)?;
        } else {
            let tainted = prior.tainted || (failed && creating);
            let held = Held { state: state.clone(), private: answer.private, identity, tainted };
            self.store(&schema, &held)?;
        }
        self.core.heard(told)?;
        self.core.heard(state_is_storable(&schema.schema, &state, "apply"))?;
        let summary = "Provider produced an inconsistent result after apply";
        self.core.heard(later_repeats_earlier(&schema.schema, &change.planned, &state, summary))
    }

    fn store(&mut self, schema: &ResourceSchema, held: &Held) -> Result<()> {
        if held.state.is_null() {
            self.record = None;
            return Ok(());
        }
        let mut record = Record::new(schema.schema.version, stored::json(&held.state)?, &held.private);
        record.tainted = held.tainted;
        if let Some(identity) = &schema.identity {
            identity.store(&held.identity, &mut record)?;
        }
        self.record = Some(record.to_text()?);
        Ok(())
    }
}

fn raw(json: &str) -> pb::RawState {
    pb::RawState { json: json.as_bytes().to_vec(), ..Default::default() }
}

fn message(schema: &ResourceSchema, identity: &Dynamic) -> Result<Option<pb::ResourceIdentityData>> {
    match &schema.identity {
        Some(of) if !identity.is_null() => of.message(identity).map(Some),
        _ => Ok(None),
    }
}

fn received(
    schema: &ResourceSchema,
    known: &Dynamic,
    answer: Option<&pb::ResourceIdentityData>,
    call: &str,
) -> Result<Dynamic> {
    schema.identity.as_ref().map_or(Ok(Dynamic::Null), |of| of.received(known, answer, call))
}

/// What stands at a path; null where there is nothing.
fn at<'v>(value: &'v Dynamic, path: &Path) -> &'v Dynamic {
    use crate::path::Step;
    path.steps().iter().fold(value, |value, step| match (step, value) {
        (Step::Attribute(name) | Step::Key(name), value) => value.attribute(name),
        (Step::Index(index), Dynamic::List(elements)) => elements.get(*index).unwrap_or(&Dynamic::Null),
        _ => &Dynamic::Null,
    })
}

/// Whether a type has something at a path.
fn exists(of: &crate::Type, path: &Path) -> bool {
    use crate::Type;
    use crate::path::Step;
    let found = path.steps().iter().try_fold(of, |of, step| match (of, step) {
        (Type::Object(attributes), Step::Attribute(name)) => attributes.get(name),
        (Type::Map(element), Step::Key(_)) | (Type::List(element), Step::Index(_)) => Some(element.as_ref()),
        (Type::Tuple(elements), Step::Index(index)) => elements.get(*index),
        (Type::Dynamic, _) => Some(of),
        _ => None,
    });
    found.is_some()
}
