//! Values survive the wire; schemas obey what Terraform demands when it loads them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::proto::tfplugin6 as pb;
use crate::schema::Schema;
use crate::value::{Dynamic, Number, Set, Type, Value, normalized};
use crate::{Model, Path};

#[test]
fn an_instant_has_its_fraction_counted_forwards() {
    for (text, expected) in
        [("2026-01-02T03:04:05.5Z", (1_767_323_045, 500_000_000)), ("1969-12-31T23:59:59.75Z", (-1, 750_000_000))]
    {
        let written = timestamp(text.parse().unwrap());
        assert_eq!((written.seconds, written.nanos), expected, "{text}");
    }
}

fn a_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::String), Just(Type::Bool), Just(Type::Number), Just(Type::Dynamic)];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed().prop_map(Type::List),
            // Terraform has no sets of any type.
            boxed().prop_filter("dynamic", |element| **element != Type::Dynamic).prop_map(Type::Set),
            boxed().prop_map(Type::Map),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Type::Tuple),
            proptest::collection::btree_map("[a-c]", inner.clone(), 0..3).prop_map(Type::Object),
        ]
    })
}

fn a_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("a number", |float| Number::from_f64(float).ok()),
        "-?[0-9]{1,40}\\.[0-9]{0,40}".prop_map(|text| text.parse().unwrap()),
        "[1-9]{1,5}e-?[0-9]{1,4}".prop_map(|text| text.parse().unwrap()),
    ]
}

/// A value of a type, nulls and unknowns among them.
fn a_value(of: &Type) -> BoxedStrategy<Dynamic> {
    let known = match of {
        Type::String => any::<String>().prop_map(|text| Dynamic::String(normalized(text))).boxed(),
        Type::Bool => any::<bool>().prop_map(Dynamic::Bool).boxed(),
        Type::Number => a_number().prop_map(Dynamic::Number).boxed(),
        Type::Dynamic => {
            let plain = prop_oneof![Just(Type::String), Just(Type::List(Box::new(Type::Number)))];
            plain
                .prop_flat_map(|of| {
                    let known = a_value(&of).prop_filter("known", |value| !value.is_null() && !value.is_unknown());
                    known.prop_map(move |value| Dynamic::Typed(Box::new((of.clone(), value))))
                })
                .boxed()
        }
        Type::List(element) => proptest::collection::vec(a_value(element), 0..4).prop_map(Dynamic::List).boxed(),
        Type::Set(element) => proptest::collection::vec(a_value(element), 0..4).prop_map(Dynamic::set).boxed(),
        Type::Map(element) => {
            proptest::collection::btree_map("[a-z]{0,3}", a_value(element), 0..4).prop_map(Dynamic::Map).boxed()
        }
        Type::Tuple(types) => types.iter().map(a_value).collect::<Vec<_>>().prop_map(Dynamic::List).boxed(),
        Type::Object(types) => {
            let names: Vec<String> = types.keys().cloned().collect();
            let values = types.values().map(a_value).collect::<Vec<_>>();
            values
                .prop_map(move |values| Dynamic::Map(names.iter().cloned().zip(values).collect::<BTreeMap<_, _>>()))
                .boxed()
        }
    };
    prop_oneof![6 => known, 1 => Just(Dynamic::Null), 1 => Just(Dynamic::Unknown)].boxed()
}

proptest! {
    #[test]
    fn every_value_survives_the_wire((of, value) in a_type().prop_flat_map(|of| (Just(of.clone()), a_value(&of)))) {
        let bytes = encode(&value, &of).unwrap();
        prop_assert_eq!(decode(&bytes, &of, &mut Budget::default()).unwrap(), value);
    }

    #[test]
    fn every_type_survives_its_json(of in a_type()) {
        prop_assert_eq!(Type::from_json(&of.to_json()), Ok(of));
    }
}

