//! The policy is enough for what is called, and not more: computed from the calls and the document, with no list by
//! hand.

use ringfence_policy::aws::{
    CrossAccount, Document, Grant, NeededCall, Request, SubnetId, Verdict, all_calls, evaluate, needed_calls,
};

use crate::requests::{cross_account, profile, with};

fn is_allowed(policy: &Document, request: &Request) -> bool {
    matches!(evaluate([policy], request), Verdict::Allowed(_))
}

fn works(policy: &Document, call: &NeededCall) -> bool {
    call.checks.iter().all(|check| is_allowed(policy, check))
}

fn requests() -> Vec<CrossAccount> {
    let mut several = with(&Grant::ALL);
    several.subnets.insert(SubnetId::parse("subnet-1a2b3c4d").unwrap());
    several.instance_profiles.insert(profile("team/ringfence-head", "team/heads/ringfence-head"));
    let mut all = vec![cross_account(), with(&Grant::ALL), several];
    all.extend(Grant::ALL.map(|grant| with(&[grant])));
    all
}

#[test]
fn enough_every_call_of_every_grant_that_is_on_is_allowed() {
    for request in requests() {
        let policy = request.render().document;
        for call in needed_calls(&request) {
            let refused = call.checks.iter().find(|check| !is_allowed(&policy, check));
            assert_eq!(refused, None, "{} with {:?}", call.what, request.grants);
        }
    }
}

#[test]
fn not_more_without_any_one_action_some_call_fails() {
    let request = with(&Grant::ALL);
    let whole = request.render().document;
    let calls = needed_calls(&request);
    let mut dropped = 0;
    for (position, statement) in whole.statement.iter().enumerate() {
        for (which, action) in statement.action.iter().enumerate() {
            let mut less = whole.clone();
            less.statement[position].action.remove(which);
            if less.statement[position].action.is_empty() {
                less.statement.remove(position);
            }
            dropped += 1;
            assert!(
                calls.iter().any(|call| !works(&less, call)),
                "nothing needs {action} in {}; drop it from the template",
                statement.sid
            );
        }
    }
    assert!(dropped >= 60, "{dropped}");
}

#[test]
fn not_more_every_resource_of_a_statement_is_needed() {
    let request = with(&Grant::ALL);
    let whole = request.render().document;
    let calls = needed_calls(&request);
    for (position, statement) in whole.statement.iter().enumerate().filter(|(_, one)| one.resource.len() > 1) {
        for (which, resource) in statement.resource.iter().enumerate() {
            let mut less = whole.clone();
            less.statement[position].resource.remove(which);
            assert!(calls.iter().any(|call| !works(&less, call)), "nothing needs {resource} in {}", statement.sid);
        }
    }
}

#[test]
fn with_a_grant_off_none_of_its_calls_works_and_all_others_do() {
    for off in Grant::ALL {
        let on: Vec<Grant> = Grant::ALL.into_iter().filter(|grant| *grant != off).collect();
        let request = with(&on);
        let policy = request.render().document;
        for call in all_calls(&request) {
            assert_eq!(works(&policy, &call), call.grant != Some(off), "{} without {off}", call.what);
        }
        assert!(needed_calls(&request).iter().all(|call| call.grant != Some(off)));
    }
}
