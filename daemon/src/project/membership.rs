//! Decides whether a change of a project's members is allowed, from the members before, the members after, and the
//! caller.
//!
//! Guarantees: a project that has a data owner keeps one, and a data owner cannot give up their own role. To leave,
//! they ask another data owner, or the operator.

use std::collections::BTreeMap;

use ringfence_api::project::MemberRole;
use ringfence_api::{ProblemCode, ProjectUser, UserName};

use crate::base::Failure;

/// The members of a project and their roles.
pub(crate) type Roles = BTreeMap<UserName, MemberRole>;

/// The change of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Add(MemberRole),
    Role(MemberRole),
    Remove,
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The project would lose its last data owner.
    LastDataOwner,
    /// The caller would lose its own role.
    OwnMembership(UserName),
}

/// The changes from `before` to `after`, if `caller` may make them. `caller` is the calling data owner, or `None` for
/// the operator.
pub(crate) fn plan(
    before: &Roles,
    after: &Roles,
    caller: Option<&UserName>,
) -> Result<Vec<(UserName, Change)>, Refusal> {
    if let Some(caller) = caller
        && after.get(caller) != Some(&MemberRole::DataOwner)
    {
        return Err(Refusal::OwnMembership(caller.clone()));
    }
    if has_data_owner(before) && !has_data_owner(after) {
        return Err(Refusal::LastDataOwner);
    }
    let removed = before.keys().filter(|user| !after.contains_key(*user)).map(|user| (user.clone(), Change::Remove));
    let put = after.iter().filter_map(|(user, role)| match before.get(user) {
        None => Some((user.clone(), Change::Add(*role))),
        Some(had) if had == role => None,
        Some(_) => Some((user.clone(), Change::Role(*role))),
    });
    Ok(removed.chain(put).collect())
}

/// The failure for an unknown member.
pub(crate) fn unknown(identity: &ProjectUser) -> Failure {
    Failure::not_found(format!("member {} in project {}", identity.user, identity.project))
}

fn has_data_owner(roles: &Roles) -> bool {
    roles.values().any(|role| *role == MemberRole::DataOwner)
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::LastDataOwner => {
                let detail = "the project has a data owner and would be left without one; make somebody else data \
                    owner in the same change";
                Self::new(ProblemCode::LastDataOwner, detail)
            }
            Refusal::OwnMembership(user) => {
                let detail = format!(
                    "you are {user}, and would no longer be a data owner; ask another data owner, or the operator"
                );
                Self::new(ProblemCode::OwnMembership, detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `alice+` is a data owner, `bob` a data scientist.
    fn roles(text: &str) -> Roles {
        text.split_whitespace()
            .map(|word| match word.strip_suffix('+') {
                Some(name) => (user(name), MemberRole::DataOwner),
                None => (user(word), MemberRole::DataScientist),
            })
            .collect()
    }

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    /// `+alice` added, `~alice` with another role, `-alice` removed.
    fn show(planned: Result<Vec<(UserName, Change)>, Refusal>) -> String {
        match planned {
            Err(Refusal::LastDataOwner) => "last data owner".to_owned(),
            Err(Refusal::OwnMembership(user)) => format!("own membership of {user}"),
            Ok(changes) => {
                let word = |(user, change): &(UserName, Change)| match change {
                    Change::Add(role) => format!("+{user}:{role}"),
                    Change::Role(role) => format!("~{user}:{role}"),
                    Change::Remove => format!("-{user}"),
                };
                changes.iter().map(word).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn a_plan_is_the_difference_and_keeps_a_data_owner_and_the_caller() {
        for (before, after, caller, expected) in [
            ("", "", None, ""),
            ("", "alice", None, "+alice:data_scientist"),
            ("", "alice+ bob", None, "+alice:data_owner +bob:data_scientist"),
            ("alice", "", None, "-alice"),
            ("alice+ bob", "alice+ bob", None, ""),
            ("alice+ bob", "alice+", None, "-bob"),
            ("alice+ bob", "alice+ carol", None, "-bob +carol:data_scientist"),
            ("alice+ bob", "bob+", None, "-alice ~bob:data_owner"),
            ("alice+ bob", "alice bob+", None, "~alice:data_scientist ~bob:data_owner"),
            ("alice+ bob", "bob", None, "last data owner"),
            ("alice+ bob", "alice bob", None, "last data owner"),
            ("alice+ bob+", "alice", None, "last data owner"),
            ("alice+", "", None, "last data owner"),
            ("alice+ bob", "alice+ bob+", Some("alice"), "~bob:data_owner"),
            ("alice+ bob+", "alice+", Some("alice"), "-bob"),
            ("alice+ bob+", "bob+", Some("alice"), "own membership of alice"),
            ("alice+ bob+", "alice bob+", Some("alice"), "own membership of alice"),
            ("alice+ bob", "bob", Some("alice"), "own membership of alice"),
            ("alice+", "", Some("alice"), "own membership of alice"),
        ] {
            let caller = caller.map(user);
            assert_eq!(show(plan(&roles(before), &roles(after), caller.as_ref())), expected, "{before} -> {after}");
        }
    }
}
