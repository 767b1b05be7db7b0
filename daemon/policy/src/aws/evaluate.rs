//! What a policy allows, as IAM decides: a denial wins, then an allowance, else it is refused.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
//!
//! It answers for an attacker: a key may be one that the caller chooses, and where this does not know an operator or a
//! variable, the attacker is given the benefit of the doubt. So "refused" is certain, and "allowed" may be too much.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::document::{Document, Effect, Statement};

/// What is asked: one action on one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The action, such as `ec2:RunInstances`.
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// Condition keys, in lower case; one that is not here is absent. `aws:requesttag/*` is every one of its kind that
    /// is not here by itself.
    pub keys: BTreeMap<String, Key>,
    /// Whether a key that is not here may as well suit the caller, such as from where it calls, at what time, with
    /// which kind of machine. Tags, and in the course of which call tags are set, are not in doubt: those that are not
    /// here are absent.
    pub in_doubt: bool,
}

/// The value of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// It has these values; without any it is absent, whatever others of its kind are.
    Is(Vec<String>),
    /// The caller chooses it.
    Chosen,
    /// The caller chooses its values, of which one is this.
    Among(String),
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This statement allows it.
    Allowed(&'a Statement),
    /// This statement denies it.
    Denied(&'a Statement),
    /// Nothing allows it.
    Refused,
}

impl Request {
    /// A request without any keys.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), keys: BTreeMap::new(), in_doubt: false }
    }

    /// With a key of this value.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.keys.insert(key.to_ascii_lowercase(), Key::Is(vec![value.into()]));
        self
    }

    /// With what is not said in doubt.
    pub fn in_doubt(mut self) -> Self {
        self.in_doubt = true;
        self
    }

    fn value(&self, key: &str) -> Option<&Key> {
        let of_its_kind = || self.keys.get(&format!("{}/*", key.split_once('/')?.0));
        self.keys.get(key).or_else(of_its_kind)
    }

    /// With a key that the caller chooses.
    pub fn choosing(mut self, key: &str) -> Self {
        self.keys.insert(key.to_ascii_lowercase(), Key::Chosen);
        self
    }
}

impl<'a> Verdict<'a> {
    /// The statement that allows it, if one does.
    pub fn allowed_by(&self) -> Option<&'a Statement> {
        match self {
            Self::Allowed(statement) => Some(statement),
            Self::Denied(_) | Self::Refused => None,
        }
    }
}

/// What comes of a request under these policies together.
pub fn evaluate<'a>(policies: impl IntoIterator<Item = &'a Document>, request: &Request) -> Verdict<'a> {
    let mut allowed = Verdict::Refused;
    for statement in policies.into_iter().flat_map(|policy| &policy.statement) {
        if !is_about(statement, request) {
            continue;
        }
        let mut all = statement.condition.iter().flat_map(|(operator, keys)| {
            keys.iter().map(move |(key, values)| {
                let key = key.to_ascii_lowercase();
                let value = request.value(&key);
                if value.is_none() && request.in_doubt && !is_never_in_doubt(&key) {
                    return None;
                }
                holds(operator, value, values)
            })
        });
        match statement.effect {
            Effect::Deny if all.all(|holds| holds == Some(true)) => return Verdict::Denied(statement),
            Effect::Allow if matches!(allowed, Verdict::Refused) && all.all(|holds| holds != Some(false)) => {
                allowed = Verdict::Allowed(statement);
            }
            _ => {}
        }
    }
    allowed
}

fn is_never_in_doubt(key: &str) -> bool {
    ["resourcetag/", "requesttag/", "aws:tagkeys", ":createaction"].iter().any(|part| key.contains(part))
}

