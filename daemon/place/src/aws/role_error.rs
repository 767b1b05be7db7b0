//! Why a role, a policy or an instance profile is not as it should be.

use ringfence_policy::aws::STACK_TAG;

use super::account::AwsError;

/// Why a role cannot be converged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Something of this name exists, and the stack does not own it.
    #[error("the {what} {name} exists and does not carry the tag {STACK_TAG} = {stack}")]
    NotOurs {
        /// `role`, `instance profile` or `policy`.
        what: &'static str,
        /// Its name, or the ARN of a policy.
        name: String,
        /// The stack that should own it.
        stack: String,
    },
    /// The stack has another role of this name.
    #[error("the role {name} exists and is another role of the stack {stack}: it is assumed by others")]
    AnotherRole {
        /// Its name.
        name: String,
        /// The stack.
        stack: String,
    },
    /// The role is in another instance profile.
    #[error("the role {role} is in the instance profile {profile} too")]
    InAnotherProfile {
        /// The role.
        role: String,
        /// The other profile.
        profile: String,
    },
    /// A policy of the role's own is attached to something else too.
    #[error("the policy {arn} is attached to {other} too")]
    PolicyShared {
        /// The policy.
        arn: String,
        /// The name of the role, user or group that it is attached to.
        other: String,
    },
    /// It exists under another path, which cannot be changed.
    #[error("the {what} {name} is wanted, and {arn} is there: names are unique whatever their path")]
    OtherPath {
        /// `role` or `instance profile`.
        what: &'static str,
        /// The name with the path that is wanted.
        name: String,
        /// What is there.
        arn: String,
    },
    /// It was created, and AWS does not show it.
    #[error("the {what} {name} was made, and AWS does not show it")]
    NotSeen {
        /// `role`, `instance profile` or `policy`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// AWS returned something that cannot be read.
    #[error("AWS answered {0}, which cannot be read")]
    Unreadable(&'static str),
}

pub(super) fn not_seen(what: &'static str, name: &str) -> RoleError {
    RoleError::NotSeen { what, name: name.to_owned() }
}

pub(super) fn other_path(what: &'static str, name: &str, arn: &str) -> RoleError {
    RoleError::OtherPath { what, name: name.to_owned(), arn: arn.to_owned() }
}
