//! Tables and properties of planning, on a model with every kind of attribute.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::schema::Field;
use crate::value::{Set, Value};
use crate::{Dynamic as D, Model};

/// Everything.
#[derive(Clone, Model)]
struct Thing {
    #[tf(computed, plan = keep_state())]
    id: Value<String>,
    #[tf(computed)]
    stamp: Value<String>,
    #[tf(required, plan = requires_replace())]
    name: Value<String>,
    #[tf(optional, default = "standard")]
    size: Value<String>,
    #[tf(optional, computed, plan = keep_state(), plan = requires_replace_if_configured())]
    zone: Value<String>,
    #[tf(optional, plan = requires_replace_if(is_smaller))]
    disk: Value<i64>,
    #[tf(optional)]
    note: Value<String>,
    #[tf(optional, write_only)]
    secret_wo: Value<String>,
    #[tf(optional, computed, plan = keep_state())]
    link: Value<Inner>,
    #[tf(optional)]
    groups: Value<BTreeMap<String, Inner>>,
    #[tf(optional)]
    steps: Value<Vec<Inner>>,
    #[tf(optional)]
    marks: Value<Set<Inner>>,
}

/// A part.
#[derive(Clone, PartialEq, Model)]
struct Inner {
    #[tf(required, plan = requires_replace())]
    kind: Value<String>,
    #[tf(optional, default = 1)]
    count: Value<i64>,
    #[tf(computed, plan = keep_state())]
    address: Value<String>,
    #[tf(computed)]
    seen: Value<String>,
}

fn is_smaller(prior: &Value<i64>, planned: &Value<i64>) -> bool {
    planned.known() < prior.known()
}

fn attributes() -> Vec<Attribute> {
    Thing::attributes()
}

fn inner(kind: &str) -> Inner {
    Inner { kind: kind.into(), ..Inner::default() }
}

fn config(kind: &str) -> Thing {
    let groups = BTreeMap::from([("a".to_owned(), inner(kind))]);
    Thing { name: "n".into(), groups: groups.into(), ..Thing::default() }
}

/// What Terraform merges from prior and configuration before it asks for a plan.
fn proposed(attributes: &[Attribute], prior: Option<&Object>, config: &Object) -> Object {
    let merge = |children: &[Attribute], prior: &D, config: &D| match config {
        D::Map(config) => D::Map(proposed(children, prior.as_object(), config)),
        other => other.clone(),
    };
    let merged = attributes.iter().map(|attribute| {
        let configured = field(config, &attribute.name);
        let before = prior.map_or(&D::Null, |prior| field(prior, &attribute.name));
        let value = match (&attribute.kind, configured) {
            (_, D::Null) if attribute.is_computed() => before.clone(),
            (Kind::Nested(Nesting::Single, children), config) => merge(children, before, config),
            (Kind::Nested(_, children), D::Map(configs)) => D::Map(
                configs
                    .iter()
                    .map(|(key, config)| (key.clone(), merge(children, before.attribute(key), config)))
                    .collect(),
            ),
            (Kind::Nested(_, children), D::List(configs)) => {
                let D::List(before) = before else { return (attribute.name.clone(), configured.clone()) };
                let none = D::Null;
                let pairs = configs.iter().enumerate();
                D::List(pairs.map(|(at, config)| merge(children, before.get(at).unwrap_or(&none), config)).collect())
            }
            (Kind::Nested(_, children), D::Set(configs)) => {
                let mut before = match before {
                    D::Set(before) => before.clone(),
                    _ => Vec::new(),
                };
                let elements = configs.iter().map(|config| {
                    match before.iter().position(|prior| compatible_values(children, config, prior)) {
                        Some(at) => merge(children, &before.remove(at), config),
                        None => config.clone(),
                    }
                });
                D::set(elements.collect())
            }
            (_, configured) => configured.clone(),
        };
        (attribute.name.clone(), value)
    });
    merged.collect()
}

fn plan_of(prior: &D, config: &D) -> Planned {
    let attributes = attributes();
    let proposed = proposed(&attributes, prior.as_object(), config.as_object().unwrap());
    plan(&attributes, prior, &D::Map(proposed), config)
}

/// The state that applying a plan leaves: every unknown becomes something of its own.
fn applied(planned: &D, of: &crate::Type, seed: &mut u32) -> D {
    use crate::Type;
    let mut each = |value: &D, of: &Type| applied(value, of, seed);
    match (planned, of) {
        (D::Map(fields), Type::Object(types)) => {
            D::Map(fields.iter().map(|(name, value)| (name.clone(), each(value, &types[name]))).collect())
        }
        (D::Map(fields), Type::Map(of)) => {
            D::Map(fields.iter().map(|(key, value)| (key.clone(), each(value, of))).collect())
        }
        (D::List(elements), Type::List(of)) => D::List(elements.iter().map(|value| each(value, of)).collect()),
        (D::Set(elements), Type::Set(of)) => D::set(elements.iter().map(|value| each(value, of)).collect()),
        (D::Unknown, Type::Object(types)) => {
            D::Map(types.iter().map(|(name, of)| (name.clone(), each(&D::Unknown, of))).collect())
        }
        (D::Unknown, Type::Number) => D::from(7),
        (D::Unknown, _) => {
            *seed += 1;
            D::String(format!("made {seed}"))
        }
        (known, _) => known.clone(),
    }
}

