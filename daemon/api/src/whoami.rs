//! Who the caller of the API is.

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
