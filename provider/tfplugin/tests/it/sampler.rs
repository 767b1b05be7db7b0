//! A provider with every kind of value. It keeps nothing: all that it answers follows from what it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tfplugin_rs::prelude::*;
use tokio::sync::watch;

/// The provider. What goes on in it can be watched.
#[derive(Clone)]
pub(crate) struct Sampler {
    /// How many keys have been renewed.
    pub(crate) renewed: Arc<watch::Sender<u32>>,
    /// How many creations wait to be stopped.
    pub(crate) waiting: Arc<watch::Sender<u32>>,
}

impl Sampler {
    pub(crate) fn new() -> Self {
        Self { renewed: Arc::new(watch::Sender::new(0)), waiting: Arc::new(watch::Sender::new(0)) }
    }
}

/// Settings.
#[derive(Clone, Model)]
pub(crate) struct Settings {
    /// A place.
    #[tf(optional)]
    pub(crate) place: Value<String>,
    /// A token.
    #[tf(optional, sensitive)]
    pub(crate) token: Value<String>,
}

impl Provider for Sampler {
    type Model = Settings;
    type Data = Sampler;
    const NAME: &'static str = "sampler";

    fn register(&self, registry: &mut Registry<Sampler>) {
        registry.resource(ThingResource).resource(PlainResource).data_source(Search).ephemeral_resource(Key);
        registry.function(Show).function(Join);
    }

    async fn configure(&self, _ctx: &ConfigureContext, _config: Settings) -> Result<Sampler> {
        Ok(self.clone())
    }
}

/// One of everything.
#[derive(Clone, Model)]
pub(crate) struct Thing {
    /// Identifier.
    #[tf(computed, plan = keep_state())]
    id: Value<String>,
    /// Name.
    #[tf(required, plan = requires_replace(), validate = length(1..=64))]
    name: Value<String>,
    /// The text again, known only after apply.
    #[tf(computed)]
    echo: Value<String>,
    /// Text.
    #[tf(optional)]
    text: Value<String>,
    /// A flag.
    #[tf(optional)]
    flag: Value<bool>,
    /// A number.
    #[tf(optional)]
    number: Value<Number>,
    /// Numbers.
    #[tf(optional)]
    numbers: Value<Vec<Value<Number>>>,
    /// A list, with nulls.
    #[tf(optional)]
    list: Value<Vec<Value<String>>>,
    /// A set.
    #[tf(optional)]
    set: Value<BTreeSet<String>>,
    /// A map.
    #[tf(optional)]
    map: Value<BTreeMap<String, Value<bool>>>,
    /// Objects within, as a plain type.
    #[tf(optional)]
    objects: Value<Vec<BTreeMap<String, Part>>>,
    /// Anything.
    #[tf(optional)]
    anything: Value<Dynamic>,
    /// One part.
    #[tf(optional)]
    one_part: Value<Part>,
    /// Parts in order.
    #[tf(optional)]
    part_list: Value<Vec<Part>>,
    /// Parts without order.
    #[tf(optional)]
    part_set: Value<Set<Part>>,
    /// Parts by name.
    #[tf(optional)]
    part_map: Value<BTreeMap<String, Part>>,
    /// Computed as a whole unless it is set.
    #[tf(optional, computed, plan = keep_state())]
    own_part: Value<Part>,
    /// Style.
    #[tf(optional, default = "plain")]
    style: Value<String>,
    /// A token.
    #[tf(optional, sensitive)]
    token: Value<String>,
    /// A secret.
    #[tf(optional, write_only)]
    secret_wo: Value<String>,
    /// Times.
    #[tf(optional)]
    timeouts: Value<Timeouts>,
}

/// A part.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct Part {
    /// What it is.
    #[tf(required)]
    kind: Value<String>,
    /// How much.
    #[tf(optional, default = 1)]
    count: Value<i64>,
    /// What it weighs.
    #[tf(optional)]
    weight: Value<Number>,
    /// What the provider calls it.
    #[tf(computed, plan = keep_state())]
    label: Value<String>,
}

fn label(part: &mut Part) {
    part.label = "labelled".into();
    if part.count.is_unknown() {
        part.count = 1.into();
    }
}

fn made(mut thing: Thing) -> Thing {
    thing.id = thing.name.as_ref().map(|name| format!("id-{name}"));
    thing.echo = thing.text.clone();
    if thing.own_part.is_unknown() {
        thing.own_part = Value::Known(Part { kind: "own".into(), count: 1.into(), ..Part::default() });
    }
    thing.own_part.known_mut().into_iter().for_each(label);
    thing.one_part.known_mut().into_iter().for_each(label);
    thing.part_list.known_mut().into_iter().flatten().for_each(label);
    thing.part_map.known_mut().into_iter().flatten().for_each(|(_, part)| label(part));
    if let Some(parts) = thing.part_set.known().cloned() {
        let labelled = parts.into_iter().map(|mut part| {
            label(&mut part);
            part
        });
        thing.part_set = Value::Known(labelled.collect());
    }
    thing
}

struct ThingResource;

impl Resource for ThingResource {
    type Model = Thing;
    type Identity = ();
    type Data = Sampler;
    const NAME: &'static str = "sampler_thing";

