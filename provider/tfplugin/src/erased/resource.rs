//! Resources, erased.

use std::collections::BTreeSet;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Described, check};
use crate::context::{Context, Plan};
use crate::deferral::DeferralReason;
use crate::diagnostic::{Diagnostics, Result};
use crate::generate::config_of;
use crate::guard::{guarded, guarded_now};
use crate::json::StateJson;
use crate::path::Path;
use crate::plan::{null_write_only, plan};
use crate::private::Private;
use crate::resource::{MoveSource, Resource, ResourceContext};
use crate::schema::Field;
use crate::spelling::keep_spelling;
use crate::value::Dynamic;
use crate::verify::complete;

/// How an import names its object.
pub(crate) enum ImportBy {
    Id(String),
    Identity(Dynamic),
}

/// A state and what lies beside it.
pub(crate) struct StateRequest {
    pub(crate) state: Dynamic,
    pub(crate) private: Vec<u8>,
}

/// What planning is given.
pub(crate) struct PlanRequest {
    pub(crate) prior: Dynamic,
    pub(crate) proposed: Dynamic,
    pub(crate) config: Dynamic,
    pub(crate) private: Vec<u8>,
}

/// What planning answers.
pub(crate) struct PlanAnswer {
    pub(crate) planned: Dynamic,
    pub(crate) requires_replace: BTreeSet<Path>,
    pub(crate) private: Vec<u8>,
    pub(crate) deferred: Option<DeferralReason>,
    pub(crate) diagnostics: Diagnostics,
}

/// What applying is given.
pub(crate) struct ApplyRequest {
    pub(crate) prior: Dynamic,
    pub(crate) planned: Dynamic,
    pub(crate) config: Dynamic,
    pub(crate) private: Vec<u8>,
}

/// The state after an operation, also after one that failed.
pub(crate) struct Applied {
    pub(crate) state: Dynamic,
    pub(crate) private: Vec<u8>,
    pub(crate) deferred: Option<DeferralReason>,
    pub(crate) diagnostics: Diagnostics,
}

/// A resource of any model.
pub(crate) trait AnyResource<D>: Send + Sync {
    fn validate_config(&self, config: Dynamic) -> Diagnostics;

    fn upgrade_state(&self, described: &Described, version: i64, state: &StateJson) -> Result<Dynamic>;

    fn move_state(&self, described: &Described, source: &MoveSource) -> Result<Option<Dynamic>>;

    /// The identity of a state; null when it has none or cannot be told yet.
    fn identity_of(&self, state: &Dynamic) -> Result<Dynamic>;

    fn upgrade_identity_data(&self, version: i64, identity: &StateJson) -> Result<Dynamic>;

    /// The configuration of a state.
    fn config_of(&self, described: &Described, state: &Dynamic) -> Result<Dynamic>;

    fn plan_change<'a>(
        &'a self,
        described: &'a Described,
        context: Context<D>,
        request: PlanRequest,
    ) -> BoxFuture<'a, PlanAnswer>;

    fn apply_change<'a>(
        &'a self,
        described: &'a Described,
        context: Context<D>,
        request: ApplyRequest,
    ) -> BoxFuture<'a, Applied>;

    fn read_state<'a>(
        &'a self,
        described: &'a Described,
        context: Context<D>,
        request: StateRequest,
    ) -> BoxFuture<'a, Applied>;

    fn import_state<'a>(
        &'a self,
        described: &'a Described,
        context: Context<D>,
        by: ImportBy,
    ) -> BoxFuture<'a, Applied>;
}

