//! What a real Terraform sent: our reading of its values loses nothing, and what this harness proposes is what it
//! proposed.

use std::collections::BTreeMap;

use prost::Message;
use serde_json::Value as Json;

use self::reflection::{calls, from_json, protocol};
use super::proposed::proposed;
use super::schema::Schema;
use crate::proto::tfplugin6 as pb;
use crate::value::{Dynamic, Type};
use crate::wire::{Budget, decode, encode};

#[path = "../../tests/it/reflection.rs"]
mod reflection;

/// The recorded messages of one call, as a type of ours.
struct Recorded {
    scene: String,
    name: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

fn recorded() -> Vec<Recorded> {
    let protocol = protocol();
    let methods = calls(&protocol);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded")).unwrap() {
        let file = entry.unwrap().path();
        let calls: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for call in calls {
            let name = call["call"].as_str().unwrap();
            let method = methods.iter().find(|method| method.name() == name).unwrap();
            all.push(Recorded {
                scene: file.file_stem().unwrap().to_string_lossy().into_owned(),
                name: name.to_owned(),
                request: from_json(&method.input(), &call["request"]).encode_to_vec(),
                answer: from_json(&method.output(), &call["answer"]).encode_to_vec(),
            });
        }
    }
    all
}

/// All schemas by kind and name.
struct Schemas {
    provider: Schema,
    resources: BTreeMap<String, Schema>,
    data_sources: BTreeMap<String, Schema>,
    ephemeral_resources: BTreeMap<String, Schema>,
    functions: BTreeMap<String, pb::Function>,
}

fn schemas(all: &[Recorded]) -> Schemas {
    let schema = all.iter().find(|call| call.name == "GetProviderSchema").unwrap();
    let answer = pb::get_provider_schema::Response::decode(schema.answer.as_slice()).unwrap();
    let read = |schemas: BTreeMap<String, pb::Schema>| -> BTreeMap<String, Schema> {
        schemas.into_iter().map(|(name, schema)| (name, Schema::read(&schema).unwrap())).collect()
    };
    Schemas {
        provider: Schema::read(&answer.provider.unwrap()).unwrap(),
        resources: read(answer.resource_schemas),
        data_sources: read(answer.data_source_schemas),
        ephemeral_resources: read(answer.ephemeral_resource_schemas),
        functions: answer.functions,
    }
}

/// The values that Terraform sent in a call, each with its type.
fn sent(call: &Recorded, schemas: &Schemas) -> Vec<(Vec<u8>, Type)> {
    let bytes = call.request.as_slice();
    let of = |type_of: &Type, values: Vec<Option<pb::DynamicValue>>| -> Vec<(Vec<u8>, Type)> {
        values.into_iter().flatten().map(|value| (value.msgpack, type_of.clone())).collect()
    };
    match call.name.as_str() {
        "ValidateProviderConfig" => {
            let request = pb::validate_provider_config::Request::decode(bytes).unwrap();
            of(&schemas.provider.object_type, vec![request.config])
        }
        "ConfigureProvider" => {
            let request = pb::configure_provider::Request::decode(bytes).unwrap();
            of(&schemas.provider.object_type, vec![request.config])
        }
        "ValidateResourceConfig" => {
            let request = pb::validate_resource_config::Request::decode(bytes).unwrap();
            of(&schemas.resources[&request.type_name].object_type, vec![request.config])
        }
        "ReadResource" => {
            let request = pb::read_resource::Request::decode(bytes).unwrap();
            of(&schemas.resources[&request.type_name].object_type, vec![request.current_state])
        }
        "PlanResourceChange" => {
            let request = pb::plan_resource_change::Request::decode(bytes).unwrap();
            of(
                &schemas.resources[&request.type_name].object_type,
                vec![request.prior_state, request.proposed_new_state, request.config],
            )
        }
        "ApplyResourceChange" => {
            let request = pb::apply_resource_change::Request::decode(bytes).unwrap();
            of(
                &schemas.resources[&request.type_name].object_type,
                vec![request.prior_state, request.planned_state, request.config],
            )
        }
        "ValidateDataResourceConfig" => {
            let request = pb::validate_data_resource_config::Request::decode(bytes).unwrap();
            of(&schemas.data_sources[&request.type_name].object_type, vec![request.config])
        }
        "ReadDataSource" => {
            let request = pb::read_data_source::Request::decode(bytes).unwrap();
            of(&schemas.data_sources[&request.type_name].object_type, vec![request.config])
        }
        "ValidateEphemeralResourceConfig" => {
            let request = pb::validate_ephemeral_resource_config::Request::decode(bytes).unwrap();
            of(&schemas.ephemeral_resources[&request.type_name].object_type, vec![request.config])
        }
        "OpenEphemeralResource" => {
            let request = pb::open_ephemeral_resource::Request::decode(bytes).unwrap();
            of(&schemas.ephemeral_resources[&request.type_name].object_type, vec![request.config])
        }
        "CallFunction" => arguments(bytes, schemas),
        _ => Vec::new(),
    }
}

