//! Random bodies and paths: each is answered, none with an internal error, and a refused request changes nothing.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use ringfence_api::inspect::AuditEntry;
use serde_json::{Value, json};

use super::https::Https;
use super::routes::{For, ROUTES, Route, committed, lists};
use super::world::World;

/// How many requests are made of each route.
const TRIES: usize = 60;

/// Something to put in the place of something else.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(-1),
            json!(0),
            json!(2),
            json!(1.5),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e300)
        ]),
        "\\PC{0,30}".prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "\0",
            "a\u{202e}b",
            "../../etc",
            "%2e%2e",
            "0h",
            "-1s",
            "99999999999d",
            "__",
            "A__B__C"
        ])
        .prop_map(Value::from),
        (1..3_000_usize).prop_map(|length| Value::from("x".repeat(length))),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,12}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// All places in a value.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| places(value, &format!("{here}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{here}/{index}"), found));
        }
        _ => {}
    }
}

/// A body that was meant, with something in it replaced, renamed or cut.
fn spoiled(body: &Value, runner: &mut TestRunner) -> String {
    let strategy = (any::<prop::sample::Index>(), any_value(), 0..10_u8, "\\PC{0,8}", any::<prop::sample::Index>());
    let (which, value, how, name, cut) = strategy.new_tree(runner).unwrap().current();
    let mut found = Vec::new();
    places(body, "", &mut found);
    let place = which.get(&found);
    let mut body = body.clone();
    match how {
        0..=6 => *body.pointer_mut(place).unwrap() = value,
        7 => {
            if let Some(Value::Object(fields)) = body.pointer_mut(place) {
                fields.insert(name, value);
            }
        }
        _ => {}
    }
    let text = body.to_string();
    if how < 8 {
        return text;
    }
    let chars: Vec<char> = text.chars().collect();
    chars[..cut.index(chars.len() + 1)].iter().collect()
}

/// What is declared, and the last thing that the operator did. Nodes and the daemon do theirs meanwhile.
async fn state(world: &World) -> (Option<i64>, Value) {
    let rows: Vec<AuditEntry> = world.client.read("/v1/audit?limit=1000").await.unwrap();
    let declared = world.operator.get("/v1/cluster").await.served()["declared"].clone();
    (rows.iter().filter(|row| row.actor == "operator" && row.action != "login").map(|row| row.sequence).max(), declared)
}

fn caller<'a>(route: &Route, world: &'a World, agent: &'a Https) -> &'a Https {
    match route.is_for {
        For::Everybody => &world.public,
        For::Recognised | For::Operator | For::DataOwner => &world.operator,
        For::Agent => agent,
    }
}

#[tokio::test]
async fn a_random_body_is_answered_and_changes_nothing_unless_it_is_accepted() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let mut runner = TestRunner::default();
    let agent = world.holder(&world.held_by("workers-0", "node"));
    // A new operator's key that is taken would lock this one out.
    let routes = ROUTES.iter().filter(|route| !route.body().is_null() && route.template != "/v1/operator-key");
    let document = committed();
    let mut refused = 0;
    for route in routes {
        for _ in 0..TRIES {
            let body = spoiled(&route.body(), &mut runner);
            let before = state(&world).await;
            let answer = caller(route, &world, &agent).call_text(route.method, &route.path(), &body).await;
            let what = format!("{} {} {body}: {} {}", route.method, route.template, answer.status, answer.text());
            assert!(answer.status < 500 && lists(&document, route, answer.status), "{what}");
            if answer.status >= 400 {
                assert_eq!(answer.content_type, "application/problem+json", "{what}");
                assert_eq!(state(&world).await, before, "{what}");
                refused += 1;
            }
        }
    }
    assert!(refused > 300, "most are refused: {refused}");
}

#[tokio::test]
async fn a_random_path_is_answered() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let mut runner = TestRunner::default();
    // OCSP has answers of its own for what is no request.
    let routes = ROUTES.iter().filter(|route| route.template != "/v1/ocsp/{request}");
    let document = committed();
    for route in routes.filter(|route| route.method == "GET" && route.template.contains('{')) {
        for _ in 0..TRIES {
            let bytes = prop::collection::vec(any::<u8>(), 0..12).new_tree(&mut runner).unwrap().current();
            let segment = bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
            let mut path = route.template.to_owned();
            while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
                path.replace_range(from..=to, &segment);
            }
            let answer = world.operator.get(&path).await;
            let what = format!("{path}: {} {}", answer.status, answer.text());
            assert!((400..500).contains(&answer.status) && lists(&document, route, answer.status), "{what}");
            assert_eq!(answer.content_type, "application/problem+json", "{what}");
        }
    }
}