fn is_about(statement: &Statement, request: &Request) -> bool {
    let action = |patterns: &Vec<String>| {
        let action = request.action.to_ascii_lowercase();
        patterns.iter().any(|pattern| glob(&pattern.to_ascii_lowercase(), &action))
    };
    // A variable may be anything, as suits the caller: it is about what is allowed and about nothing that is denied,
    // and the other way round where everything but it is.
    let suits = (statement.effect == Effect::Allow) == statement.not_resource.is_empty();
    let counts = |pattern: &&String| suits || !pattern.contains("${");
    let resource = |patterns: &Vec<String>| {
        patterns.iter().filter(counts).any(|pattern| arn_like(&without_variables(pattern), &request.resource))
    };
    let one_of = |some: &Vec<String>, not: &Vec<String>, matches: &dyn Fn(&Vec<String>) -> bool| {
        if some.is_empty() { !not.is_empty() && !matches(not) } else { matches(some) }
    };
    let any_resource = statement.resource.is_empty() && statement.not_resource.is_empty();
    one_of(&statement.action, &statement.not_action, &action)
        && (any_resource || one_of(&statement.resource, &statement.not_resource, &resource))
}

/// A pattern with a star for every variable.
fn without_variables(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains("${") {
        return pattern.into();
    }
    let mut text = String::new();
    let mut parts = pattern.split("${");
    text.extend(parts.next());
    for part in parts {
        text.push('*');
        text.extend(part.split_once('}').map(|(_, after)| after));
    }
    text.into()
}

/// Whether a condition holds; `None` if that cannot be told or is the caller's choice.
fn holds(operator: &str, key: Option<&Key>, values: &[String]) -> Option<bool> {
    let operator = operator.to_ascii_lowercase();
    let (for_all, for_any) = (operator.starts_with("forallvalues:"), operator.starts_with("foranyvalue:"));
    let bare = operator.rsplit(':').next().unwrap_or(&operator);
    let key = key.filter(|key| !matches!(key, Key::Is(values) if values.is_empty()));
    let (bare, if_exists) = bare.strip_suffix("ifexists").map_or((bare, false), |bare| (bare, true));
    if bare == "null" {
        let wants_absent = values.iter().any(|value| value == "true");
        return match key {
            Some(Key::Chosen) => None,
            Some(Key::Is(_) | Key::Among(_)) => Some(!wants_absent),
            None => Some(wants_absent),
        };
    }
    let (compare, negated): (fn(&str, &str) -> bool, bool) = match bare {
        "stringequals" => (|pattern, value| pattern == value, false),
        "stringnotequals" => (|pattern, value| pattern == value, true),
        "stringequalsignorecase" | "bool" => (str::eq_ignore_ascii_case, false),
        "stringnotequalsignorecase" => (str::eq_ignore_ascii_case, true),
        "stringlike" => (glob, false),
        "stringnotlike" => (glob, true),
        "arnequals" | "arnlike" => (arn_like, false),
        "arnnotequals" | "arnnotlike" => (arn_like, true),
        _ => return None,
    };
    let present = match key {
        Some(Key::Chosen) => return None,
        Some(Key::Is(present)) => present.as_slice(),
        // Another value beside it may be the one that is asked for.
        Some(Key::Among(_)) if for_any => return None,
        Some(Key::Among(one)) => std::slice::from_ref(one),
        None if if_exists => return Some(true),
        None => &[],
    };
    if values.iter().any(|value| value.contains("${")) {
        return None;
    }
    let matches = |present: &String| values.iter().any(|value| compare(value, present)) != negated;
    Some(if for_all {
        present.iter().all(matches)
    } else if present.is_empty() && !for_any {
        negated
    } else {
        present.iter().any(matches)
    })
}

