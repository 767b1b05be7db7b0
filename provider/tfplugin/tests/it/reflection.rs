//! The committed protocol, and its messages read from JSON: bytes are text where they are text, else hexadecimal.

use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, MethodDescriptor, Value,
};
use serde_json::{Map, Value as Json};

/// The committed protocol.
pub(crate) fn protocol() -> DescriptorPool {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let compiled = protox::compile(["tfplugin6.proto"], [root]).expect("the protocol compiles");
    DescriptorPool::from_file_descriptor_set(compiled).expect("the protocol is complete")
}

/// Every call of the protocol.
pub(crate) fn calls(protocol: &DescriptorPool) -> Vec<MethodDescriptor> {
    protocol.get_service_by_name("tfplugin6.Provider").expect("the service").methods().collect()
}

/// Reads a message as `recording` writes it.
pub(crate) fn from_json(of: &MessageDescriptor, json: &Json) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    for (name, value) in json.as_object().expect("a message is an object") {
        let field = of.get_field_by_name(name).unwrap_or_else(|| panic!("{} has no {name}", of.name()));
        message.set_field(&field, field_from_json(&field, value));
    }
    message
}

fn field_from_json(field: &FieldDescriptor, json: &Json) -> Value {
    if field.is_map() {
        let entry = field.kind().as_message().expect("an entry").clone();
        let inner = entry.map_entry_value_field();
        let fields: &Map<String, Json> = json.as_object().expect("a map");
        let values =
            fields.iter().map(|(key, value)| (MapKey::String(key.clone()), value_from_json(&inner.kind(), value)));
        return Value::Map(values.collect());
    }
    match json {
        Json::Array(values) => Value::List(values.iter().map(|value| value_from_json(&field.kind(), value)).collect()),
        value => value_from_json(&field.kind(), value),
    }
}

fn value_from_json(kind: &Kind, json: &Json) -> Value {
    let number = || json.as_i64().expect("a number");
    match kind {
        Kind::Bool => Value::Bool(json.as_bool().expect("a bool")),
        Kind::Int64 => Value::I64(number()),
        Kind::Int32 => Value::I32(i32::try_from(number()).expect("it fits")),
        Kind::Enum(_) => Value::EnumNumber(i32::try_from(number()).expect("it fits")),
        Kind::String => Value::String(json.as_str().expect("text").to_owned()),
        Kind::Bytes => Value::Bytes(bytes_from_json(json.as_str().expect("bytes")).into()),
        Kind::Message(of) => Value::Message(from_json(of, json)),
        other => panic!("the protocol has no {other:?}"),
    }
}

fn bytes_from_json(text: &str) -> Vec<u8> {
    if let Some(text) = text.strip_prefix("text:") {
        return text.as_bytes().to_vec();
    }
    let digits = text.strip_prefix("hex:").expect("text or hexadecimal");
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits")).collect()
}
