//! Whatever arrives is answered: no message crashes the provider, takes memory out of proportion, or spoils what
//! follows.
//!
//! The calls are those of the protocol, by reflection: one that is added to it is tried from then on. The messages are
//! recorded ones, or made up of the fields that a call has, with their bytes and values mutated. `PROPTEST_CASES` says
//! how often.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "it/reflection.rs"]
mod reflection;
#[path = "it/sampler.rs"]
mod sampler;
#[path = "it/service.rs"]
mod service;

#[path = "fuzz/mutate.rs"]
mod mutate;

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use protox::prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, MethodDescriptor, Value};
use serde_json::Value as Json;
use tfplugin_rs::Type;
use tfplugin_rs::proto::tfplugin6::provider_server::ProviderServer;
use tfplugin_rs::testing::Core;
use tokio::runtime::Runtime;

use mutate::{Mutation, mutated, mutation};
use reflection::{calls, from_json, protocol};
use sampler::Sampler;
use service::{call, frame};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One test at a time: they measure the memory of the process.
static ALONE: Mutex<()> = Mutex::new(());

/// A byte of a message may become a value with a name and a place in a map, twice or thrice over.
const MEMORY_FOR_A_BYTE: usize = 16 * 1024;
/// Answers with all schemas need this much for the shortest question.
const MEMORY_FOR_A_CALL: usize = 4 * 1024 * 1024;

/// What running it took at most, beyond what was in use.
fn peak<T>(run: impl FnOnce() -> T) -> (T, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let done = run();
    (done, MEMORY.peak_usage().saturating_sub(before))
}

/// Everything there is to start from.
struct Seeds {
    calls: Vec<MethodDescriptor>,
    recorded: Vec<(String, DynamicMessage)>,
    /// Names of types and functions, and some that are none.
    names: Vec<String>,
    /// Values in bytes.
    values: Vec<Vec<u8>>,
}

impl Seeds {
    fn new() -> Self {
        let protocol = protocol();
        let calls = calls(&protocol);
        let mut recorded = Vec::new();
        let mut values: Vec<Vec<u8>> = vec![vec![0xc0], b"{}".to_vec(), b"null".to_vec(), Vec::new()];
        let mut files: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let asked: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            for asked in asked {
                let name = asked["call"].as_str().unwrap();
                let method = calls.iter().find(|method| method.name() == name).unwrap();
                let request = from_json(&method.input(), &asked["request"]);
                each_bytes(&mut request.clone(), &mut |bytes| values.push(bytes.clone()));
                recorded.push((name.to_owned(), request));
            }
        }
        values.sort();
        values.dedup();
        let names = ["sampler_thing", "sampler_plain", "sampler_search", "sampler_key", "show", "join", "", "none"];
        Self { calls, recorded, names: names.map(str::to_owned).into(), values }
    }

    /// A recorded message of a call, or one made up.
    fn message(&self, method: &MethodDescriptor, choice: Index) -> DynamicMessage {
        let recorded: Vec<_> = self.recorded.iter().filter(|(name, _)| name == method.name()).collect();
        if recorded.is_empty() {
            return self.made_up(&method.input(), choice.index(1 << 16), 0);
        }
        choice.get(&recorded).1.clone()
    }

    /// Every field has something in it.
    fn made_up(&self, of: &MessageDescriptor, salt: usize, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        for field in of.fields().filter(|_| depth < 4) {
            let salt = salt.wrapping_mul(31).wrapping_add(usize::try_from(field.number()).unwrap());
            let one = match field.kind() {
                Kind::Bool => Value::Bool(salt.is_multiple_of(2)),
                Kind::Int64 => Value::I64([0, 1, -1, i64::MAX, i64::MIN][salt % 5]),
                Kind::Int32 => Value::I32([0, 1, -1, i32::MAX][salt % 4]),
                Kind::Enum(_) => Value::EnumNumber([0, 1, 99][salt % 3]),
                Kind::String => Value::String(self.names[salt % self.names.len()].clone()),
                Kind::Bytes => Value::Bytes(self.values[salt % self.values.len()].clone().into()),
                Kind::Message(inner) if field.is_map() => {
                    let entry = self.made_up(&inner, salt, depth + 1);
                    let value = entry.get_field(&inner.map_entry_value_field()).into_owned();
                    Value::Map([(MapKey::String("k".to_owned()), value)].into())
                }
                Kind::Message(inner) => Value::Message(self.made_up(&inner, salt, depth + 1)),
                other => panic!("the protocol has no {other:?}"),
            };
            let value = if field.is_list() { Value::List(vec![one]) } else { one };
            message.set_field(&field, value);
        }
        message
    }
}

/// Visits all bytes in a message.
fn each_bytes(message: &mut DynamicMessage, visit: &mut dyn FnMut(&mut Vec<u8>)) {
    let fields: Vec<_> = message.fields().map(|(field, value)| (field, value.clone())).collect();
    for (field, mut value) in fields {
        each_bytes_in(&mut value, visit);
        message.set_field(&field, value);
    }
}