/// The arguments of a function, each with its type.
fn arguments(request: &[u8], schemas: &Schemas) -> Vec<(Vec<u8>, Type)> {
    let request = pb::call_function::Request::decode(request).unwrap();
    let function = &schemas.functions[&request.name];
    let arguments = request.arguments.into_iter().enumerate().map(|(position, argument)| {
        let parameter = function.parameters.get(position).or(function.variadic_parameter.as_ref()).unwrap();
        (argument.msgpack, Type::from_json(&parameter.r#type).unwrap())
    });
    arguments.collect()
}

/// Whether Terraform and this crate have one form for it: no order to choose, no number that has several forms, no
/// unknown of which Terraform says more.
fn has_one_form(value: &Dynamic) -> bool {
    match value {
        Dynamic::Unknown => false,
        Dynamic::Number(number) => number.to_i64().is_some(),
        Dynamic::Set(elements) => elements.len() < 2 && elements.iter().all(has_one_form),
        Dynamic::List(elements) => elements.iter().all(has_one_form),
        Dynamic::Map(fields) => fields.values().all(has_one_form),
        Dynamic::Typed(typed) => has_one_form(&typed.1),
        Dynamic::Null | Dynamic::Bool(_) | Dynamic::String(_) => true,
    }
}

#[test]
fn every_recorded_value_is_read_and_written_without_loss() {
    let all = recorded();
    let schemas = schemas(&all);
    let (mut values, mut identical) = (0, 0);
    for call in &all {
        for (bytes, of) in sent(call, &schemas) {
            let place = format!("{}: {}", call.scene, call.name);
            let value = decode(&bytes, &of, &mut Budget::default()).expect(&place);
            let written = encode(&value, &of).expect(&place);
            assert_eq!(decode(&written, &of, &mut Budget::default()).as_ref(), Ok(&value), "{place}");
            if has_one_form(&value) {
                assert_eq!(written, bytes, "{place}");
                identical += 1;
            }
            values += 1;
        }
    }
    assert!(values > 100 && identical > 30, "{identical} of {values}");
}

#[test]
fn the_recorded_values_are_of_every_form() {
    let all = recorded();
    let schemas = schemas(&all);
    let sent: Vec<Vec<u8>> = all.iter().flat_map(|call| sent(call, &schemas)).map(|(bytes, _)| bytes).collect();
    let forms: [(&str, &[u8]); 7] = [
        ("plain unknown", &[0xd4, 0, 0]),
        ("refined unknown with a prefix", b"prefix-"),
        ("float", &[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]),
        ("decimal text", b"\xa30.1"),
        ("whole number of 64 bits", &[0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("type of a dynamic value", br#"["tuple","#),
        ("composed letter", "\u{e9} and \u{e9}".as_bytes()),
    ];
    for (form, bytes) in forms {
        assert!(sent.iter().any(|value| value.windows(bytes.len()).any(|window| window == bytes)), "no {form}");
    }
}

#[test]
fn what_is_proposed_is_what_terraform_proposed() {
    let all = recorded();
    let schemas = schemas(&all);
    let mut plans = 0;
    for call in all.iter().filter(|call| call.name == "PlanResourceChange") {
        let request = pb::plan_resource_change::Request::decode(call.request.as_slice()).unwrap();
        let schema = &schemas.resources[&request.type_name];
        let read = |value: Option<pb::DynamicValue>| {
            decode(&value.unwrap().msgpack, &schema.object_type, &mut Budget::default()).unwrap()
        };
        let (prior, config) = (read(request.prior_state), read(request.config));
        let expected = read(request.proposed_new_state);
        assert_eq!(proposed(&schema.attributes, &prior, &config), expected, "{}: {}", call.scene, request.type_name);
        plans += 1;
    }
    assert!(plans > 15, "{plans}");
}
