//! Jobs: programs that run for a while as a project user. The certificates and tokens that a job was given end with it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::{JobId, ProjectUser};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its name, of which a project user has one only.
    pub job: JobId,
    /// Whom it runs as.
    pub project_user: ProjectUser,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
}
