//! Policy documents: as IAM writes them, and what two of them have in common.
//!
//! A document is written minified, because IAM counts every character that is no white space, with lists of one as the
//! one; it is read in every spelling that IAM takes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The most characters of one managed policy.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const MANAGED_LIMIT: usize = 6_144;
/// The most characters of all inline policies of a role together.
pub const ROLE_LIMIT: usize = 10_240;
/// The most characters of a trust policy, unless the account has asked for more.
pub const TRUST_LIMIT: usize = 2_048;

/// Where a role's policy stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PolicyType {
    /// In the role itself, whole.
    #[default]
    Inline,
    /// In managed policies of the role's own, in parts that fit each.
    Managed,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Document {
    /// The language.
    #[serde(default = "language")]
    pub version: String,
    /// Its name, which IAM ignores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it allows and denies.
    #[serde(deserialize_with = "one_or_many")]
    pub statement: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sid: String,
    /// Whether it allows or denies.
    #[serde(default)]
    pub effect: Effect,
    /// Whom it is about, in policies of resources and of trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Value>,
    /// Whom it is not about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_principal: Option<Value>,
    /// What may be done.
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub action: Vec<String>,
    /// Everything but this.
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub not_action: Vec<String>,
    /// To what.
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
    /// To everything but this.
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub not_resource: Vec<String>,
    /// When: by operator and key, the values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "conditions")]
    pub condition: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Effect {
    /// It allows.
    #[default]
    Allow,
    /// It denies, whatever else allows.
    Deny,
}

/// What is said of a statement for people, beside the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The statement.
    pub sid: String,
    /// The grant that needs it; `base` when it is always there.
    pub grant: String,
    /// Why, in a sentence.
    pub why: String,
}

/// Why a text is no policy, or a policy does not fit.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is not a policy.
    #[error("this is not a policy of IAM: {0}")]
    Unreadable(String),
    /// It is too long.
    #[error("{what} has {size} characters and may have {limit}; {advice}")]
    TooLong {
        /// Which.
        what: String,
        /// How long it is.
        size: usize,
        /// How long it may be.
        limit: usize,
        /// What to do.
        advice: String,
    },
}

fn language() -> String {
    "2008-10-17".to_owned()
}

impl Statement {
    /// Whether it says who may, as policies of trust and of resources do.
    pub fn is_about_principals(&self) -> bool {
        self.principal.is_some() || self.not_principal.is_some()
    }

    /// Its name; without one its place, counted from 1.
    pub fn label(&self, position: usize) -> String {
        if self.sid.is_empty() { format!("#{}", position + 1) } else { self.sid.clone() }
    }
}

impl Document {
    /// A document of these statements, in today's language.
    pub fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17".to_owned(), id: None, statement }
    }

    /// Reads a policy in any spelling.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        serde_json::from_str(text).map_err(|error| DocumentError::Unreadable(error.to_string()))
    }

    /// Without white space, as IAM counts it.
    pub fn minified(&self) -> String {
        serde_json::to_string(self).expect("a policy serializes")
    }

    /// For people.
    pub fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).expect("a policy serializes")
    }

    /// How many characters IAM counts.
    pub fn size(&self) -> usize {
        self.minified().chars().filter(|character| !character.is_whitespace()).count()
    }

    /// The same statements in few documents that fit the limit of a managed policy each: every statement in the first
    /// that has room for it. One that is too long by itself stands alone.
    pub fn split(&self) -> Vec<Self> {
        let mut parts = vec![Self::new(Vec::new())];
        for statement in &self.statement {
            let with = |part: &Self| Self::new([&part.statement[..], std::slice::from_ref(statement)].concat());
            let room = parts.iter().position(|part| part.statement.is_empty() || with(part).size() <= MANAGED_LIMIT);
            match room {
                Some(position) => parts[position].statement.push(statement.clone()),
                None => parts.push(Self::new(vec![statement.clone()])),
            }
        }
        parts
    }

    /// Whether both mean the same to IAM: order, spelling of lists, case of actions and keys, and names of statements
    /// aside.
    pub fn means_the_same(&self, other: &Self) -> bool {
        self.meaning() == other.meaning()
    }

    /// Whether it is the trust policy of a role that services assume.
    pub fn trusts_services(&self) -> bool {
        self.statement
            .iter()
            .filter_map(|statement| statement.principal.as_ref())
            .any(|one| one.get("Service").is_some())
    }

    fn meaning(&self) -> BTreeSet<Meaning> {
        self.statement.iter().map(Meaning::of).collect()
    }
}

/// A statement without what makes no difference.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Meaning {
    effect: Effect,
    /// Principals, actions, resources, each with the word before it.
    terms: BTreeSet<(&'static str, String)>,
    conditions: BTreeSet<(String, String, BTreeSet<String>)>,
}

impl Meaning {
    fn of(statement: &Statement) -> Self {
        let mut terms = BTreeSet::new();
        let lower = |text: &String| text.to_ascii_lowercase();
        terms.extend(statement.action.iter().map(|text| ("Action", lower(text))));
        terms.extend(statement.not_action.iter().map(|text| ("NotAction", lower(text))));
        terms.extend(statement.resource.iter().map(|text| ("Resource", text.clone())));
        terms.extend(statement.not_resource.iter().map(|text| ("NotResource", text.clone())));
        for (word, principal) in [("Principal", &statement.principal), ("NotPrincipal", &statement.not_principal)] {
            terms.extend(principal.iter().flat_map(principals).map(|text| (word, text)));
        }
        let conditions = statement.condition.iter().flat_map(|(operator, keys)| {
            keys.iter().map(|(key, values)| {
                (operator.to_ascii_lowercase(), key.to_ascii_lowercase(), values.iter().cloned().collect())
            })
        });
        Self { effect: statement.effect, terms, conditions: conditions.collect() }
    }
}

