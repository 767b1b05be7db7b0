//! Policies as people hand them over. They are read with more questions than IAM's own answers are: what says one thing
//! twice, or lacks what IAM asks for, is refused instead of guessed.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::document::{Document, DocumentError};

/// Operators of conditions, without `ForAllValues:` and `ForAnyValue:` before them and `IfExists` after them.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
const OPERATORS: [&str; 27] = [
    "arnequals",
    "arnlike",
    "arnnotequals",
    "arnnotlike",
    "binaryequals",
    "bool",
    "dateequals",
    "dategreaterthan",
    "dategreaterthanequals",
    "datelessthan",
    "datelessthanequals",
    "datenotequals",
    "ipaddress",
    "notipaddress",
    "null",
    "numericequals",
    "numericgreaterthan",
    "numericgreaterthanequals",
    "numericlessthan",
    "numericlessthanequals",
    "numericnotequals",
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
    "stringnotequals",
    "stringnotequalsignorecase",
    "stringnotlike",
];

/// Reads a policy from a user.
pub fn read_policy(text: &str) -> Result<Document, DocumentError> {
    let unreadable = |what: String| DocumentError::Unreadable(harmless(&what));
    let text = text.trim_start_matches('\u{feff}');
    let Unique(value) = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let Some(policy) = value.as_object() else {
        return Err(unreadable("it is no object with Version and Statement".to_owned()));
    };
    if let Some(inner) = ["PolicyVersion", "PolicyDocument", "AssumeRolePolicyDocument", "Document", "Role", "Policy"]
        .into_iter()
        .find(|inner| policy.contains_key(*inner))
    {
        return Err(unreadable(format!(
            "it is the answer of a call, with the policy somewhere in {inner}; hand over the document alone, as \
             `aws iam get-policy-version --query PolicyVersion.Document` prints it"
        )));
    }
    if let Some(version) = policy.get("Version").filter(|version| *version != "2012-10-17" && *version != "2008-10-17")
    {
        return Err(unreadable(format!("its Version is {version}; IAM has 2012-10-17 and 2008-10-17")));
    }
    let statements = match &value["Statement"] {
        Value::Array(all) => all.iter().collect(),
        Value::Null => return Err(unreadable("it has no Statement".to_owned())),
        one => vec![one],
    };
    for (position, statement) in statements.into_iter().enumerate() {
        let name = statement["Sid"].as_str().map_or_else(|| format!("#{}", position + 1), str::to_owned);
        let has = |one: &str| statement.get(one).is_some();
        for (both, what) in [
            (has("Action") && has("NotAction"), "Action and NotAction"),
            (has("Resource") && has("NotResource"), "Resource and NotResource"),
        ] {
            if both {
                return Err(unreadable(format!("its statement {name} has {what}, of which IAM takes one")));
            }
        }
        if (has("Principal") || has("NotPrincipal")) && (has("Resource") || has("NotResource")) {
            return Err(unreadable(format!(
                "its statement {name} is one of a resource, such as a bucket, and says who may do what to it; those \
                 are not judged here"
            )));
        }
        for (there, what) in [
            (has("Effect"), "Effect"),
            (has("Action") || has("NotAction"), "Action or NotAction"),
            (has("Resource") || has("NotResource") || has("Principal") || has("NotPrincipal"), "Resource or Principal"),
        ] {
            if !there {
                return Err(unreadable(format!("its statement {name} has no {what}")));
            }
        }
        for operator in statement["Condition"].as_object().into_iter().flat_map(Map::keys) {
            if !is_operator(operator) {
                return Err(unreadable(format!("its statement {name} has the operator {operator}, which IAM has not")));
            }
        }
    }
    Document::parse(text).map_err(|error| match error {
        DocumentError::Unreadable(what) => unreadable(what),
        other @ DocumentError::TooLong { .. } => other,
    })
}

/// A text of somebody else's without what a terminal would obey: control characters, and those that turn the direction
/// of what is written.
pub fn harmless(text: &str) -> String {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if is_harmful(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

fn is_operator(operator: &str) -> bool {
    let lower = operator.to_ascii_lowercase();
    let bare = ["forallvalues:", "foranyvalue:"].iter().find_map(|set| lower.strip_prefix(set)).unwrap_or(&lower);
    let bare = bare.strip_suffix("ifexists").filter(|bare| *bare != "null").unwrap_or(bare);
    OPERATORS.contains(&bare)
}

/// JSON in which no object has a key twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Unique(value))) = access.next_entry::<String, Unique>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("it has {key} twice in one place")));
            }
            map.insert(key, value);
        }
        Ok(map.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Unique(value)) = access.next_element()? {
            all.push(value);
        }
        Ok(all.into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_too_little_or_too_much_is_refused_with_a_reason() {
        let statement = |text: &str| format!(r#"{{"Statement":{{{text}}}}}"#);
        for (text, said) in [
            ("[]".to_owned(), "no object"),
            (r#"{"PolicyVersion":{"Document":{}}}"#.to_owned(), "get-policy-version"),
            (r#"{"RoleName":"r","PolicyName":"p","PolicyDocument":{}}"#.to_owned(), "somewhere in PolicyDocument"),
            (r#"{"Version":"2012-10-17"}"#.to_owned(), "no Statement"),
            (statement(r#""Action":"s3:*","Resource":"*""#), "#1 has no Effect"),
            (statement(r#""Sid":"A","Effect":"Allow","Resource":"*""#), "A has no Action"),
            (statement(r#""Effect":"Allow","Action":"s3:*""#), "no Resource"),
            (statement(r#""Effect":"Deny","Effect":"Allow","Action":"s3:*","Resource":"*""#), "Effect twice"),
            (statement(r#""Effect":"Allow","Action":"a:*","NotAction":"b:*","Resource":"*""#), "Action and NotAction"),
            (statement(r#""Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*""#), "one of a resource"),
            (r#"{"Version":"2024-01-01","Statement":[]}"#.to_owned(), "IAM has 2012-10-17"),
            (
                statement(r#""Sid":"a\u001b[2J\u202e","Effect":"Allow","Resource":"*""#),
                r"a\u{1b}[2J\u{202e} has no Action",
            ),
            (
                statement(r#""Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEqual":{"a":"b"}}"#),
                "the operator StringEqual,",
            ),
            (
                statement(
                    r#""Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"a":"true","a":"false"}}"#,
                ),
                "a twice",
            ),
        ] {
            let error = read_policy(&text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let good = r#""Effect":"Allow","Action":"s3:*","Resource":"*",
            "Condition":{"ForAllValues:StringEqualsIfExists":{"a":"b"}}"#;
        assert!(read_policy(&format!("\u{feff}{}", statement(good))).is_ok());
        assert!(read_policy(&statement(r#""Effect":"Allow","Action":"sts:AssumeRole","Principal":"*""#)).is_ok());
    }
}
