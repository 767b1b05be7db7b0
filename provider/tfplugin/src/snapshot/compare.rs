//! What a later schema takes away from those who use an earlier one.

use serde_json::{Map, Value as Json};

/// Says what of `before` configurations, modules and states can no longer rely on in `now`, one sentence each. Empty
/// when `now` only adds.
///
/// Nothing may go, change its type, become required, lose its value, or become sensitive or write-only; what is new in
/// a schema must not be required.
pub fn breaks(before: &Json, now: &Json) -> Vec<String> {
    let mut out = Vec::new();
    schema("provider", &before["provider"], &now["provider"], &mut out);
    for (kind, entries) in fields(before).filter(|(kind, _)| *kind != "provider") {
        for (name, old) in fields(entries) {
            let path = format!("{kind}.{name}");
            match now[kind].get(name) {
                None => out.push(format!("{path} is gone")),
                Some(new) if kind == "functions" => function(&path, old, new, &mut out),
                Some(new) => schema(&path, old, new, &mut out),
            }
        }
    }
    out
}

fn schema(path: &str, old: &Json, new: &Json, out: &mut Vec<String>) {
    if new["version"].as_i64() < old["version"].as_i64() {
        out.push(format!("{path} has a lower version"));
    }
    attributes(path, old, new, out);
    match (old.get("identity"), new.get("identity")) {
        (Some(_), None) => out.push(format!("{path} has no identity any more")),
        (Some(old), Some(new)) => schema(&format!("{path}.identity"), old, new, out),
        (None, _) => {}
    }
}

fn attributes(path: &str, old: &Json, new: &Json, out: &mut Vec<String>) {
    let (before, now) = (&old["attributes"], &new["attributes"]);
    for (name, old) in fields(before) {
        let path = format!("{path}.{name}");
        match now.get(name) {
            None => out.push(format!("{path} is gone")),
            Some(new) => attribute(&path, old, new, out),
        }
    }
    for (name, _) in fields(now).filter(|(name, new)| before.get(*name).is_none() && is(new, "required")) {
        out.push(format!("{path}.{name} is new and required"));
    }
}

fn attribute(path: &str, old: &Json, new: &Json, out: &mut Vec<String>) {
    if old.get("type") != new.get("type") || old.get("nesting") != new.get("nesting") {
        out.push(format!("{path} has another type"));
    } else {
        attributes(path, old, new, out);
    }
    let can_be_set = |attribute: &Json| is(attribute, "required") || is(attribute, "optional");
    let gained = |flag: &str| is(new, flag) && !is(old, flag);
    let faults = [
        (gained("required"), "has become required"),
        (gained("sensitive"), "has become sensitive"),
        (gained("write_only"), "has become write-only"),
        (can_be_set(old) && !can_be_set(new), "cannot be set any more"),
        (is(old, "computed") && !is(new, "computed"), "is not computed any more"),
    ];
    out.extend(faults.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| format!("{path} {what}")));
}

fn function(path: &str, old: &Json, new: &Json, out: &mut Vec<String>) {
    let arguments = |function: &Json| function["arguments"].as_array().cloned().unwrap_or_default();
    let (before, now) = (arguments(old), arguments(new));
    let added = now.iter().skip(before.len()).any(|argument| !is(argument, "variadic"));
    if now.len() < before.len() || added {
        out.push(format!("{path} takes another number of arguments"));
    }
    for (old, new) in before.iter().zip(&now) {
        let path = format!("{path}({})", old["name"].as_str().unwrap_or_default());
        if !holds(&new["type"], &old["type"]) {
            out.push(format!("{path} has another type"));
        }
        if is(old, "nullable") && !is(new, "nullable") {
            out.push(format!("{path} cannot be null any more"));
        }
        if is(old, "variadic") != is(new, "variadic") {
            out.push(format!("{path} is given another number of times"));
        }
    }
    if !holds(&new["returns"], &old["returns"]) {
        out.push(format!("{path} returns another type"));
    }
}

/// Whether a value of the type `now` has all that one of the type `before` has: an object may have more attributes.
fn holds(now: &Json, before: &Json) -> bool {
    match (now, before) {
        (Json::Object(now), Json::Object(before)) => {
            before.iter().all(|(name, old)| now.get(name).is_some_and(|new| holds(new, old)))
        }
        (Json::Array(now), Json::Array(before)) => {
            now.len() == before.len() && now.iter().zip(before).all(|(now, before)| holds(now, before))
        }
        _ => now == before,
    }
}

fn is(object: &Json, flag: &str) -> bool {
    object.get(flag) == Some(&Json::Bool(true))
}

fn fields(object: &Json) -> impl Iterator<Item = (&str, &Json)> {
    object.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A resource with this attribute, a nested one, and a function.
    fn provider(attribute: &Json, nested: &Json, returns: &Json) -> Json {
        let group = json!({ "nesting": "map", "attributes": nested, "optional": true });
        json!({
            "provider": { "version": 0, "attributes": {} },
            "resources": { "note": { "version": 1, "attributes": { "text": attribute, "group": group } } },
            "functions": { "shout": { "arguments": [], "returns": returns } },
        })
    }

    fn text(flag: &str) -> Json {
        json!({ "type": "string", flag: true })
    }

    #[test]
    fn what_only_adds_breaks_nothing() {
        let before = provider(&text("required"), &json!({}), &json!(["object", { "a": "string" }]));
        let now = provider(
            &json!({ "type": "string", "optional": true, "computed": true }),
            &json!({ "new": text("optional") }),
            &json!(["object", { "a": "string", "b": "number" }]),
        );
        assert_eq!(breaks(&before, &before), Vec::<String>::new());
        assert_eq!(breaks(&before, &now), Vec::<String>::new());
    }

    #[test]
    fn what_is_taken_away_is_named() {
        let returns = json!("string");
        let before = provider(&text("optional"), &json!({ "count": text("optional") }), &returns);
        let with = |attribute: Json| provider(&attribute, &json!({ "count": text("optional") }), &returns);
        let table = [
            (with(text("required")), "resources.note.text has become required"),
            (with(text("computed")), "resources.note.text cannot be set any more"),
            (with(json!({ "type": "number", "optional": true })), "resources.note.text has another type"),
            (
                with(json!({ "type": "string", "optional": true, "sensitive": true })),
                "resources.note.text has become sensitive",
            ),
            (provider(&text("optional"), &json!({}), &returns), "resources.note.group.count is gone"),
            (
                provider(&text("optional"), &json!({ "count": text("optional"), "new": text("required") }), &returns),
                "resources.note.group.new is new and required",
            ),
            (
                provider(&text("optional"), &json!({ "count": text("optional") }), &json!("number")),
                "functions.shout returns another type",
            ),
        ];
        for (now, expected) in table {
            assert_eq!(breaks(&before, &now), [expected]);
        }
    }

    #[test]
    fn what_is_gone_is_named() {
        let before = provider(&text("optional"), &json!({}), &json!("string"));
        let now = json!({ "provider": { "version": 0, "attributes": {} } });
        assert_eq!(breaks(&before, &now), ["functions.shout is gone", "resources.note is gone"]);
    }
}