/// Everybody that a principal names, each with its kind.
fn principals(principal: &Value) -> Vec<String> {
    match principal {
        Value::Object(kinds) => {
            kinds.iter().flat_map(|(kind, who)| list(who).into_iter().map(move |who| format!("{kind}:{who}"))).collect()
        }
        other => list(other).into_iter().map(|who| format!("AWS:{who}")).collect(),
    }
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(list).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Statement>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let many = if value.is_array() { value } else { Value::Array(vec![value]) };
    serde_json::from_value(many).map_err(serde::de::Error::custom)
}

/// A list of texts, which may be written as one text.
mod texts {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use serde_json::Value;

    use super::list;

    pub(super) fn serialize<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        match texts {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match &value {
            Value::String(_) => Ok(list(&value)),
            Value::Array(all) if all.iter().all(Value::is_string) => Ok(list(&value)),
            other => Err(serde::de::Error::custom(format!("{other} is neither a text nor a list of texts"))),
        }
    }
}

/// Conditions; values may be texts, numbers and booleans, one or many.
mod conditions {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use serde_json::Value;

    use super::list;

    type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

    pub(super) fn serialize<S: Serializer>(conditions: &Conditions, serializer: S) -> Result<S::Ok, S::Error> {
        let value = |values: &Vec<String>| match &values[..] {
            [one] => Value::from(one.clone()),
            many => Value::from(many.to_vec()),
        };
        let keys = |keys: &BTreeMap<String, Vec<String>>| -> BTreeMap<String, Value> {
            keys.iter().map(|(key, values)| (key.clone(), value(values))).collect()
        };
        let all: BTreeMap<&String, _> = conditions.iter().map(|(operator, all)| (operator, keys(all))).collect();
        all.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Conditions, D::Error> {
        let read = BTreeMap::<String, BTreeMap<String, Value>>::deserialize(deserializer)?;
        let keys = |keys: BTreeMap<String, Value>| keys.into_iter().map(|(key, value)| (key, list(&value))).collect();
        Ok(read.into_iter().map(|(operator, all)| (operator, keys(all))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"Version":"2012-10-17","Statement":{"Sid":"A","Effect":"Allow","Action":"ec2:StopInstances",
        "Resource":["arn:aws:ec2:eu-north-1:111122223333:instance/*"],
        "Condition":{"Bool":{"ec2:Encrypted":true},"StringEquals":{"aws:ResourceTag/a":["x","y"]}}}}"#;

    #[test]
    fn what_means_the_same_is_the_same_in_any_spelling() {
        let one = Document::parse(ONE).unwrap();
        let other = ONE
            .replace(r#""Sid":"A","#, "")
            .replace("\"ec2:StopInstances\"", "[\"EC2:stopInstances\"]")
            .replace("[\"x\",\"y\"]", "[\"y\",\"x\",\"x\"]")
            .replace("aws:ResourceTag", "AWS:resourcetag")
            .replace("true", "\"true\"");
        let other = Document::parse(&other).unwrap();
        assert!(one.means_the_same(&other) && one != other);
        assert!(one.means_the_same(&Document::parse(&one.minified()).unwrap()));
        assert!(one.means_the_same(&Document::parse(&one.pretty()).unwrap()));
    }

    #[test]
    fn what_means_something_else_is_told_apart() {
        let one = Document::parse(ONE).unwrap();
        for (from, to) in [
            ("Allow", "Deny"),
            ("StopInstances", "StartInstances"),
            ("\"Action\"", "\"NotAction\""),
            ("111122223333", "111122223334"),
            ("instance/*", "Instance/*"),
            ("true", "false"),
            ("\"x\",", ""),
            ("StringEquals", "StringLike"),
            ("ResourceTag/a", "RequestTag/a"),
        ] {
            let other = Document::parse(&ONE.replace(from, to)).unwrap();
            assert!(!one.means_the_same(&other), "{from} or {to}");
        }
    }

    #[test]
    fn what_is_no_policy_is_refused_with_a_reason() {
        for (text, said) in [
            ("", "EOF"),
            ("[]", "expected struct Document"),
            (r#"{"Statement":[{"Effect":"Permit"}]}"#, "Permit"),
            (r#"{"Statement":[{"Effect":"Allow","Actions":"x"}]}"#, "Actions"),
            (r#"{"Statement":[{"Effect":"Allow","Action":7}]}"#, "7 is neither"),
            ("{}", "Statement"),
        ] {
            let error = Document::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_document_that_is_too_long_is_split_between_statements_and_keeps_its_meaning() {
        let statement = Document::parse(ONE).unwrap().statement.remove(0);
        let many = (0..60).map(|n| Statement { sid: format!("S{n}"), ..statement.clone() });
        let whole = Document::new(many.collect());
        let parts = whole.split();
        assert!(parts.len() > 1 && parts.iter().all(|part| part.size() <= MANAGED_LIMIT));
        let again = Document::new(parts.into_iter().flat_map(|part| part.statement).collect());
        assert!(again.means_the_same(&whole) && again.statement.len() == whole.statement.len());
        assert_eq!(Document::new(vec![statement]).split().len(), 1);
    }

    #[test]
    fn a_long_statement_leaves_the_room_beside_it_to_the_others() {
        let statement = |resources: usize| Statement {
            action: vec!["ec2:RunInstances".to_owned()],
            resource: (0..resources).map(|n| format!("arn:aws:ec2:eu-north-1:111122223333:subnet/{n:017}")).collect(),
            ..Statement::default()
        };
        let sizes = [60, 60, 20, 20].map(statement);
        assert_eq!(Document::new(sizes.to_vec()).split().len(), 2);
    }
}
