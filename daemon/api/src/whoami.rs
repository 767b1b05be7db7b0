//! Who the caller of the API is.

#[cfg(feature = "client")]
mod client;
pub mod route;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::{JobId, NodeName, ProjectName, ProjectUser, ServiceName, SystemUser, UserName};
use crate::project::MemberRole;

/// The caller, as the daemon recognised it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Caller {
    /// Whoever holds the operator's token.
    Operator,
    /// A user in a project.
    ProjectUser {
        /// The identity, `PROJECT__USER`.
        name: ProjectUser,
        /// The project.
        project: ProjectName,
        /// The user.
        user: UserName,
        /// The role now, not the one at the time of issue.
        role: MemberRole,
    },
    /// A job of a user in a project, which may do what its user may, but has no say over members.
    Job {
        /// The identity, `PROJECT__USER`.
        name: ProjectUser,
        /// The job.
        job: JobId,
    },
    /// The agent of a node.
    Node {
        /// The node.
        name: NodeName,
    },
    /// A service on a node.
    Service {
        /// The service.
        name: ServiceName,
        /// Where it runs.
        node: NodeName,
        /// The system user that runs it.
        user: SystemUser,
    },
}

/// As the audit log names it: the kind, and what tells this caller from others of the kind.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::ProjectUser { name, .. } => write!(f, "project_user/{name}"),
            Self::Job { name, job } => write!(f, "job/{name}/{job}"),
            Self::Node { name } => write!(f, "node/{name}"),
            Self::Service { name, node, .. } => write!(f, "service/{name}@{node}"),
        }
    }
}

impl Caller {
    /// As a sentence for people names it, such as "you are job nightly of `fraud__alice`".
    pub fn prose(&self) -> String {
        match self {
            Self::Operator => "the operator".to_owned(),
            Self::ProjectUser { name, .. } => name.to_string(),
            Self::Job { name, job } => format!("job {job} of {name}"),
            Self::Node { name } => format!("node {name}"),
            Self::Service { name, node, .. } => format!("service {name} on {node}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caller_has_a_name_in_the_audit_log_and_one_for_people() {
        let name = ProjectUser::parse("fraud__alice").unwrap();
        let callers = [
            (Caller::Operator, "operator", "the operator"),
            (
                Caller::ProjectUser {
                    project: name.project.clone(),
                    user: name.user.clone(),
                    name: name.clone(),
                    role: MemberRole::DataOwner,
                },
                "project_user/fraud__alice",
                "fraud__alice",
            ),
            (
                Caller::Job { name, job: JobId::parse("nightly").unwrap() },
                "job/fraud__alice/nightly",
                "job nightly of fraud__alice",
            ),
            (Caller::Node { name: NodeName::head() }, "node/head", "node head"),
            (
                Caller::Service {
                    name: ServiceName::parse("query").unwrap(),
                    node: NodeName::head(),
                    user: SystemUser::parse("trino").unwrap(),
                },
                "service/query@head",
                "service query on head",
            ),
        ];
        for (caller, recorded, prose) in callers {
            assert_eq!((caller.to_string().as_str(), caller.prose().as_str()), (recorded, prose));
        }
    }
}
