//! What is wrong with policies, by the escalation paths that are known: each is what an attacker would try with the
//! rights that a policy gives. A path is open, and is a finding, when the policy allows every check that AWS makes for
//! one of the ways to try it, in any account and region that it names or in one that it does not, on what carries
//! another stack's tag or none.

mod escalation;
mod scope;
mod trust_policy;

use std::collections::BTreeSet;

use self::scope::{Scope, untagged};
use super::cross_account::CrossAccount;
use super::document::{Document, Effect, Statement};
use super::evaluate::{Key, Request, Verdict, evaluate, glob};

pub use escalation::{ESCALATION_PATHS, EscalationPath};

/// An escalation path that policies leave open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A name for scripts.
    pub name: &'static str,
    /// What an attacker can do.
    pub what: &'static str,
    /// How to close it.
    pub fix: &'static str,
    /// The statements that leave it open.
    pub statements: Vec<String>,
}

/// What an attacker would try, with the caller's choices made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The path's name.
    pub name: &'static str,
    /// What the attacker would gain.
    pub what: &'static str,
    /// How the path is closed.
    pub fix: &'static str,
    /// The ways to try it: of each, at least one check must be refused.
    pub ways: Vec<Vec<Request>>,
}

/// What an attacker who holds the role of a request would try, each choice made as suits the attacker best.
pub fn attempts(request: &CrossAccount) -> Vec<Attempt> {
    let policy = [request.render().document];
    let scope = Scope::new(&policy, [request.partition.as_str(), request.region.as_str(), request.account.as_str()]);
    let profile = request.instance_profiles.first();
    let profile = profile.map(|one| scope.arn("iam", &format!("instance-profile/{}", one.profile)));
    let vpc = request.vpcs.first().map(|vpc| scope.arn("ec2", &format!("vpc/{vpc}")));
    let best = |key: &str| -> Option<Vec<String>> {
        let one = |text: &str| Some(vec![text.to_owned()]);
        match key {
            "aws:requesttag/ringfence:stack"
            | "aws:resourcetag/ringfence:stack"
            | "ec2:resourcetag/ringfence:stack" => one(request.stack.as_str()),
            "ec2:instanceprofile" => profile.clone().map(|profile| vec![profile]),
            "ec2:metadatahttptokens" => one("required"),
            "ec2:encrypted" => one("true"),
            "ec2:vpc" => vpc.clone().map(|vpc| vec![vpc]),
            "iam:passedtoservice" => one("ec2.amazonaws.com"),
            "elasticloadbalancing:scheme" => one("internal"),
            "elasticloadbalancing:subnet" => Some(request.subnets.iter().map(ToString::to_string).collect()),
            "elasticloadbalancing:securitygroup" => {
                Some(request.security_groups.iter().map(ToString::to_string).collect())
            }
            _ => None,
        }
    };
    let chosen = |mut check: Request| {
        let keys = std::mem::take(&mut check.keys).into_iter();
        check.keys = keys
            .filter_map(|(key, value)| match value {
                Key::Chosen => Some((key.clone(), Key::Is(best(&key)?))),
                Key::Among(one) => {
                    let all = best(&key).unwrap_or_default().into_iter().chain([one]).collect();
                    Some((key, Key::Is(all)))
                }
                Key::Is(values) if values.is_empty() => None,
                known @ Key::Is(_) => Some((key, known)),
            })
            .collect();
        check
    };
    ESCALATION_PATHS
        .iter()
        .map(|path| Attempt {
            name: path.name,
            what: path.what,
            fix: path.fix,
            ways: (path.ways)(&scope).into_iter().map(|way| way.into_iter().map(chosen).collect()).collect(),
        })
        .collect()
}

/// How many escalation paths are looked for in policies like these: of what they allow, and of whom they trust.
pub fn paths_checked(policies: &[Document]) -> usize {
    let (of_trust, of_roles) = split(policies);
    let any = |policies: &[Document]| policies.iter().any(|policy| !policy.statement.is_empty());
    usize::from(any(&of_roles) || !any(&of_trust)) * ESCALATION_PATHS.len()
        + usize::from(any(&of_trust)) * trust_policy::PATHS
}

/// The paths that these policies together leave open: by what a role may do, and, in trust policies, by who may assume
/// it.
pub fn findings(policies: &[Document]) -> Vec<Finding> {
    let label = |wanted: &Statement| {
        let all = policies.iter().flat_map(|policy| &policy.statement);
        let position = all.clone().position(|one| one == wanted).unwrap_or_default();
        wanted.label(position)
    };
    let (of_trust, of_roles) = split(policies);
    let mut found = trust_policy::findings(&of_trust, label);
    let scopes = Scope::all(&of_roles);
    for path in ESCALATION_PATHS {
        let mut statements: Vec<String> = Vec::new();
        let mut is_open = false;
        let ways = scopes.iter().flat_map(path.ways);
        for way in ways.flat_map(|way| [untagged(&way), way]) {
            let verdicts: Vec<Verdict<'_>> = way.iter().map(|check| evaluate(&of_roles, check)).collect();
            let through: Vec<&Statement> = verdicts.iter().filter_map(Verdict::allowed_by).collect();
            if through.len() == way.len() {
                is_open = true;
                for label in through.into_iter().map(&label) {
                    if !statements.contains(&label) {
                        statements.push(label);
                    }
                }
            }
        }
        if is_open {
            let EscalationPath { name, what, fix, .. } = *path;
            found.push(Finding { name, what, fix, statements });
        }
    }
    found
}

/// The actions that these policies allow and no escalation path uses, as they stand there: of them nothing is said.
pub(super) fn not_assessed(policies: &[Document]) -> Vec<String> {
    let (_, of_roles) = split(policies);
    let scopes = Scope::all(&of_roles);
    let ways = ESCALATION_PATHS.iter().flat_map(|path| scopes.iter().take(1).flat_map(path.ways));
    let used: BTreeSet<String> = ways.flatten().map(|check| check.action.to_ascii_lowercase()).collect();
    let statements = of_roles.iter().flat_map(|policy| &policy.statement);
    let allowed = statements.filter(|statement| statement.effect == Effect::Allow).flat_map(|one| &one.action);
    let rest = allowed.filter(|action| !used.iter().any(|used| glob(&action.to_ascii_lowercase(), used)));
    rest.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The statements that say whom, and those that say what.
fn split(policies: &[Document]) -> (Vec<Document>, Vec<Document>) {
    let those = |about_principals: bool| {
        let of = |policy: &Document| {
            let all = policy.statement.iter().filter(|one| one.is_about_principals() == about_principals);
            Document { statement: all.cloned().collect(), ..policy.clone() }
        };
        policies.iter().map(of).collect::<Vec<_>>()
    };
    (those(true), those(false))
}
