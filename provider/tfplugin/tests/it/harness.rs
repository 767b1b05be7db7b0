//! The harness for authors' tests: it drives a provider through its whole life, and names whatever breaks a rule.

mod library;

use std::sync::atomic::AtomicI64;

use tfplugin_rs::prelude::*;
use tfplugin_rs::testing::{self, Core, Instance, json, unknown};

use library::{Book, Fault, Library, LibraryModel, Search, SearchModel, Shelf, library};

/// Its data source has a name that Terraform looks for elsewhere.
struct Stranger;

impl Provider for Stranger {
    type Model = LibraryModel;
    type Data = Shelf;
    const NAME: &'static str = "other";

    fn register(&self, registry: &mut Registry<Shelf>) {
        registry.data_source(Search);
    }

    async fn configure(&self, _: &ConfigureContext, _: LibraryModel) -> Result<Shelf> {
        Ok(Shelf { fault: Fault::None, chance: AtomicI64::new(0) })
    }
}

#[tokio::test]
async fn a_type_that_terraform_would_look_for_at_another_provider_is_named() {
    let error = Core::new(Stranger).configure(&json!({ "town": "Uppsala" })).await.unwrap_err().to_string();
    assert!(error.contains("does not begin with other_"), "{error}");
}

/// It registers something twice.
struct Double;

impl Provider for Double {
    type Model = LibraryModel;
    type Data = Shelf;
    const NAME: &'static str = "library";

    fn register(&self, registry: &mut Registry<Shelf>) {
        registry.data_source(Search).data_source(Search);
    }

    async fn configure(&self, _: &ConfigureContext, _: LibraryModel) -> Result<Shelf> {
        Ok(Shelf { fault: Fault::None, chance: AtomicI64::new(0) })
    }
}

#[test]
#[should_panic(expected = "is registered twice")]
fn two_of_one_name_are_refused_at_the_start() {
    let _ = Core::new(Double);
}

