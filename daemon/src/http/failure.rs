//! One error of the daemon: what the caller is told, and what only the log is told. It becomes a problem document
//! here and nowhere else.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use ringfence_api::{Problem, ProblemCode};
use ringfence_pki::{AuthorityError, RequestError, SealError};
use ringfence_store::StoreError;
use tracing::error;

/// Why a request was not served.
#[derive(Debug, Clone)]
pub struct Failure {
    problem: Box<Problem>,
    /// The cause, for the log. A caller never sees it.
    cause: Option<Arc<anyhow::Error>>,
}

/// What a handler returns.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// A problem that the caller can do something about.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { problem: Box::new(Problem::new(code, detail)), cause: None }
    }

    /// There is no such thing.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(ProblemCode::NotFound, format!("there is no {what}"))
    }

    /// A fault of ours.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let detail = "the daemon's log says more; if it happens again, please report it";
        Self { cause: Some(Arc::new(cause.into())), ..Self::new(ProblemCode::Internal, detail) }
    }

    /// The cause for whoever starts the daemon, who has no log to look at: it is the one that is being written.
    pub(crate) fn into_cause(self) -> anyhow::Error {
        match self.cause {
            Some(cause) => anyhow::anyhow!("{cause:#}"),
            None => anyhow::anyhow!("{}", self.problem.detail),
        }
    }

    /// The problem's code.
    pub fn code(&self) -> ProblemCode {
        self.problem.code
    }
}

impl From<StoreError> for Failure {
    fn from(cause: StoreError) -> Self {
        match cause {
            StoreError::Exists(what) => Self::new(ProblemCode::Conflict, format!("{what} exists already")),
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
                    "this daemon does not have version {version} of the master key, under which the database is sealed; put \
                     it where its key comes from, and start it again"
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

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            error!(code = %self.problem.code, cause = format!("{cause:#}"), "a request failed");
        }
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self.problem)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