impl<D: Send + Sync + 'static, R: Resource<Data = D>> AnyResource<D> for R {
    fn validate_config(&self, config: Dynamic) -> Diagnostics {
        check::<R::Model>(config, |config, out| self.validate(config, out))
    }

    fn upgrade_state(&self, described: &Described, version: i64, state: &StateJson) -> Result<Dynamic> {
        if version == R::VERSION {
            return state.decode(&described.object_type).map(|state| storable(described, state));
        }
        let upgraded = guarded_now(|| self.upgrade(version, state))?;
        Ok(storable(described, upgraded.encode().nulls_for_unknowns()))
    }

    fn move_state(&self, described: &Described, source: &MoveSource) -> Result<Option<Dynamic>> {
        let moved = guarded_now(|| self.move_from(source))?;
        Ok(moved.map(|model| storable(described, model.encode().nulls_for_unknowns())))
    }

    fn identity_of(&self, state: &Dynamic) -> Result<Dynamic> {
        let identity = guarded_now(|| Ok(decode_opt::<R>(state.clone())?.and_then(|state| self.identity(&state))))?;
        Ok(identity.map(|identity| identity.encode()).filter(Dynamic::is_wholly_known).unwrap_or_default())
    }

    fn upgrade_identity_data(&self, version: i64, identity: &StateJson) -> Result<Dynamic> {
        guarded_now(|| self.upgrade_identity(version, identity)).map(|identity| identity.encode().nulls_for_unknowns())
    }

    fn config_of(&self, described: &Described, state: &Dynamic) -> Result<Dynamic> {
        let config = config_of(&described.schema.attributes, state);
        guarded_now(|| {
            let Some(mut model) = decode_opt::<R>(config.clone())? else { return Ok(Dynamic::Null) };
            let before = model.encode();
            self.generate_config(&mut model);
            Ok(config.merged(&before, model.encode()))
        })
    }

    fn plan_change<'a>(
        &'a self,
        described: &'a Described,
        context: Context<D>,
        request: PlanRequest,
    ) -> BoxFuture<'a, PlanAnswer> {
        async move {
            let PlanRequest { prior, proposed, config, private } = request;
            let mut decision = plan(&described.schema.attributes, &prior, &proposed, &config);
            let private = Private::from_bytes(&private);
            let ctx = match decode_opt::<R>(config.clone()) {
                Ok(config) => ResourceContext::<R>::new(context, config, private),
                Err(errors) => {
                    return PlanAnswer {
                        planned: decision.state,
                        requires_replace: BTreeSet::new(),
                        private: private.to_bytes(),
                        deferred: None,
                        diagnostics: errors,
                    };
                }
            };
            let modified = guarded(async {
                let mut change = Plan {
                    config: decode_opt::<R>(config)?,
                    prior: decode_opt::<R>(prior.clone())?,
                    planned: decode_opt::<R>(decision.state.clone())?,
                    requires_replace: Vec::new(),
                };
                let before = change.planned.as_ref().map(Field::encode);
                self.modify_plan(&ctx, &mut change).await?;
                if let (Some(before), Some(planned)) = (before, change.planned) {
                    let merged = decision.state.merged(&before, planned.encode());
                    decision.state = storable(described, merged);
                }
                if !prior.is_null() && !decision.state.is_null() {
                    decision.requires_replace.extend(change.requires_replace);
                }
                Ok(())
            })
            .await;
            let mut diagnostics = ctx.take_warnings();
            diagnostics.extend(modified.err().into_iter().flatten());
            PlanAnswer {
                planned: decision.state,
                requires_replace: decision.requires_replace,
                private: ctx.private_bytes(),
                deferred: ctx.deferred(),
                diagnostics,
            }
        }
        .boxed()
    }

    fn apply_change<'a>(
        &'a self,
        described: &'a Described,
        context: Context<D>,
        request: ApplyRequest,
    ) -> BoxFuture<'a, Applied> {
        async move {
            let ApplyRequest { prior, planned, config, private } = request;
            let private = Private::from_bytes(&private);
            let ctx = match decode_opt::<R>(config) {
                Ok(config) => ResourceContext::<R>::new(context, config, private),
                Err(errors) => {
                    return Applied { state: prior, private: private.to_bytes(), deferred: None, diagnostics: errors };
                }
            };
            let (operation, done) = match (decode_opt::<R>(prior.clone()), decode_opt::<R>(planned.clone())) {
                (Err(errors), _) | (_, Err(errors)) => ("decoding", Err(errors)),
                (Ok(None), Ok(Some(model))) => {
                    let before = model.encode();
                    let made = guarded(self.create(&ctx, model)).await;
                    ("create", made.map(|made| planned.merged(&before, made.encode())))
                }
                (Ok(Some(state)), Ok(Some(model))) => {
                    let before = model.encode();
                    let made = guarded(self.update(&ctx, state, model)).await;
                    ("update", made.map(|made| planned.merged(&before, made.encode())))
                }
                (Ok(Some(state)), Ok(None)) => {
                    ("delete", guarded(self.delete(&ctx, state)).await.map(|()| Dynamic::Null))
                }
                (Ok(None), Ok(None)) => ("delete", Ok(Dynamic::Null)),
            };
            let mut diagnostics = ctx.take_warnings();
            let state = match done {
                Ok(mut state) => {
                    keep_spelling(&described.schema.attributes, &planned, &mut state);
                    diagnostics.extend(complete(&state, &described.object_type, operation));
                    state.nulls_for_unknowns()
                }
                Err(errors) => {
                    diagnostics.extend(errors);
                    ctx.take_saved().unwrap_or(prior)
                }
            };
            Applied {
                state: storable(described, state),
                private: ctx.private_bytes(),
                deferred: ctx.deferred(),
                diagnostics,
            }
        }
        .boxed()
    }

    fn read_state<'a>(
        &'a self,
        described: &'a Described,
        context: Context<D>,
        request: StateRequest,
    ) -> BoxFuture<'a, Applied> {
        async move {
            let StateRequest { state, private } = request;
            let ctx = ResourceContext::<R>::new(context, None, Private::from_bytes(&private));
            let read = guarded(async {
                let Some(model) = decode_opt::<R>(state.clone())? else { return Ok(Dynamic::Null) };
                let before = model.encode();
                match self.read(&ctx, model).await? {
                    Some(found) => {
                        let mut found = state.merged(&before, found.encode());
                        if ctx.deferred().is_some() {
                            return Ok(found);
                        }
                        keep_spelling(&described.schema.attributes, &state, &mut found);
                        complete(&found, &described.object_type, "reading").into_result(found)
                    }
                    None => Ok(Dynamic::Null),
                }
            })
            .await;
            let mut diagnostics = ctx.take_warnings();
            let state = read.unwrap_or_else(|errors| {
                diagnostics.extend(errors);
                state
            });
            Applied {
                state: storable(described, state),
                private: ctx.private_bytes(),
                deferred: ctx.deferred(),
                diagnostics,
            }
        }
        .boxed()
    }

    fn import_state<'a>(
        &'a self,
        described: &'a Described,
        context: Context<D>,
        by: ImportBy,
    ) -> BoxFuture<'a, Applied> {
        async move {
            let ctx = ResourceContext::<R>::new(context, None, Private::default());
            let imported = guarded(async {
                match by {
                    ImportBy::Id(id) => self.import(&ctx, &id).await,
                    ImportBy::Identity(identity) => {
                        self.import_identity(&ctx, R::Identity::decode(identity, &Path::root())?).await
                    }
                }
            })
            .await;
            let mut diagnostics = ctx.take_warnings();
            let state = match imported {
                Ok(model) => storable(described, model.encode().nulls_for_unknowns()),
                Err(errors) => {
                    diagnostics.extend(errors);
                    Dynamic::Null
                }
            };
            Applied { state, private: ctx.private_bytes(), deferred: ctx.deferred(), diagnostics }
        }
        .boxed()
    }
}

/// What may be stored: write-only values never.
fn storable(described: &Described, mut state: Dynamic) -> Dynamic {
    if let Dynamic::Map(fields) = &mut state {
        null_write_only(&described.schema.attributes, fields);
    }
    state
}

fn decode_opt<R: Resource>(value: Dynamic) -> Result<Option<R::Model>> {
    Ok(Option::<R::Model>::decode(value, &Path::root())?)
}
