//! Each rule: what keeps it, and what breaks it with which words.

#![allow(clippy::too_many_lines, reason = "a test is read from its start to its end")]

use super::*;
use crate::testing::literal::{Configuration, sent};
use crate::testing::{json, unknown};
use crate::{Model, Set, Value, wire};

/// One attribute of each kind.
#[derive(Clone, Model)]
struct Sample {
    #[tf(optional)]
    plain: Value<String>,
    #[tf(optional, computed)]
    both: Value<String>,
    #[tf(optional, sensitive)]
    secret: Value<String>,
    #[tf(optional, write_only)]
    never: Value<String>,
    #[tf(optional)]
    one: Value<Part>,
    #[tf(optional)]
    list: Value<Vec<Part>>,
    #[tf(optional)]
    set: Value<Set<Part>>,
    #[tf(optional)]
    words: Value<Vec<String>>,
}

/// A part.
#[derive(Clone, PartialEq, Model)]
struct Part {
    #[tf(required)]
    name: Value<String>,
    #[tf(computed)]
    size: Value<i64>,
}

fn schema() -> Schema {
    Schema::read(&wire::schema(&crate::schema::Schema::of::<Sample>(0))).unwrap()
}

fn value(written: &serde_json::Value) -> Dynamic {
    sent(written.to_value(), &schema().object_type).unwrap()
}

/// What is said of a plan.
fn planned(prior: &serde_json::Value, config: &serde_json::Value, planned: &serde_json::Value) -> Vec<String> {
    let found = plan_is_valid(&schema(), &value(prior), &value(config), &value(planned));
    found.iter().map(|found| format!("{}: {}", found.path(), found.detail_text())).collect()
}

/// What is said of a result.
fn applied(planned: &serde_json::Value, state: &serde_json::Value) -> Vec<String> {
    let found = later_repeats_earlier(&schema(), &value(planned), &value(state), "Inconsistent");
    found.iter().map(|found| format!("{}: {}", found.path(), found.detail_text())).collect()
}

#[test]
fn a_plan_may_tell_anything_of_what_only_the_provider_knows() {
    let config = json!({ "plain": "a", "one": { "name": "n" }, "list": [{ "name": "n" }], "set": [{ "name": "n" }] });
    let part = json!({ "name": "n", "size": unknown() });
    let wanted = json!({ "plain": "a", "both": unknown(), "one": part, "list": [part], "set": [part] });
    assert_eq!(planned(&json!(null), &config, &wanted), Vec::<String>::new());
    let other = json!({ "plain": "A" });
    assert_eq!(planned(&json!({ "plain": "a" }), &other, &json!({ "plain": "a" })), Vec::<String>::new());
    assert_eq!(planned(&json!(null), &json!({ "never": "x" }), &json!({})), Vec::<String>::new());
}

#[test]
fn a_plan_changes_nothing_that_is_configured() {
    let none = json!(null);
    let table = [
        (
            none.clone(),
            json!({ "plain": "a" }),
            json!({ "plain": "b" }),
            r#"plain: It is configured as "a", but was planned as "b"."#,
        ),
        (
            json!({ "plain": "c" }),
            json!({ "plain": "a" }),
            json!({ "plain": "b" }),
            r#"plain: It is configured as "a" and was "c", but was planned as "b"."#,
        ),
        (
            none.clone(),
            json!({ "both": "a" }),
            json!({ "both": unknown() }),
            r#"both: It is configured as "a", but was planned as unknown."#,
        ),
        (
            none.clone(),
            json!({ "secret": "a" }),
            json!({ "secret": "b" }),
            "secret: It is configured as a sensitive value, but was planned as a sensitive value.",
        ),
        (
            none.clone(),
            json!({}),
            json!({ "plain": "b" }),
            r#"plain: It is neither configured nor computed, so it must stay null, but was planned as "b"."#,
        ),
        (
            none.clone(),
            json!({ "never": "a" }),
            json!({ "never": "a" }),
            "never: It is write-only, so it must be planned as null.",
        ),
        (
            none.clone(),
            json!({ "one": { "name": "a" } }),
            json!({ "one": unknown() }),
            r#"one: It is configured as {"name":"a","size":null}, but was planned as unknown."#,
        ),
        (
            none.clone(),
            json!({ "list": [{ "name": "a" }] }),
            json!({ "list": [{ "name": "b" }] }),
            r#"list[0].name: It is configured as "a", but was planned as "b"."#,
        ),
        (
            none.clone(),
            json!({ "list": [{ "name": "a" }] }),
            json!({ "list": [] }),
            "list: The planned elements are not the configured ones: some were added or left out.",
        ),
        (
            none.clone(),
            json!({ "set": [{ "name": "a" }] }),
            json!({ "set": [{ "name": "b", "size": 1 }] }),
            r#"set: The element planned as {"name":"b","size":1} is none of the configured ones."#,
        ),
        (json!({}), none.clone(), json!({}), ": It is to be destroyed, but a new state was planned."),
        (none.clone(), json!({}), none.clone(), ": It is configured, but its absence was planned."),
    ];
    for (prior, config, wanted, words) in table {
        assert_eq!(planned(&prior, &config, &wanted), [words]);
    }
}

#[test]
fn all_that_was_planned_comes_back() {
    let wanted = json!({ "both": unknown(), "set": [{ "name": "a", "size": unknown() }], "words": ["a", unknown()] });
    let state = json!({ "both": "b", "set": [{ "name": "a", "size": 3 }], "words": ["a", "b"] });
    assert_eq!(applied(&wanted, &state), Vec::<String>::new());
    let table = [
        (json!({ "plain": "a" }), json!({ "plain": "b" }), r#"plain: It was to be "a", but is "b"."#),
        (json!({}), json!({ "plain": "b" }), r#"plain: It was to be null, but is "b"."#),
        (json!({ "plain": "a" }), json!({}), r#"plain: It was to be "a", but is null."#),
        (json!({ "words": ["a"] }), json!({ "words": ["a", "b"] }), "words: It had 1 elements and now has 2."),
        (json!({ "words": ["a"] }), json!({ "words": ["b"] }), r#"words[0]: It was to be "a", but is "b"."#),
        (
            json!({ "one": { "name": "a", "size": 1 } }),
            json!({ "one": { "name": "a", "size": 2 } }),
            "one.size: It was to be 1, but is 2.",
        ),
        (
            json!({ "secret": "a" }),
            json!({ "secret": "b" }),
            "secret: It was to be a sensitive value, but is a sensitive value.",
        ),
        (json!({}), json!(null), ": It was to be a value that holds unknowns, but is null."),
    ];
    for (wanted, state, words) in table {
        let wanted = if state.is_null() { json!({ "both": unknown() }) } else { wanted };
        assert_eq!(applied(&wanted, &state), [words]);
    }
    let moved = applied(&json!({ "set": [{ "name": "a" }] }), &json!({ "set": [{ "name": "b" }] }));
    assert_eq!(
        moved,
        [
            r#"set: The element {"name":"a","size":null} has vanished."#,
            r#"set: The element {"name":"b","size":null} has appeared."#
        ]
    );
}

#[test]
fn a_state_holds_neither_unknown_nor_write_only_values() {
    let said = |state| state_is_storable(&schema(), &value(&state), "apply").to_string();
    assert!(said(json!({ "plain": "a" })).is_empty());
    assert!(said(json!({ "one": { "size": unknown() } })).contains("`one.size` is still unknown"));
    assert_eq!(
        said(json!({ "never": "x" })),
        "Provider stored a write-only value (never): A write-only attribute is null in every state."
    );
}
