//! What is wrong with trust policies: who may assume a role that nobody meant to let in. Judged by what is written, not
//! tried.

use serde_json::Value;

use super::Finding;
use crate::aws::document::{Document, Effect, Statement};
use crate::aws::evaluate::glob;

/// A name, what an attacker can do, how to close it, and whether a statement lets that through.
type Rule = (&'static str, &'static str, &'static str, fn(&Statement) -> bool);

/// What is wrong with the statements that say who may assume a role. `label` names a statement.
pub(super) fn findings(policies: &[Document], label: impl Fn(&Statement) -> String) -> Vec<Finding> {
    let trusting = || {
        let statements = policies.iter().flat_map(|policy| &policy.statement);
        statements.filter(|statement| statement.effect == Effect::Allow && assumes(statement))
    };
    let all: [Rule; PATHS] = [
        (
            "anybody_assumes",
            "be anybody on AWS, in any account, who meets the condition if there is one",
            "name the roles that assume it, by their ARNs",
            |statement| statement.not_principal.is_some() || who(statement, "AWS").iter().any(|one| one == "*"),
        ),
        (
            "whole_account_assumes",
            "be anybody whom an administrator of the named account lets, and whoever gets in there",
            "name the roles that assume it, by their ARNs",
            |statement| who(statement, "AWS").iter().any(|one| is_account(one)),
        ),
        (
            "no_external_id",
            "make the trusted party assume the role for them, if they learn its ARN",
            "a condition StringEquals on sts:ExternalId, of an id that was drawn",
            |statement| !who(statement, "AWS").is_empty() && !asks_external_id(statement),
        ),
        (
            "anybody_of_provider_assumes",
            "be anybody whom the identity provider knows, such as any repository of a public forge",
            "a condition StringEquals on the subject that the provider names (its key :sub, or SAML:sub), or a narrow \
                StringLike",
            |statement| !who(statement, "Federated").is_empty() && !asks_subject(statement),
        ),
    ];
    let mut found = Vec::new();
    for (name, what, fix, is_open) in all {
        let statements: Vec<String> = trusting().filter(|one| is_open(one)).map(&label).collect();
        if !statements.is_empty() {
            found.push(Finding { name, what, fix, statements });
        }
    }
    found
}

/// How many ways to get in are looked for.
pub(super) const PATHS: usize = 4;

/// Whether a statement is about who may assume a role.
fn assumes(statement: &Statement) -> bool {
    let calls = ["sts:assumerole", "sts:assumerolewithwebidentity", "sts:assumerolewithsaml"];
    let named = |patterns: &[String]| {
        patterns.iter().any(|pattern| calls.iter().any(|call| glob(&pattern.to_ascii_lowercase(), call)))
    };
    statement.is_about_principals()
        && if statement.action.is_empty() { !named(&statement.not_action) } else { named(&statement.action) }
}

/// The principals of a kind: of AWS `*`, accounts, and ARNs.
fn who(statement: &Statement, kind: &str) -> Vec<String> {
    let list = |value: &Value| match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    };
    match &statement.principal {
        Some(Value::Object(kinds)) => kinds.get(kind).map(list).unwrap_or_default(),
        Some(other) if kind == "AWS" => list(other),
        _ => Vec::new(),
    }
}

/// Whether a statement narrows whom a provider may vouch for, to one or to a group of them.
fn asks_subject(statement: &Statement) -> bool {
    // A pattern that begins with a star, or after the kind, is everybody.
    let is_narrow = |value: &String| match value.find(['*', '?']) {
        Some(star) => value[..star].contains('/'),
        None => !value.contains("${"),
    };
    statement.condition.iter().any(|(operator, keys)| {
        let operator = operator.to_ascii_lowercase();
        let bare = operator.trim_start_matches("foranyvalue:");
        matches!(bare, "stringequals" | "stringlike" | "stringequalsignorecase")
            && keys.iter().any(|(key, values)| {
                let key = key.to_ascii_lowercase();
                (key.ends_with(":sub") || key == "cognito-identity.amazonaws.com:aud") && values.iter().all(is_narrow)
            })
    })
}

fn is_account(principal: &str) -> bool {
    principal.ends_with(":root") || (principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit()))
}

fn asks_external_id(statement: &Statement) -> bool {
    statement.condition.iter().any(|(operator, keys)| {
        operator.eq_ignore_ascii_case("StringEquals")
            && keys.iter().any(|(key, values)| {
                key.eq_ignore_ascii_case("sts:ExternalId") && values.iter().all(|value| !value.contains("${"))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_in_unasked_is_told() {
        let with_id = r#","Condition":{"StringEquals":{"sts:ExternalId":"7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34"}}"#;
        let role = r#"{"AWS":"arn:aws:iam::444455556666:role/control"}"#;
        let forge = r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}"#;
        let subject = |operator: &str, subject: &str| {
            format!(r#","Condition":{{"{operator}":{{"token.actions.githubusercontent.com:sub":"{subject}"}}}}"#)
        };
        for (principal, condition, expected) in [
            (role, with_id, &[][..]),
            (role, "", &["no_external_id"]),
            (role, r#","Condition":{"StringLike":{"sts:ExternalId":"*"}}"#, &["no_external_id"]),
            (r#"{"AWS":"arn:aws:iam::444455556666:root"}"#, with_id, &["whole_account_assumes"]),
            (r#"{"AWS":["444455556666"]}"#, with_id, &["whole_account_assumes"]),
            (r#""*""#, "", &["anybody_assumes", "no_external_id"]),
            (r#"{"AWS":"*"}"#, with_id, &["anybody_assumes"]),
            (forge, "", &["anybody_of_provider_assumes"]),
            (forge, &subject("StringLike", "repo:*"), &["anybody_of_provider_assumes"]),
            (
                forge,
                &subject("StringEqualsIfExists", "repo:example/app:ref:refs/heads/main"),
                &["anybody_of_provider_assumes"],
            ),
            (forge, &subject("StringLike", "repo:example/*"), &[]),
            (forge, &subject("StringEquals", "repo:example/app:ref:refs/heads/main"), &[]),
            (r#"{"Service":"ec2.amazonaws.com"}"#, "", &[]),
        ] {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole",
                    "Principal":{principal}{condition}}}}}"#
            );
            let found = findings(&[Document::parse(&text).unwrap()], |_| String::new());
            assert_eq!(found.iter().map(|one| one.name).collect::<Vec<_>>(), expected, "{principal} {condition}");
        }
    }
}
