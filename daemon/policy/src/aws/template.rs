//! The documents of `templates/aws/` and how they are filled in.
//!
//! A placeholder such as `<vpc>` stands for a list of values. A text with one becomes as many texts as there are
//! values; a text whose placeholder has no values is left out, and a statement that is left with an empty list, too:
//! what was not named is not allowed. Values are checked names, so none of them holds a wildcard or a placeholder.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::document::{Document, Note, Statement};

/// The grant of statements that are always there.
pub(super) const BASE: &str = "base";

/// The templates by name.
pub(super) const CROSS_ACCOUNT_POLICY: &str = include_str!("../../../../templates/aws/cross_account_policy.json");
pub(super) const DESCRIBED_DEFAULT: &str = include_str!("../../../../templates/aws/described_default.json");
pub(super) const DESCRIBED_RESTRICTED: &str = include_str!("../../../../templates/aws/described_restricted.json");
pub(super) const TRUST_POLICY: &str = include_str!("../../../../templates/aws/trust_policy.json");
pub(super) const NODE_TRUST_POLICY: &str = include_str!("../../../../templates/aws/node_trust_policy.json");
pub(super) const INSTANCE_PROFILE_POLICY: &str = include_str!("../../../../templates/aws/instance_profile_policy.json");
pub(super) const PERMISSIONS_BOUNDARY: &str = include_str!("../../../../templates/aws/permissions_boundary.json");

/// What a placeholder stands for.
pub(super) type Values = BTreeMap<&'static str, Vec<String>>;

/// A document in `templates/aws/`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Template {
    version: String,
    statement: Vec<Value>,
}

/// A document and what is said of its statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The document.
    pub document: Document,
    /// A note on each statement, in the same order.
    pub notes: Vec<Note>,
}

/// Fills a template in with values, leaving out the statements of grants that are off.
pub(super) fn render(template: &str, values: &Values, is_on: impl Fn(&str) -> bool) -> Rendered {
    let template: Template = serde_json::from_str(template).expect("a template is valid");
    let (mut statements, mut notes) = (Vec::new(), Vec::new());
    for mut statement in template.statement {
        let mut take = |key: &str| {
            let taken = statement.as_object_mut().and_then(|fields| fields.remove(key));
            taken.and_then(|value| value.as_str().map(str::to_owned)).expect("a statement of a template is explained")
        };
        let (grant, why) = (take("Grant"), take("Why"));
        if grant != BASE && !is_on(&grant) {
            continue;
        }
        let Some(filled) = fill(&statement, values) else { continue };
        let statement: Statement = serde_json::from_value(filled).expect("a statement of a template is valid");
        notes.push(Note { sid: statement.sid.clone(), grant, why });
        statements.push(statement);
    }
    Rendered { document: Document { version: template.version, ..Document::new(statements) }, notes }
}

/// A value with its placeholders filled in; nothing when a list in it comes out empty.
fn fill(value: &Value, values: &Values) -> Option<Value> {
    match value {
        Value::Object(fields) => {
            let filled = fields.iter().map(|(key, value)| Some((key.clone(), fill(value, values)?)));
            filled.collect::<Option<serde_json::Map<_, _>>>().map(Value::Object)
        }
        Value::Array(all) => {
            let texts = all.iter().filter_map(Value::as_str);
            let filled: Vec<Value> = texts.flat_map(|text| expand(text, values)).map(Value::String).collect();
            (!filled.is_empty()).then_some(Value::Array(filled))
        }
        other => Some(other.clone()),
    }
}

fn expand(text: &str, values: &Values) -> Vec<String> {
    let Some((before, rest)) = text.split_once('<') else { return vec![text.to_owned()] };
    let (name, after) = rest.split_once('>').expect("a placeholder ends");
    let all = values.get(name).unwrap_or_else(|| panic!("the placeholder <{name}> is known"));
    let after = expand(after, values);
    all.iter().flat_map(|value| after.iter().map(move |after| format!("{before}{value}{after}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"{"Version":"2012-10-17","Statement":[
        {"Grant":"base","Why":"w","Sid":"A","Effect":"Allow","Action":["x:Y"],"Resource":["a/<n>/<m>","b/<none>"]},
        {"Grant":"g","Why":"w","Sid":"B","Effect":"Allow","Action":["x:Y"],"Resource":["*"],
        "Condition":{"StringEquals":{"k":["<none>"]}}},
        {"Grant":"h","Why":"w","Sid":"C","Effect":"Allow","Action":["x:Y"],"Resource":["*"]}]}"#;

    #[test]
    fn lists_grow_and_what_has_no_values_is_left_out_with_its_statement() {
        let values: Values = [("n", vec!["1".into(), "2".into()]), ("m", vec!["z".into()]), ("none", vec![])].into();
        let rendered = render(TEMPLATE, &values, |grant| grant == "g");
        let sids: Vec<&str> = rendered.notes.iter().map(|note| note.sid.as_str()).collect();
        assert_eq!(sids, ["A"], "B has a condition on nothing, C is off");
        assert_eq!(rendered.document.statement[0].resource, ["a/1/z", "a/2/z"]);
    }

    #[test]
    fn every_statement_has_a_name_of_its_own_and_a_sentence() {
        for template in [
            CROSS_ACCOUNT_POLICY,
            DESCRIBED_DEFAULT,
            DESCRIBED_RESTRICTED,
            TRUST_POLICY,
            NODE_TRUST_POLICY,
            INSTANCE_PROFILE_POLICY,
            PERMISSIONS_BOUNDARY,
        ] {
            let template: Template = serde_json::from_str(template).unwrap();
            let text = |statement: &Value, key: &str| statement[key].as_str().unwrap().to_owned();
            let mut sids: Vec<String> = template.statement.iter().map(|statement| text(statement, "Sid")).collect();
            for (statement, sid) in template.statement.iter().zip(&sids) {
                assert!(sid.chars().all(|c| c.is_ascii_alphanumeric()), "IAM takes no other characters: {sid}");
                let why = text(statement, "Why");
                assert!(why.ends_with('.') && why.len() > 10, "{sid}: {why}");
            }
            sids.sort();
            sids.dedup();
            assert_eq!(sids.len(), template.statement.len());
        }
    }
}