/// What is said when a book is applied.
async fn refused(fault: Fault) -> String {
    let core = library(fault).await;
    let mut book = core.resource("library_book");
    book.apply(&json!({ "title": "Emma" })).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_resource_lives_through_all_that_terraform_does() {
    let core = library(Fault::None).await;
    assert_eq!(core.take_warnings().to_string(), "The library closes at five");
    let mut book = core.resource("library_book");
    let config = |title: &str, language: &str| {
        json!({
            "title": title,
            "language": language,
            "price": "12345678901234567890.123456789",
            "password_wo": "open sesame",
            "remark": { "by": ["me", 1, null] },
            "chapters": [{ "heading": "One" }, { "heading": "Two" }],
            "stamps": [{ "heading": "2024" }, { "heading": "2025" }],
        })
    };
    let plan = book.plan(&config("A locked book", "en")).await.unwrap();
    assert_eq!((plan.action, &plan.planned()["size"]), (testing::Action::Create, &unknown()));
    assert!(book.state().is_null(), "a plan stores nothing");
    assert_eq!(book.apply(&config("A locked book", "en")).await, Ok(testing::Action::Create));
    assert_eq!(book.state()["chapters"][1], json!({ "heading": "Two", "page": 2 }));
    assert_eq!(book.state()["password_wo"], json!(null));
    let model: Book = book.model().unwrap();
    assert_eq!(model.price, Value::Known("12345678901234567890.123456789".parse().unwrap()));
    assert_eq!(book.apply(&config("A locked book", "en")).await, Ok(testing::Action::NoOp));
    assert_eq!(book.apply(&config("Emma", "en")).await, Ok(testing::Action::Update));
    let plan = book.plan(&config("Emma", "nl")).await.unwrap();
    assert_eq!(plan.requires_replace, [Path::root().attr("language")]);
    assert_eq!(book.apply(&config("Emma", "nl")).await, Ok(testing::Action::Replace));
    book.refresh().await.unwrap();
    assert_eq!(book.state()["size"], 4);
    assert_eq!(book.plan_destroy().await.unwrap().action, testing::Action::Delete);
    book.destroy().await.unwrap();
    assert!(book.state().is_null());
    book.import("Persuasion").await.unwrap();
    assert_eq!(book.apply(&json!({ "title": "Persuasion" })).await, Ok(testing::Action::NoOp));
}

#[tokio::test]
async fn a_model_is_a_configuration() {
    let core = library(Fault::None).await;
    let book = Book { title: "Emma".into(), price: Number::from(3_i64).into(), ..Book::default() };
    assert_eq!(core.resource("library_book").apply(&book).await, Ok(testing::Action::Create));
}

#[tokio::test]
async fn what_is_unknown_when_planning_is_known_when_applying() {
    let core = library(Fault::None).await;
    let mut book = core.resource("library_book");
    let plan = book.plan(&json!({ "title": unknown(), "stamps": [{ "heading": unknown() }] })).await.unwrap();
    assert_eq!(plan.planned()["title"], unknown());
    let known = json!({ "title": "Emma", "stamps": [{ "heading": "2024" }] });
    book.apply_plan(plan, &known).await.unwrap();
    assert_eq!(book.state()["stamps"], json!([{ "heading": "2024", "page": 1 }]));
    let plan = book.plan(&json!({ "title": unknown() })).await.unwrap();
    let error = book.apply_plan(plan, &json!({ "title": unknown() })).await.unwrap_err().to_string();
    assert!(error.starts_with("The configuration is not known yet"), "{error}");
}

#[tokio::test]
async fn what_users_may_not_write_is_refused_with_its_place() {
    let core = library(Fault::None).await;
    let book = core.resource("library_book");
    let table = [
        (json!({}), "Missing required argument (title)"),
        (json!({ "title": "a", "id": "b" }), "Read-only attribute is configured (id)"),
        (json!({ "title": "a", "titel": "b" }), "Unexpected attribute (titel)"),
        (json!({ "title": "a", "chapters": [{}] }), "Missing required argument (chapters[0].heading)"),
        (json!({ "title": ["a"] }), "Wrong type of value (title)"),
    ];
    for (config, words) in table {
        let error = book.plan(&config).await.unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
    let error = core.configure(&json!({ "town": "Nowhere" })).await.unwrap_err().to_string();
    assert_eq!(error, "There is no such town (town)");
}

#[tokio::test]
async fn a_plan_that_changes_what_is_configured_is_invalid() {
    let said = refused(Fault::PlansAnotherTitle).await;
    assert_eq!(
        said,
        r#"Provider produced an invalid plan (title): It is configured as "Emma", but was planned as "Another"."#
    );
}

#[tokio::test]
async fn a_plan_that_sets_what_is_not_computed_is_invalid() {
    let said = refused(Fault::PlansWhatNobodySet).await;
    assert!(said.starts_with("Provider produced an invalid plan (subtitle): It is neither configured nor computed"));
}

#[tokio::test]
async fn a_plan_that_differs_the_second_time_is_named() {
    let said = refused(Fault::PlansByChance).await;
    assert_eq!(said, "Provider planned differently when asked again (size): It was to be 0, but is 1.");
}

#[tokio::test]
async fn a_replacement_for_what_does_not_exist_is_named() {
    let core = library(Fault::ReplacesForNothingThatExists).await;
    let mut book = core.resource("library_book");
    book.set_state(2, &json!({ "id": "b1", "title": "Emma", "language": "en", "size": 4 })).unwrap();
    let said = book.apply(&json!({ "title": "Persuasion" })).await.unwrap_err().to_string();
    assert!(said.starts_with("Provider produced an invalid plan (cover): It requires replacement"), "{said}");
}

#[tokio::test]
async fn a_final_plan_that_differs_from_the_first_is_inconsistent() {
    let core = library(Fault::GuessesTheSize).await;
    let mut book = core.resource("library_book");
    let plan = book.plan(&json!({ "title": unknown() })).await.unwrap();
    let said = book.apply_plan(plan, &json!({ "title": "Emma" })).await.unwrap_err().to_string();
    assert_eq!(said, "Provider produced an inconsistent final plan (size): It was to be 0, but is 4.");
}

#[tokio::test]
async fn a_result_that_differs_from_the_plan_is_inconsistent_and_kept() {
    let core = library(Fault::ReturnsAnotherTitle).await;
    let mut book = core.resource("library_book");
    let said = book.apply(&json!({ "title": "Emma" })).await.unwrap_err().to_string();
    assert_eq!(
        said,
        r#"Provider produced an inconsistent result after apply (title): It was to be "Emma", but is "Another"."#
    );
    assert_eq!(book.state()["title"], "Another", "Terraform keeps what there is");
}

#[tokio::test]
async fn a_result_with_unknown_values_is_named() {
    let said = refused(Fault::LeavesTheIdUnknown).await;
    assert!(said.starts_with("Provider left a value unknown (id): After create, `id` is still unknown."), "{said}");
}

#[tokio::test]
async fn a_read_that_finds_something_else_leaves_a_plan_after_apply() {
    let said = refused(Fault::ReadsAnotherTitle).await;
    let words = r#"The plan after apply is not empty (title): It was to be "Another", but is "Emma"."#;
    assert!(said.contains(words), "{said}");
}

#[tokio::test]
async fn what_cannot_be_read_is_not_imported() {
    let core = library(Fault::FindsNothing).await;
    let said = core.resource("library_book").import("Emma").await.unwrap_err().to_string();
    assert_eq!(said, "Cannot import what does not exist: `Emma`");
}

#[tokio::test]
async fn what_was_created_half_way_is_kept_and_replaced() {
    let broken = library(Fault::FailsHalfWay).await;
    let mut book: Instance<'_, Library> = broken.resource("library_book");
    let said = book.apply(&json!({ "title": "Emma" })).await.unwrap_err().to_string();
    assert_eq!(said, "The press broke");
    assert!(book.is_tainted());
    assert_eq!(book.state()["id"], "b1");
    assert_eq!(book.plan(&json!({ "title": "Emma" })).await.unwrap().action, testing::Action::Replace);
}

#[tokio::test]
async fn older_states_are_upgraded_and_newer_ones_refused() {
    let core = library(Fault::None).await;
    let mut book = core.resource("library_book");
    let state = json!({ "id": "b1", "title": "Emma", "gone": [1] });
    book.set_state(1, &state).unwrap();
    book.refresh().await.unwrap();
    assert_eq!(book.state()["subtitle"], "from version 1");
    book.set_state(3, &state).unwrap();
    let said = book.refresh().await.unwrap_err().to_string();
    assert!(said.starts_with("The state is newer than the schema"), "{said}");
}

#[tokio::test]
async fn a_moved_state_is_taken_over() {
    let core = library(Fault::None).await;
    let mut book = core.resource("library_book");
    let state = json!({ "id": "b1", "title": "Emma", "language": "en" });
    book.move_from("example.com/test/archive", "archive_book", 0, &state).await.unwrap();
    assert_eq!(book.state()["title"], "Emma");
    let said = book.move_from("example.com/test/archive", "archive_map", 0, &state).await.unwrap_err().to_string();
    assert!(said.starts_with("This move is not possible"), "{said}");
}

#[tokio::test]
async fn data_sources_ephemeral_resources_and_functions_answer() {
    let core = library(Fault::None).await;
    let found = core.read_data_source("library_search", &json!({ "words": "whale" })).await.unwrap();
    assert_eq!(found.json()["hits"], 3);
    assert_eq!(found.model::<SearchModel>().unwrap().hits, Value::Known(3));

    core.take_warnings();
    let mut card = core.open_ephemeral_resource("library_card", &json!({ "reader": "me" })).await.unwrap();
    assert_eq!(card.result.json()["number"], 7);
    assert_eq!(card.renew_at, Some(Timestamp::UNIX_EPOCH));
    card.renew().await.unwrap();
    card.renew().await.unwrap();
    assert_eq!(card.renew_at, None);
    card.close().await.unwrap();
    assert_eq!(core.take_warnings().to_string(), "Card 7 was given back");

    assert_eq!(core.call_function("initial", &[json!("whale")]).await.unwrap(), "w");
    assert_eq!(core.call_function("initial", &[unknown()]).await.unwrap(), unknown());
    assert!(core.call_function("initial", &[json!("")]).await.unwrap_err().to_string().contains("no letter"));
    assert!(core.call_function("initial", &[json!(null)]).await.unwrap_err().to_string().contains("must not be null"));
}

#[tokio::test]
async fn a_function_with_chance_is_named() {
    let core = library(Fault::None).await;
    let said = core.call_function("dice", &[]).await.unwrap_err().to_string();
    assert!(said.contains("answered differently when called again"), "{said}");
}

#[tokio::test]
async fn a_data_source_that_changes_its_configuration_is_named() {
    let core = library(Fault::ChangesTheQuestion).await;
    let said = core.read_data_source("library_search", &json!({ "words": "whale" })).await.unwrap_err().to_string();
    assert_eq!(said, r#"Provider changed what is configured (words): It was to be "whale", but is "other words"."#);
}

#[tokio::test]
async fn a_stopped_provider_ends_what_runs_and_a_new_run_goes_on() {
    let core = library(Fault::None).await;
    let mut book = core.resource("library_book");
    let config = json!({ "title": "A long book" });
    let (applied, stopped) = tokio::join!(book.apply(&config), core.stop());
    assert_eq!(applied.unwrap_err().to_string(), "Printing was stopped");
    stopped.unwrap();
    core.configure(&json!({ "town": "Ghent" })).await.unwrap();
    assert_eq!(book.apply(&json!({ "title": "Emma" })).await, Ok(testing::Action::Create));
}

// ---- what newer cores ask -----------------------------------------------------------------------

struct Archive;

/// A box of papers.
#[derive(Clone, Model)]
struct Papers {
    /// Shelf mark.
    #[tf(required, plan = requires_replace())]
    mark: Value<String>,
}

struct Paperbox;

impl Provider for Archive {
    type Model = ();
    type Data = ();
    const NAME: &'static str = "archive";

    fn register(&self, registry: &mut Registry<()>) {
        registry.resource(Paperbox).list_resource(Paperbox).action(Paperbox);
    }

    async fn configure(&self, _: &ConfigureContext, (): ()) -> Result<()> {
        Ok(())
    }
}

impl Resource for Paperbox {
    type Model = Papers;
    type Identity = Papers;
    type Data = ();
    const NAME: &'static str = "archive_box";

    async fn create(&self, _: &ResourceContext<Self>, plan: Papers) -> Result<Papers> {
        Ok(plan)
    }

    async fn read(&self, _: &ResourceContext<Self>, state: Papers) -> Result<Option<Papers>> {
        Ok(Some(state))
    }

    async fn delete(&self, _: &ResourceContext<Self>, _: Papers) -> Result<()> {
        Ok(())
    }

    fn identity(&self, state: &Papers) -> Option<Papers> {
        Some(state.clone())
    }

    async fn import_identity(&self, _: &ResourceContext<Self>, identity: Papers) -> Result<Papers> {
        Ok(identity)
    }
}

impl ListResource for Paperbox {
    type Resource = Self;
    type Model = ();

    async fn list(&self, _: &Context<()>, (): (), listing: &mut Listing<Self>) -> Result<()> {
        for mark in ["A1", "A2", "B1"] {
            let papers = Papers { mark: mark.into() };
            let listed = Listed { display_name: mark.into(), identity: papers.clone(), resource: Some(papers) };
            if listing.add(listed).await.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Action for Paperbox {
    type Model = Papers;
    type Data = ();
    const NAME: &'static str = "archive_dust";

    async fn invoke(&self, ctx: &ActionContext<()>, config: Papers) -> Result<()> {
        if config.mark == "lost" {
            return Err(Diagnostic::error("There is no such box").into());
        }
        ctx.progress("dusting");
        Ok(())
    }
}

#[tokio::test]
async fn lists_actions_and_imports_by_identity_are_asked_for() {
    let core = Core::new(Archive);
    core.configure(&json!({})).await.unwrap();
    let found = core.list("archive_box", &json!({}), 2).await.unwrap();
    let names: Vec<_> = found.iter().map(|listed| listed.display_name.as_str()).collect();
    assert_eq!(names, ["A1", "A2"]);
    assert_eq!(found[1].identity, json!({ "mark": "A2" }));
    assert_eq!(found[1].resource, json!({ "mark": "A2" }));

    let mut papers = core.resource("archive_box");
    papers.import_by_identity(&found[0].identity).await.unwrap();
    assert_eq!(papers.state()["mark"], "A1");
    assert_eq!(papers.apply(&json!({ "mark": "A1" })).await.unwrap(), testing::Action::NoOp);

    assert_eq!(core.invoke("archive_dust", &json!({ "mark": "A1" })).await.unwrap(), ["dusting"]);
    let refused = core.invoke("archive_dust", &json!({ "mark": "lost" })).await.unwrap_err();
    assert!(refused.to_string().contains("There is no such box"), "{refused}");
}
