//! Decisions, by an evaluator that is not ours.

use iam_rs::{Arn, ContextValue, EvaluationOptions, IAMPolicy, IAMRequest, PolicyEvaluator, Principal, PrincipalId};

use crate::checks::{Check, Value};

/// What an elementary check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The action that was checked.
    pub action: String,
    /// The resource that was checked.
    pub resource: String,
    /// The statement that allowed it; none when it is refused.
    pub allowed_by: Option<String>,
}

/// Decides an elementary check under policies in JSON.
pub fn decide(policies: &[String], check: &Check) -> Decision {
    let mut allowed_by = None;
    for policy in policies {
        match statement(policy, check) {
            Verdict::Allowed(sid) => allowed_by = allowed_by.or(Some(sid)),
            Verdict::Denied => {
                allowed_by = None;
                break;
            }
            Verdict::Nothing => {}
        }
    }
    Decision { action: check.action.clone(), resource: check.resource.clone(), allowed_by }
}

enum Verdict {
    Allowed(String),
    Denied,
    Nothing,
}

fn statement(policy: &str, check: &Check) -> Verdict {
    let policy: IAMPolicy = serde_json::from_str(policy).expect("a policy of the test is a policy");
    let options = EvaluationOptions { collect_match_details: true, ..EvaluationOptions::default() };
    let evaluator = PolicyEvaluator::with_policies(vec![policy]).with_options(options);
    // A resource that no ARN names: only a statement about everything is about it.
    let resource = if check.resource == "*" { "arn:aws:none:::none" } else { &check.resource };
    let principal = Principal::Aws(PrincipalId::String("arn:aws:iam::123456789012:role/any".to_owned()));
    let mut request = IAMRequest::new(principal, check.action.clone(), Arn::parse(resource).expect("an ARN"));
    for (key, value) in &check.keys {
        let value = match value {
            Value::Text(text) => ContextValue::String(text.clone()),
            Value::Texts(texts) => ContextValue::StringList(texts.clone()),
            Value::Flag(flag) => ContextValue::Boolean(*flag),
        };
        request.context.insert(key.clone(), value);
    }
    let result = evaluator.evaluate(&request).expect("the evaluator decides");
    match result.decision {
        iam_rs::Decision::Allow => {
            let matched = result.statement_details.iter().find(|detail| detail.conditions_satisfied);
            let by = matched.and_then(|detail| detail.sid.clone()).unwrap_or_default();
            Verdict::Allowed(by)
        }
        iam_rs::Decision::Deny => Verdict::Denied,
        iam_rs::Decision::NotApplicable => Verdict::Nothing,
    }
}

/// Whether a trust policy lets this principal assume its role with this external id.
pub(crate) fn assume(trust: &str, principal: &str, external_id: Option<&str>) -> bool {
    let Ok(policy) = serde_json::from_str::<IAMPolicy>(trust) else { return false };
    let options = EvaluationOptions { ignore_resource_constraints: true, ..EvaluationOptions::default() };
    let evaluator = PolicyEvaluator::with_policies(vec![policy]).with_options(options);
    let principal = Principal::Aws(PrincipalId::String(principal.to_owned()));
    let role = Arn::parse("arn:aws:iam::123456789012:role/any").expect("an ARN");
    let mut request = IAMRequest::new(principal, "sts:AssumeRole", role);
    if let Some(id) = external_id {
        request.context.insert("sts:ExternalId".to_owned(), ContextValue::String(id.to_owned()));
    }
    evaluator.evaluate(&request).is_ok_and(|result| result.decision == iam_rs::Decision::Allow)
}
