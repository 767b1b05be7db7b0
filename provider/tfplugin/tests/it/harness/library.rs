//! A library: the provider that the harness drives, with one fault of a choice of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tfplugin_rs::prelude::*;
use tfplugin_rs::testing::{Core, json};

/// What the provider does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    PlansAnotherTitle,
    PlansWhatNobodySet,
    PlansByChance,
    ReplacesForNothingThatExists,
    GuessesTheSize,
    ReturnsAnotherTitle,
    LeavesTheIdUnknown,
    ReadsAnotherTitle,
    FindsNothing,
    FailsHalfWay,
    ChangesTheQuestion,
}

pub(super) struct Library(pub(super) Fault);

/// A library.
#[derive(Clone, Model)]
pub(super) struct LibraryModel {
    /// Where it is.
    #[tf(required)]
    pub(super) town: Value<String>,
}

pub(super) struct Shelf {
    pub(super) fault: Fault,
    pub(super) chance: AtomicI64,
}

impl Provider for Library {
    type Model = LibraryModel;
    type Data = Shelf;
    const NAME: &'static str = "library";

    fn register(&self, registry: &mut Registry<Shelf>) {
        registry.resource(BookResource).data_source(Search).ephemeral_resource(Card);
        registry.function(Initial).function(Dice(Arc::default()));
    }

    async fn configure(&self, ctx: &ConfigureContext, config: LibraryModel) -> Result<Shelf> {
        if config.town == "Nowhere" {
            return Err(Diagnostic::error("There is no such town").at(Path::root().attr("town")).into());
        }
        ctx.warn(Diagnostic::warning("The library closes at five"));
        Ok(Shelf { fault: self.0, chance: AtomicI64::new(0) })
    }
}

pub(super) struct BookResource;

/// A book.
#[derive(Clone, Model)]
pub(super) struct Book {
    /// Number.
    #[tf(computed, plan = keep_state())]
    pub(super) id: Value<String>,
    /// Title.
    #[tf(required)]
    pub(super) title: Value<String>,
    /// Language.
    #[tf(optional, default = "en", plan = requires_replace())]
    pub(super) language: Value<String>,
    /// Subtitle.
    #[tf(optional)]
    pub(super) subtitle: Value<String>,
    /// Letters of the title.
    #[tf(computed)]
    pub(super) size: Value<i64>,
    /// Price, exactly.
    #[tf(optional)]
    pub(super) price: Value<Number>,
    /// Password of the reader.
    #[tf(optional, write_only)]
    pub(super) password_wo: Value<String>,
    /// Anything.
    #[tf(optional)]
    pub(super) remark: Value<Dynamic>,
    /// Chapters.
    #[tf(optional)]
    pub(super) chapters: Value<Vec<Chapter>>,
    /// Stamps.
    #[tf(optional)]
    pub(super) stamps: Value<Set<Chapter>>,
}

/// A chapter.
#[derive(Clone, PartialEq, Model)]
pub(super) struct Chapter {
    /// Heading.
    #[tf(required)]
    pub(super) heading: Value<String>,
    /// Page.
    #[tf(computed, plan = keep_state())]
    pub(super) page: Value<i64>,
}

fn printed(mut book: Book) -> Book {
    book.id = "b1".into();
    book.size = book.title.as_ref().map(|title| i64::try_from(title.len()).unwrap());
    for (page, chapter) in (1..).zip(book.chapters.known_mut().into_iter().flatten()) {
        chapter.page = page.into();
    }
    if let Some(stamps) = book.stamps.known().cloned() {
        let stamped = stamps.into_iter().map(|stamp| Chapter { page: 1.into(), ..stamp });
        book.stamps = Value::Known(stamped.collect());
    }
    book
}