/// Whether a pattern with `*` and `?` fits a text.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[seen] => (at, seen) = (at + 1, seen + 1),
            _ => match star {
                Some((position, from)) => {
                    (at, seen) = (position + 1, from + 1);
                    star = Some((position, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Whether a pattern fits an ARN: each of its six parts by itself. A pattern with fewer parts fits as a text.
fn arn_like(pattern: &str, arn: &str) -> bool {
    let parts = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (patterns, texts) = (parts(pattern), parts(arn));
    if patterns.len() < 6 || texts.len() < 6 {
        return glob(pattern, arn);
    }
    patterns.iter().zip(&texts).all(|(pattern, text)| glob(pattern, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_iam_says() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b*", "abab", true),
            ("ec2:Describe*", "ec2:RunInstances", false),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
        let arn = "arn:aws:ec2:eu-north-1:111122223333:instance/i-1";
        for (pattern, fits) in [
            ("*", true),
            ("arn:aws:ec2:*:*:instance/*", true),
            ("arn:aws:ec2:eu-north-1:111122223333:*", true),
            ("arn:aws:ec2:eu-*", true),
            ("arn:aws-cn:ec2:*:*:instance/*", false),
            ("arn:aws:ec2:*:*:volume/*", false),
        ] {
            assert_eq!(arn_like(pattern, arn), fits, "{pattern}");
        }
    }

    type Row<'a> = (&'a str, Option<Key>, &'a [&'a str], Option<bool>);

    #[test]
    fn conditions_hold_as_iam_says() {
        let is = |values: &[&str]| Some(Key::Is(values.iter().map(ToString::to_string).collect()));
        let among = || Some(Key::Among("z".to_owned()));
        let table: [Row<'_>; 28] = [
            ("StringEquals", is(&["a"]), &["a", "b"], Some(true)),
            ("StringEquals", is(&["A"]), &["a"], Some(false)),
            ("StringEquals", None, &["a"], Some(false)),
            ("StringEqualsIfExists", None, &["a"], Some(true)),
            ("StringNotEquals", None, &["a"], Some(true)),
            ("StringNotEquals", is(&["b"]), &["a"], Some(true)),
            ("StringNotEquals", is(&["a"]), &["a", "b"], Some(false)),
            ("StringLike", is(&["abc"]), &["a*"], Some(true)),
            ("stringequalsignorecase", is(&["A"]), &["a"], Some(true)),
            ("Bool", is(&["true"]), &["true"], Some(true)),
            ("Bool", None, &["true"], Some(false)),
            ("Null", None, &["true"], Some(true)),
            ("Null", is(&["x"]), &["true"], Some(false)),
            ("Null", is(&["x"]), &["false"], Some(true)),
            ("ForAllValues:StringEquals", None, &["a"], Some(true)),
            ("ForAllValues:StringEquals", is(&["a", "z"]), &["a"], Some(false)),
            ("ForAnyValue:StringEquals", is(&["a", "z"]), &["a"], Some(true)),
            ("ForAnyValue:StringEquals", None, &["a"], Some(false)),
            ("StringEquals", Some(Key::Chosen), &["a"], None),
            ("StringEquals", is(&["a"]), &["${aws:username}"], None),
            ("StringEqualsIfExists", is(&[]), &["a"], Some(true)),
            ("ForAllValues:StringEquals", is(&[]), &["a"], Some(true)),
            ("Null", is(&[]), &["true"], Some(true)),
            ("ForAllValues:StringEquals", among(), &["a"], Some(false)),
            ("ForAnyValue:StringEquals", among(), &["a"], None),
            ("Null", among(), &["true"], Some(false)),
            ("IpAddress", is(&["10.0.0.1"]), &["10.0.0.0/8"], None),
            ("ArnEquals", is(&["arn:aws:iam::1:role/x"]), &["arn:aws:iam::*:role/x"], Some(true)),
        ];
        for (operator, key, values, expected) in table {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            assert_eq!(holds(operator, key.as_ref(), &values), expected, "{operator} {key:?} {values:?}");
        }
    }

    #[test]
    fn what_is_in_doubt_suits_the_caller_and_tags_are_not_in_doubt() {
        let policy = |condition: &str| {
            let text = format!(
                r#"{{"Statement":{{"Effect":"Allow","Action":"ec2:StopInstances","Resource":"*",
                    "Condition":{condition}}}}}"#
            );
            Document::parse(&text).unwrap()
        };
        let allowed = |condition: &str, in_doubt: bool| {
            let request = Request::new("ec2:StopInstances", "arn:aws:ec2:r:1:instance/i");
            let request = if in_doubt { request.in_doubt() } else { request };
            matches!(evaluate([&policy(condition)], &request), Verdict::Allowed(_))
        };
        for condition in [
            r#"{"Bool":{"aws:SecureTransport":"true"}}"#,
            r#"{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#,
            r#"{"StringEquals":{"ec2:Region":"eu-north-1"}}"#,
        ] {
            assert!(allowed(condition, true) && !allowed(condition, false), "{condition}");
        }
        for condition in [
            r#"{"StringEquals":{"aws:ResourceTag/team":"x"}}"#,
            r#"{"StringEquals":{"ec2:CreateAction":"RunInstances"}}"#,
        ] {
            assert!(!allowed(condition, true), "{condition}");
        }
    }

    #[test]
    fn a_denial_wins_and_doubt_is_never_a_denial() {
        let policy = Document::parse(
            r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"All","Effect":"Allow","NotAction":"iam:*","Resource":"*"},
            {"Sid":"No","Effect":"Deny","Action":"ec2:*","NotResource":"arn:aws:ec2:*:*:instance/*"},
            {"Sid":"Doubt","Effect":"Deny","Action":"s3:*","Resource":"*",
            "Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}"#,
        )
        .unwrap();
        let verdict = |action: &str, resource: &str| match evaluate([&policy], &Request::new(action, resource)) {
            Verdict::Allowed(by) => format!("allowed by {}", by.sid),
            Verdict::Denied(by) => format!("denied by {}", by.sid),
            Verdict::Refused => "refused".to_owned(),
        };
        assert_eq!(verdict("ec2:StopInstances", "arn:aws:ec2:r:1:instance/i"), "allowed by All");
        assert_eq!(verdict("EC2:CreateVpc", "arn:aws:ec2:r:1:vpc/v"), "denied by No");
        assert_eq!(verdict("iam:PassRole", "arn:aws:iam::1:role/r"), "refused");
        assert_eq!(verdict("s3:GetObject", "arn:aws:s3:::b/o"), "allowed by All");
    }

    #[test]
    fn a_variable_in_a_resource_is_anything_that_allows_and_nothing_that_denies() {
        let policy = |effect: &str| {
            let home = "arn:aws:s3:::home-${aws:username}/*";
            let text = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}},
                {{"Effect":"{effect}","Action":"s3:*","Resource":"{home}"}}]}}"#
            );
            Document::parse(&text).unwrap()
        };
        let allowed = |effect: &str, action: &str, resource: &str| {
            evaluate([&policy(effect)], &Request::new(action, resource)).allowed_by().is_some()
        };
        assert!(allowed("Allow", "s3:GetObject", "arn:aws:s3:::home-alice/x"));
        assert!(!allowed("Allow", "s3:GetObject", "arn:aws:s3:::other/x"));
        assert!(allowed("Deny", "s3:PutObject", "arn:aws:s3:::home-alice/x"));
        let but = |effect: &str| {
            let text = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}},
                {{"Effect":"{effect}","Action":"s3:*","NotResource":"arn:aws:s3:::${{aws:username}}/*"}}]}}"#
            );
            Document::parse(&text).unwrap()
        };
        let allowed = |effect: &str, action: &str| {
            evaluate([&but(effect)], &Request::new(action, "arn:aws:s3:::other/x")).allowed_by().is_some()
        };
        assert!(allowed("Deny", "s3:GetObject") && allowed("Allow", "s3:PutObject"));
    }

    #[test]
    fn tags_of_a_kind_are_chosen_together_and_one_that_is_said_is_as_said() {
        let policy = |key: &str| {
            let text = format!(
                r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"*",
                    "Condition":{{"StringLike":{{"aws:RequestTag/{key}":"p*"}}}}}}}}"#
            );
            Document::parse(&text).unwrap()
        };
        let request = Request::new("ec2:RunInstances", "arn:aws:ec2:r:1:instance/i").choosing("aws:RequestTag/*");
        let request = request.with("aws:RequestTag/stack", "other").in_doubt();
        assert!(evaluate([&policy("CostCenter")], &request).allowed_by().is_some());
        assert!(evaluate([&policy("stack")], &request).allowed_by().is_none());
    }
}