/// Has one of each.
#[derive(Clone, Model)]
struct Sample {
    /// First line.
    ///
    /// Second paragraph.
    #[tf(required)]
    name: Value<String>,
    #[tf(optional, computed, sensitive, deprecated = "use `name`")]
    old: Value<Number>,
    #[tf(optional, write_only)]
    secret_wo: Value<String>,
    #[tf(optional, default = true)]
    on: Value<bool>,
    #[tf(optional)]
    many: Value<Set<Part>>,
    #[tf(optional, name = "type")]
    kind: Value<Vec<BTreeMap<String, Part>>>,
}

/// A part.
#[derive(Clone, PartialEq, Model)]
struct Part {
    /// How much.
    #[tf(computed)]
    share: Value<f64>,
}

fn sample(name: &str) -> pb::schema::Attribute {
    let block = schema(&Schema::of::<Sample>(3)).block.unwrap();
    block.attributes.into_iter().find(|attribute| attribute.name == name).unwrap()
}

#[test]
fn every_attribute_has_a_type_or_a_nested_type_and_says_where_it_comes_from() {
    let written = schema(&Schema::of::<Sample>(3));
    assert_eq!(written.version, 3);
    let block = written.block.unwrap();
    assert_eq!(block.description, "Has one of each.");
    for attribute in block.attributes {
        assert!(attribute.r#type.is_empty() == attribute.nested_type.is_some(), "{}", attribute.name);
        assert!(attribute.required || attribute.optional || attribute.computed);
        assert!(!attribute.required || !(attribute.optional || attribute.computed));
    }
}

#[test]
fn what_is_written_on_a_field_is_in_the_schema() {
    let name = sample("name");
    assert_eq!(name.description, "First line.\n\nSecond paragraph.");
    assert!(name.required && name.r#type == br#""string""#);
    let old = sample("old");
    assert!(old.optional && old.computed && old.sensitive && old.deprecated);
    assert_eq!(old.deprecation_message, "use `name`");
    assert!(sample("secret_wo").write_only);
    let on = sample("on");
    assert!(on.optional && on.computed, "a default makes an attribute computed");
}

#[test]
fn collections_of_models_are_nested_and_deeper_ones_are_plain_types() {
    use pb::schema::object::NestingMode;
    let nested = sample("many").nested_type.unwrap();
    assert_eq!(nested.nesting(), NestingMode::Set);
    assert_eq!(nested.attributes[0].name, "share");
    assert_eq!(sample("type").r#type, br#"["list",["map",["object",{"share":"number"}]]]"#);
}

#[test]
fn a_path_is_written_step_by_step() {
    use pb::attribute_path::step::Selector::{AttributeName, ElementKeyInt, ElementKeyString};
    let written = path(&Path::root().attr("a").key("k").index(2));
    let steps: Vec<_> = written.steps.into_iter().filter_map(|step| step.selector).collect();
    assert_eq!(steps, [AttributeName("a".into()), ElementKeyString("k".into()), ElementKeyInt(2)]);
}

#[test]
fn the_text_names_what_terraform_cannot_point_at() {
    let at = |path: Path| diagnostics(&crate::Diagnostic::error("Bad").detail("So.").at(path).into()).remove(0).detail;
    assert_eq!(at(Path::root().attr("a")), "So.");
    assert_eq!(at(Path::root().attr("a").key("k")), "So.\n\nThis is about `a[\"k\"]`.");
}

#[test]
fn a_missing_value_is_null_and_json_is_read_when_there_is_no_msgpack() {
    assert_eq!(from_dynamic(None, &Type::Bool), Ok(Dynamic::Null));
    let json = pb::DynamicValue { msgpack: Vec::new(), json: b"true".to_vec() };
    assert_eq!(from_dynamic(Some(&json), &Type::Bool), Ok(Dynamic::Bool(true)));
}

#[test]
fn debug_of_a_model_hides_what_is_sensitive() {
    let sample = Sample {
        name: "shown".into(),
        old: Number::from(424_242_i64).into(),
        secret_wo: "hidden".into(),
        ..Sample::default()
    };
    let shown = format!("{sample:?}");
    assert!(shown.contains("shown") && !shown.contains("hidden") && !shown.contains("424242"), "{shown}");
}