fn state_of(planned: &D) -> D {
    applied(planned, &crate::schema::object_type(&attributes()), &mut 0)
}

fn created(config: &Thing) -> D {
    state_of(&plan_of(&D::Null, &config.encode()).state)
}

fn paths(planned: &Planned) -> Vec<String> {
    planned.requires_replace.iter().map(ToString::to_string).collect()
}

#[test]
fn creating_fills_defaults_and_leaves_the_rest_to_the_provider() {
    let mut config = config("x");
    config.secret_wo = "s".into();
    let planned = plan_of(&D::Null, &config.encode());
    let of = |name| planned.state.attribute(name).clone();
    assert_eq!(of("id"), D::Unknown);
    assert_eq!(of("zone"), D::Unknown);
    assert_eq!(of("link"), D::Unknown);
    assert_eq!(of("size"), D::from("standard"));
    assert_eq!(of("note"), D::Null);
    assert_eq!(of("secret_wo"), D::Null, "write-only values are never planned");
    let group = planned.state.attribute("groups").attribute("a").clone();
    assert_eq!(group.attribute("count"), &D::from(1));
    assert_eq!(group.attribute("address"), &D::Unknown);
    assert!(planned.requires_replace.is_empty(), "nothing to replace yet");
}

#[test]
fn destroying_plans_nothing() {
    let state = created(&config("x"));
    let planned = plan(&attributes(), &state, &D::Null, &D::Null);
    assert_eq!(planned, Planned { state: D::Null, requires_replace: BTreeSet::new() });
}

#[test]
fn a_change_makes_computed_values_unknown_except_kept_ones() {
    let before = config("x");
    let state = created(&before);
    let after = Thing { note: "new".into(), ..before };
    let planned = plan_of(&state, &after.encode());
    for kept in ["id", "zone", "link", "name", "size"] {
        assert_eq!(planned.state.attribute(kept), state.attribute(kept), "{kept}");
    }
    assert_eq!(planned.state.attribute("stamp"), &D::Unknown);
    let group = |state: &D| state.attribute("groups").attribute("a").clone();
    assert_eq!(group(&planned.state).attribute("address"), group(&state).attribute("address"));
    assert_eq!(group(&planned.state).attribute("seen"), &D::Unknown);
    assert!(planned.requires_replace.is_empty());
}

