//! The error type of the daemon's operations: a problem for the caller, and a cause for the log. `http` turns it into a
//! response.

use std::sync::Arc;

use ringfence_api::{Problem, ProblemCode};
use ringfence_pki::{AuthorityError, RequestError, SealError};
use ringfence_store::StoreError;

/// Why a request was not served.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    problem: Box<Problem>,
    /// The cause, for the log only.
    cause: Option<Arc<anyhow::Error>>,
}

/// What a handler returns.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// A problem that the caller can act on.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { problem: Box::new(Problem::new(code, detail)), cause: None }
    }

    /// Something that does not exist.
    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(ProblemCode::NotFound, format!("there is no {what}"))
    }

    /// A fault of the daemon.
    pub(crate) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let detail = "the daemon's log has the cause; if it happens again, please report it";
        Self { cause: Some(Arc::new(cause.into())), ..Self::new(ProblemCode::Internal, detail) }
    }

    /// The cause, for failures while the daemon starts: it is printed to the person who starts it.
    pub(crate) fn into_cause(self) -> anyhow::Error {
        match self.cause {
            Some(cause) => anyhow::anyhow!("{cause:#}"),
            None => anyhow::anyhow!("{}", self.problem.detail),
        }
    }

    /// What the caller sees.
    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The cause, for the log.
    pub(crate) fn cause(&self) -> Option<&anyhow::Error> {
        self.cause.as_deref()
    }
}

impl From<StoreError> for Failure {
    fn from(cause: StoreError) -> Self {
        match cause {
            StoreError::Exists(what) => Self::new(ProblemCode::Conflict, format!("{what} exists already")),
            StoreError::Full(_) => Self::new(
                ProblemCode::Unavailable,
                "the disk of the database is full, and nothing was changed: free some space, and try again",
            ),
            StoreError::Busy(_) => Self::new(ProblemCode::Unavailable, "the daemon is busy; try again"),
            cause => Self::internal(cause),
        }
    }
}

impl From<AuthorityError> for Failure {
    fn from(cause: AuthorityError) -> Self {
        Self::internal(cause)
    }
}

impl From<SealError> for Failure {
    fn from(cause: SealError) -> Self {
        match cause {
            SealError::Version(version) => Self::new(
                ProblemCode::Unavailable,
                format!(
                    "this daemon does not have version {version} of the master key, under which the database is \
                     sealed; add it to the source of this daemon's master key, and restart the daemon"
                ),
            ),
            cause => Self::internal(cause),
        }
    }
}

impl From<RequestError> for Failure {
    fn from(cause: RequestError) -> Self {
        Self::new(ProblemCode::InvalidCsr, cause.to_string())
    }
}

impl From<ringfence_api::NameError> for Failure {
    fn from(cause: ringfence_api::NameError) -> Self {
        Self::new(ProblemCode::InvalidRequest, cause.to_string())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.problem)?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause:#}"))
    }
}

impl std::error::Error for Failure {}
