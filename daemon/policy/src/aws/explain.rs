//! A policy in words: what each statement allows, on what, when, and which escalation paths the whole leaves open.

use serde::Serialize;

use super::document::{Document, Effect, Statement};
use super::finding::{Finding, findings, not_assessed, paths_checked};

/// A policy in words.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Its statements.
    pub statements: Vec<ExplainedStatement>,
    /// The escalation paths that it leaves open.
    pub findings: Vec<Finding>,
    /// How many were looked for.
    pub paths_checked: usize,
    /// The actions that it allows and no escalation path uses, as they stand there.
    pub not_assessed: Vec<String>,
    /// How many characters IAM counts.
    pub size: usize,
}

/// A statement in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedStatement {
    /// Its name, or its place when it has none.
    pub sid: String,
    /// `allows` or `denies`.
    pub effect: &'static str,
    /// Whom it is about, if it says so.
    pub principals: Vec<String>,
    /// What.
    pub actions: Vec<String>,
    /// On what.
    pub resources: Vec<String>,
    /// Only when.
    pub conditions: Vec<String>,
}

/// Puts policies that apply together into words.
pub fn explain(policies: &[Document]) -> Explained {
    let statements = policies.iter().flat_map(|policy| &policy.statement).enumerate();
    Explained {
        statements: statements.map(|(position, statement)| in_words(position, statement)).collect(),
        findings: findings(policies),
        paths_checked: paths_checked(policies),
        not_assessed: not_assessed(policies),
        size: policies.iter().map(Document::size).sum(),
    }
}

fn in_words(position: usize, statement: &Statement) -> ExplainedStatement {
    let but = |some: &[String], not: &[String]| {
        let not = (!not.is_empty()).then(|| format!("everything but {}", not.join(", ")));
        some.iter().cloned().chain(not).collect()
    };
    let principals = statement.principal.iter().map(ToString::to_string);
    let not_principals = statement.not_principal.iter().map(|principal| format!("everybody but {principal}"));
    ExplainedStatement {
        sid: statement.label(position),
        effect: if statement.effect == Effect::Allow { "allows" } else { "denies" },
        principals: principals.chain(not_principals).collect(),
        actions: but(&statement.action, &statement.not_action),
        resources: but(&statement.resource, &statement.not_resource),
        conditions: statement
            .condition
            .iter()
            .flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| condition(operator, key, values)))
            .collect(),
    }
}

fn condition(operator: &str, key: &str, values: &[String]) -> String {
    let one_of = match values {
        [one] => one.clone(),
        many => format!("one of {}", many.join(", ")),
    };
    let lower = operator.to_ascii_lowercase();
    let (each, bare) = match lower.split_once(':') {
        Some(("forallvalues", bare)) => ("each of ", bare),
        Some(("foranyvalue", bare)) => ("some of ", bare),
        _ => ("", lower.as_str()),
    };
    let (bare, if_there) = bare.strip_suffix("ifexists").map_or((bare, ""), |bare| (bare, ", if it is there at all"));
    let is = match bare {
        "null" if values.iter().all(|value| value == "false") => return format!("{key} is there"),
        "null" => return format!("{key} is not there"),
        "stringequals" | "arnequals" | "bool" | "numericequals" | "dateequals" => "is",
        "stringnotequals" | "arnnotequals" | "numericnotequals" => "is not",
        "stringlike" | "arnlike" => "is like",
        "stringnotlike" | "arnnotlike" => "is not like",
        "ipaddress" => "is in",
        "notipaddress" => "is not in",
        _ => return format!("{operator} of {key}: {}", values.join(", ")),
    };
    format!("{each}{key} {is} {one_of}{if_there}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_sentences() {
        for (operator, key, values, expected) in [
            ("StringEquals", "aws:ResourceTag/a", &["x"][..], "aws:ResourceTag/a is x"),
            ("ForAllValues:StringEquals", "aws:TagKeys", &["a", "b"], "each of aws:TagKeys is one of a, b"),
            ("Null", "aws:TagKeys", &["false"], "aws:TagKeys is there"),
            ("ArnLikeIfExists", "ec2:Vpc", &["v*"], "ec2:Vpc is like v*, if it is there at all"),
            ("DateLessThan", "aws:CurrentTime", &["t"], "DateLessThan of aws:CurrentTime: t"),
        ] {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            assert_eq!(condition(operator, key, &values), expected);
        }
    }
}