    async fn create(&self, ctx: &ResourceContext<Self>, plan: Thing) -> Result<Thing> {
        ctx.set_private("made", &true);
        if plan.name == "waits for renewal" {
            let mut renewed = ctx.data().renewed.subscribe();
            ctx.within("waiting for renewal", Duration::from_mins(1), async {
                let _ = renewed.wait_for(|count| *count > 0).await;
                Ok(())
            })
            .await?;
        }
        if plan.name == "waits for a stop" {
            let thing = made(plan);
            ctx.save(&thing);
            ctx.data().waiting.send_modify(|count| *count += 1);
            ctx.cancelled().cancelled().await;
            return Err(Diagnostic::error("Stopped while waiting").into());
        }
        Ok(made(plan))
    }

    async fn read(&self, _ctx: &ResourceContext<Self>, state: Thing) -> Result<Option<Thing>> {
        Ok(Some(made(state)))
    }

    async fn update(&self, _ctx: &ResourceContext<Self>, _prior: Thing, plan: Thing) -> Result<Thing> {
        Ok(made(plan))
    }

    async fn delete(&self, _ctx: &ResourceContext<Self>, _state: Thing) -> Result<()> {
        Ok(())
    }

    async fn import(&self, _ctx: &ResourceContext<Self>, id: &str) -> Result<Thing> {
        Ok(made(Thing { name: id.into(), style: "plain".into(), ..Thing::default() }))
    }

    fn move_from(&self, source: &MoveSource) -> Result<Option<Thing>> {
        let plain: Plain = source.state.fit()?;
        Ok(Some(made(Thing { name: plain.name, style: "plain".into(), ..Thing::default() })))
    }
}

/// What becomes a thing.
#[derive(Clone, Model)]
pub(crate) struct Plain {
    /// Name.
    #[tf(required)]
    name: Value<String>,
}

struct PlainResource;

impl Resource for PlainResource {
    type Model = Plain;
    type Identity = ();
    type Data = Sampler;
    const NAME: &'static str = "sampler_plain";

    async fn create(&self, _ctx: &ResourceContext<Self>, plan: Plain) -> Result<Plain> {
        Ok(plan)
    }

    async fn read(&self, _ctx: &ResourceContext<Self>, state: Plain) -> Result<Option<Plain>> {
        Ok(Some(state))
    }

    async fn delete(&self, _ctx: &ResourceContext<Self>, _state: Plain) -> Result<()> {
        Ok(())
    }
}

struct Search;

/// A search.
#[derive(Clone, Model)]
pub(crate) struct SearchModel {
    /// Words.
    #[tf(optional)]
    words: Value<Vec<String>>,
    /// How many.
    #[tf(computed)]
    found: Value<i64>,
}

impl DataSource for Search {
    type Model = SearchModel;
    type Data = Sampler;
    const NAME: &'static str = "sampler_search";

    async fn read(&self, _ctx: &Context<Sampler>, mut config: SearchModel) -> Result<SearchModel> {
        config.found = i64::try_from(config.words.known().map_or(0, Vec::len)).unwrap().into();
        Ok(config)
    }
}

struct Key;

/// A key.
#[derive(Clone, Model)]
pub(crate) struct KeyModel {
    /// Whose.
    #[tf(required)]
    owner: Value<String>,
    /// The key.
    #[tf(computed, sensitive)]
    key: Value<String>,
}

impl EphemeralResource for Key {
    type Model = KeyModel;
    type Data = Sampler;
    type Private = String;
    const NAME: &'static str = "sampler_key";

    async fn open(&self, _ctx: &Context<Sampler>, mut config: KeyModel) -> Result<Opened<Self>> {
        config.key = "open sesame".into();
        let private = config.owner.as_str().unwrap_or_default().to_owned();
        Ok(Opened { result: config, private, renew_at: Some(Timestamp::UNIX_EPOCH) })
    }

    async fn renew(&self, ctx: &Context<Sampler>, _owner: &mut String) -> Result<Option<Timestamp>> {
        ctx.data().renewed.send_modify(|count| *count += 1);
        Ok(None)
    }
}

struct Show;

/// What to show.
#[derive(Arguments)]
struct ShowArguments {
    /// Anything.
    anything: Value<Dynamic>,
}

impl Function for Show {
    type Arguments = ShowArguments;
    type Output = String;
    const NAME: &'static str = "show";
    const SUMMARY: &'static str = "What a value is";
    const DESCRIPTION: &'static str = "Says what a value is.";

    fn call(&self, arguments: ShowArguments) -> std::result::Result<String, FunctionError> {
        Ok(match arguments.anything {
            Value::Null => "null",
            Value::Unknown => "unknown",
            Value::Known(_) => "known",
        }
        .to_owned())
    }
}

struct Join;

/// What to join.
#[derive(Arguments)]
struct JoinArguments {
    /// Between the words; null is nothing.
    between: Option<String>,
    /// The words.
    #[tf(variadic)]
    words: Vec<String>,
}

impl Function for Join {
    type Arguments = JoinArguments;
    type Output = String;
    const NAME: &'static str = "join";
    const SUMMARY: &'static str = "Joins words";
    const DESCRIPTION: &'static str = "Joins words; there must be one.";

    fn call(&self, arguments: JoinArguments) -> std::result::Result<String, FunctionError> {
        if arguments.words.is_empty() {
            return Err(FunctionError::new("there is nothing to join"));
        }
        Ok(arguments.words.join(&arguments.between.unwrap_or_default()))
    }
}