fn each_bytes_in(value: &mut Value, visit: &mut dyn FnMut(&mut Vec<u8>)) {
    match value {
        Value::Bytes(bytes) => {
            let mut changed = bytes.to_vec();
            visit(&mut changed);
            *bytes = changed.into();
        }
        Value::Message(inner) => each_bytes(inner, visit),
        Value::List(values) => values.iter_mut().for_each(|value| each_bytes_in(value, visit)),
        Value::Map(values) => values.values_mut().for_each(|value| each_bytes_in(value, visit)),
        _ => {}
    }
}

/// A configured provider on which nothing waits.
fn provider(runtime: &Runtime, seeds: &Seeds) -> Core<Sampler> {
    let sampler = Sampler::new();
    sampler.renewed.send_modify(|count| *count += 1);
    let core = Core::new(sampler);
    for name in ["ConfigureProvider", "StopProvider"] {
        let (_, request) = seeds.recorded.iter().find(|(call, _)| call == name).unwrap();
        ask(runtime, &core, name, frame(&request.encode_to_vec())).unwrap();
    }
    core
}

fn ask(runtime: &Runtime, core: &Core<Sampler>, name: &str, body: Vec<u8>) -> Result<Vec<Vec<u8>>, tonic::Code> {
    runtime.block_on(call(ProviderServer::from_arc(core.service()), name, body))
}

/// The call is answered, without a panic that somebody caught, and takes no more memory than its length allows.
fn is_answered(runtime: &Runtime, core: &Core<Sampler>, name: &str, body: Vec<u8>) -> Result<(), TestCaseError> {
    let length = body.len();
    let (answer, used) = peak(|| ask(runtime, core, name, body));
    if let Ok(messages) = answer {
        let panicked = b"failed unexpectedly";
        let caught = messages.iter().any(|message| message.windows(panicked.len()).any(|window| window == panicked));
        prop_assert!(!caught, "{name} panicked");
    }
    let allowed = length * MEMORY_FOR_A_BYTE + MEMORY_FOR_A_CALL;
    prop_assert!(used <= allowed, "{name} took {used} bytes for {length}");
    Ok(())
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    proptest::collection::vec(mutation(), 1..4)
}

#[test]
fn any_message_of_any_call_is_answered_and_the_provider_goes_on() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seeds = Seeds::new();
    let core = provider(&runtime, &seeds);
    let (name, valid) = seeds.recorded.iter().find(|(name, _)| name == "PlanResourceChange").unwrap();
    let valid = frame(&valid.encode_to_vec());
    let expected = ask(&runtime, &core, name, valid.clone()).unwrap();
    proptest!(|(choice: Index, mutations in mutations(), raw in proptest::option::weighted(0.2, mutation()))| {
        for method in &seeds.calls {
            let mut message = seeds.message(method, choice);
            each_bytes(&mut message, &mut |bytes| *bytes = mutated(bytes, &mutations, &seeds.values));
            let mut body = message.encode_to_vec();
            if let Some(raw) = &raw {
                body = mutated(&body, std::slice::from_ref(raw), &seeds.values);
            }
            // What configures the provider anew is given to another one, so that this one stays as it is.
            if method.name() == "ConfigureProvider" {
                is_answered(&runtime, &Core::new(Sampler::new()), method.name(), frame(&body))?;
            } else {
                is_answered(&runtime, &core, method.name(), frame(&body))?;
            }
        }
        prop_assert_eq!(&ask(&runtime, &core, name, valid.clone()).unwrap(), &expected);
    });
}

#[test]
fn any_type_is_read_or_refused() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let types: Vec<Vec<u8>> = [
        r#""string""#,
        r#"["list",["map",["object",{"a":"number","b":["tuple",["bool","dynamic"]]}]]]"#,
        r#"["set",["set",["set","string"]]]"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    proptest!(|(seed: Index, mutations in mutations())| {
        let bytes = mutated(seed.get(&types).as_slice(), &mutations, &types);
        let (read, used) = peak(|| Type::from_json(&bytes));
        if let Ok(read) = read {
            prop_assert_eq!(Type::from_json(&read.to_json()), Ok(read));
        }
        prop_assert!(used <= bytes.len() * MEMORY_FOR_A_BYTE + MEMORY_FOR_A_CALL);
    });
}

/// Messages that would be costly for a reader who believes what they say of themselves.
#[test]
fn a_small_message_never_takes_much_memory() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seeds = Seeds::new();
    let core = provider(&runtime, &seeds);
    for (what, value) in mutate::costly() {
        for name in
            ["ValidateResourceConfig", "PlanResourceChange", "ReadResource", "CallFunction", "UpgradeResourceState"]
        {
            let method = seeds.calls.iter().find(|method| method.name() == name).unwrap();
            let recorded = seeds.recorded.iter().filter(|(call, _)| call == name).map(|(_, message)| message);
            let is_thing = |message: &&DynamicMessage| {
                ["sampler_thing", "show"]
                    .iter()
                    .any(|name| message.encode_to_vec().windows(name.len()).any(|window| window == name.as_bytes()))
            };
            let mut message =
                recorded.clone().find(is_thing).unwrap_or_else(|| panic!("{} is recorded", method.name())).clone();
            each_bytes(&mut message, &mut |bytes| value.clone_into(bytes));
            let answered = is_answered(&runtime, &core, name, frame(&message.encode_to_vec()));
            answered.unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
        }
    }
}