#[test]
fn an_object_that_is_new_keeps_no_state() {
    let before = config("x");
    let state = created(&before);
    let mut after = before;
    after.groups.known_mut().unwrap().insert("b".to_owned(), inner("y"));
    let planned = plan_of(&state, &after.encode());
    let groups = planned.state.attribute("groups");
    assert_eq!(groups.attribute("b").attribute("address"), &D::Unknown);
    assert_eq!(
        groups.attribute("a").attribute("address"),
        &D::from(state.attribute("groups").attribute("a").attribute("address").as_str().unwrap())
    );
    assert_eq!(paths(&planned), [r#"groups["b"].kind"#]);
}

#[test]
fn an_element_of_a_set_keeps_the_state_of_its_former_self() {
    let marks = |kinds: &[&str]| Value::Known(kinds.iter().map(|kind| inner(kind)).collect::<Set<_>>());
    let before = Thing { marks: marks(&["p", "q"]), ..config("x") };
    let state = created(&before);
    let after = Thing { marks: marks(&["q"]), ..before };
    let planned = plan_of(&state, &after.encode());
    let find = |state: &D| match state.attribute("marks") {
        D::Set(elements) => elements.iter().find(|mark| mark.attribute("kind") == &D::from("q")).cloned().unwrap(),
        _ => panic!("a set"),
    };
    assert_eq!(find(&planned.state).attribute("address"), find(&state).attribute("address"));
    assert_eq!(find(&planned.state).attribute("count"), &D::from(1));
}

#[test]
fn replacement_is_asked_for_exactly_where_it_is_due() {
    let base = Thing { disk: 10.into(), ..config("x") };
    let state = created(&base);
    let table: [(&str, Thing, &[&str]); 8] = [
        ("nothing", base.clone(), &[]),
        ("name", Thing { name: "other".into(), ..base.clone() }, &["name"]),
        ("unknown name", Thing { name: Value::Unknown, ..base.clone() }, &["name"]),
        ("zone set", Thing { zone: "z".into(), ..base.clone() }, &["zone"]),
        ("disk grows", Thing { disk: 20.into(), ..base.clone() }, &[]),
        ("disk shrinks", Thing { disk: 5.into(), ..base.clone() }, &["disk"]),
        ("nested", Thing { groups: config("y").groups, ..base.clone() }, &[r#"groups["a"].kind"#]),
        ("gone", Thing { groups: Value::Null, ..base.clone() }, &[]),
    ];
    for (what, config, expected) in table {
        assert_eq!(paths(&plan_of(&state, &config.encode())), expected, "{what}");
    }
}

#[test]
fn an_unknown_in_the_configuration_stays_unknown() {
    let base = config("x");
    let state = created(&base);
    let planned = plan_of(&state, &Thing { size: Value::Unknown, groups: Value::Unknown, ..base }.encode());
    assert_eq!(planned.state.attribute("size"), &D::Unknown);
    assert_eq!(planned.state.attribute("groups"), &D::Unknown);
}

fn text() -> impl Strategy<Value = Value<String>> {
    prop_oneof![Just(Value::Null), Just("a".into()), Just("b".into())]
}

fn count() -> impl Strategy<Value = Value<i64>> {
    prop_oneof![Just(Value::Null), Just(1.into()), Just(2.into())]
}

fn an_inner() -> impl Strategy<Value = Inner> {
    (prop_oneof![Just("a"), Just("b")], count()).prop_map(|(kind, count)| Inner { count, ..inner(kind) })
}

/// Elements that a default would make equal are one element to Terraform, which no plan can express.
fn distinct(marks: Vec<Inner>) -> Set<Inner> {
    let mut seen = BTreeSet::new();
    let mut new = |mark: &Inner| seen.insert((mark.kind.clone(), mark.count.known().copied().unwrap_or(1)));
    marks.into_iter().filter(|mark| new(mark)).collect()
}

fn a_config() -> impl Strategy<Value = Thing> {
    let nested = (
        proptest::option::of(an_inner()),
        proptest::option::of(proptest::collection::btree_map("[ab]", an_inner(), 0..3)),
        proptest::option::of(proptest::collection::vec(an_inner(), 0..3)),
        proptest::option::of(proptest::collection::vec(an_inner(), 0..3)),
    );
    (text(), text(), count(), text(), text(), nested).prop_map(
        |(size, zone, disk, note, secret_wo, (link, groups, steps, marks))| Thing {
            name: "n".into(),
            size,
            zone,
            disk,
            note,
            secret_wo,
            link: link.into(),
            groups: groups.into(),
            steps: steps.into(),
            marks: marks.map(distinct).into(),
            ..Thing::default()
        },
    )
}

/// Makes some attributes of a configuration unknown.
fn blurred(config: &Thing, which: u8) -> D {
    let D::Map(mut fields) = config.encode() else { panic!("an object") };
    for (bit, name) in ["name", "size", "zone", "note", "link", "groups", "steps", "marks"].iter().enumerate() {
        if which & (1 << bit) != 0 {
            fields.insert((*name).to_owned(), D::Unknown);
        }
    }
    D::Map(fields)
}

proptest! {
    #[test]
    fn with_nothing_to_change_the_plan_is_the_prior_state(config in a_config()) {
        let state = created(&config);
        let planned = plan_of(&state, &config.encode());
        prop_assert_eq!(planned, Planned { state, requires_replace: BTreeSet::new() });
    }

    #[test]
    fn what_is_configured_is_planned(before in a_config(), after in a_config(), which in any::<u8>()) {
        let state = created(&before);
        let config = blurred(&after, which);
        for prior in [D::Null, state] {
            let planned = plan_of(&prior, &config);
            let (config, planned) = (config.as_object().unwrap(), planned.state.as_object().unwrap().clone());
            prop_assert!(compatible(&attributes(), config, &planned), "{config:#?} {planned:#?}");
        }
    }

    #[test]
    fn what_nobody_set_is_the_prior_value_or_unknown(before in a_config(), after in a_config()) {
        let state = created(&before);
        let planned = plan_of(&state, &after.encode()).state;
        for name in ["id", "stamp"] {
            let value = planned.attribute(name);
            prop_assert!(value.is_unknown() || value == state.attribute(name));
        }
    }

    #[test]
    fn planning_twice_says_the_same(before in a_config(), after in a_config(), which in any::<u8>()) {
        let state = created(&before);
        let config = blurred(&after, which);
        let first = plan_of(&state, &config);
        prop_assert_eq!(&first, &plan_of(&state, &config));
        // Also when Terraform proposes what was planned.
        prop_assert_eq!(&first, &plan(&attributes(), &state, &first.state, &config));
    }
}