impl Resource for BookResource {
    type Model = Book;
    type Identity = ();
    type Data = Shelf;
    const NAME: &'static str = "library_book";
    const VERSION: i64 = 2;

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<Book>) -> Result<()> {
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        match ctx.data().fault {
            Fault::PlansAnotherTitle => planned.title = "Another".into(),
            Fault::PlansWhatNobodySet => planned.subtitle = "Unasked".into(),
            Fault::PlansByChance => planned.size = ctx.data().chance.fetch_add(1, Ordering::Relaxed).into(),
            Fault::GuessesTheSize => {
                planned.size = planned.title.known().map_or(0, |title| i64::try_from(title.len()).unwrap()).into();
            }
            Fault::ReplacesForNothingThatExists => plan.require_replace(Path::root().attr("cover")),
            _ => {}
        }
        Ok(())
    }

    async fn create(&self, ctx: &ResourceContext<Self>, plan: Book) -> Result<Book> {
        let secret = ctx.config().and_then(|config| config.password_wo.known());
        ctx.set_private("locked", &secret.is_some());
        let mut book = printed(plan);
        match ctx.data().fault {
            Fault::ReturnsAnotherTitle => book.title = "Another".into(),
            Fault::LeavesTheIdUnknown => book.id = Value::Unknown,
            Fault::FailsHalfWay => {
                ctx.save(&book);
                return Err(Diagnostic::error("The press broke").into());
            }
            _ => {}
        }
        if book.title == "A long book" {
            ctx.cancelled().cancelled().await;
            return Err(Diagnostic::error("Printing was stopped").into());
        }
        Ok(book)
    }

    async fn read(&self, ctx: &ResourceContext<Self>, mut state: Book) -> Result<Option<Book>> {
        if state.title == "A locked book" {
            assert_eq!(ctx.private::<bool>("locked"), Some(true));
        }
        match ctx.data().fault {
            Fault::FindsNothing => return Ok(None),
            Fault::ReadsAnotherTitle => state.title = "Another".into(),
            _ => {}
        }
        Ok(Some(state))
    }

    async fn update(&self, _ctx: &ResourceContext<Self>, _prior: Book, plan: Book) -> Result<Book> {
        Ok(printed(plan))
    }

    async fn delete(&self, _ctx: &ResourceContext<Self>, _state: Book) -> Result<()> {
        Ok(())
    }

    async fn import(&self, _ctx: &ResourceContext<Self>, id: &str) -> Result<Book> {
        Ok(printed(Book { title: id.into(), language: "en".into(), ..Book::default() }))
    }

    fn upgrade(&self, version: i64, state: &StateJson) -> Result<Book> {
        let mut book: Book = state.fit()?;
        book.subtitle = format!("from version {version}").as_str().into();
        Ok(book)
    }

    fn move_from(&self, source: &MoveSource) -> Result<Option<Book>> {
        if source.type_name == "archive_book" { source.state.fit().map(Some) } else { Ok(None) }
    }
}

pub(super) struct Search;

/// A search.
#[derive(Clone, Model)]
pub(super) struct SearchModel {
    /// Words.
    #[tf(required)]
    pub(super) words: Value<String>,
    /// Hits.
    #[tf(computed)]
    pub(super) hits: Value<i64>,
}

impl DataSource for Search {
    type Model = SearchModel;
    type Data = Shelf;
    const NAME: &'static str = "library_search";

    async fn read(&self, ctx: &Context<Shelf>, mut config: SearchModel) -> Result<SearchModel> {
        config.hits = 3.into();
        if ctx.data().fault == Fault::ChangesTheQuestion {
            config.words = "other words".into();
        }
        Ok(config)
    }
}

pub(super) struct Card;

/// A reader's card.
#[derive(Clone, Model)]
pub(super) struct CardModel {
    /// Whose.
    #[tf(required)]
    pub(super) reader: Value<String>,
    /// Its number.
    #[tf(computed)]
    pub(super) number: Value<i64>,
}

impl EphemeralResource for Card {
    type Model = CardModel;
    type Data = Shelf;
    type Private = i64;
    const NAME: &'static str = "library_card";

    async fn open(&self, ctx: &Context<Shelf>, mut config: CardModel) -> Result<Opened<Self>> {
        ctx.data().chance.store(1, Ordering::Relaxed);
        config.number = 7.into();
        Ok(Opened { result: config, private: 7, renew_at: Some(Timestamp::UNIX_EPOCH) })
    }

    async fn renew(&self, _ctx: &Context<Shelf>, number: &mut i64) -> Result<Option<Timestamp>> {
        *number += 1;
        Ok((*number < 9).then_some(Timestamp::UNIX_EPOCH))
    }

    async fn close(&self, ctx: &Context<Shelf>, number: i64) -> Result<()> {
        ctx.warn(Diagnostic::warning(format!("Card {number} was given back")));
        Ok(())
    }
}

pub(super) struct Initial;

/// Of what.
#[derive(Arguments)]
pub(super) struct InitialArguments {
    /// The words.
    pub(super) words: String,
}

impl Function for Initial {
    type Arguments = InitialArguments;
    type Output = String;
    const NAME: &'static str = "initial";
    const SUMMARY: &'static str = "The first letter";
    const DESCRIPTION: &'static str = "The first letter of a text.";

    fn call(&self, arguments: InitialArguments) -> std::result::Result<String, FunctionError> {
        let first = arguments.words.chars().next();
        first.map(String::from).ok_or_else(|| FunctionError::new("there is no letter").argument(0))
    }
}

pub(super) struct Dice(Arc<AtomicI64>);

/// Nothing.
#[derive(Arguments)]
pub(super) struct DiceArguments {}

impl Function for Dice {
    type Arguments = DiceArguments;
    type Output = i64;
    const NAME: &'static str = "dice";
    const SUMMARY: &'static str = "A number";
    const DESCRIPTION: &'static str = "Another one each time.";

    fn call(&self, _: DiceArguments) -> std::result::Result<i64, FunctionError> {
        Ok(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

pub(super) async fn library(fault: Fault) -> Core<Library> {
    let core = Core::new(Library(fault));
    core.configure(&json!({ "town": "Ghent" })).await.unwrap();
    core
}
