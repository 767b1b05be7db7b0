//! Errors on the wire: `application/problem+json` (RFC 9457) with a stable code.
//!
//! A script may rely on `code`; `detail` is for people and may change. Each code has one status.

mod detail;

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::word::words;

/// What went wrong, for programs. The codes never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ProblemCode {
    /// The request names no caller: no session and no client certificate.
    Unauthenticated,
    /// The session is unknown or expired; log in again.
    SessionInvalid,
    /// The login signature is not the operator's, or the nonce is used or old.
    LoginRefused,
    /// The client certificate was not issued by this cluster.
    CertificateUnknown,
    /// The client certificate is revoked.
    CertificateRevoked,
    /// The client certificate has expired.
    CertificateExpired,
    /// The client certificate is not valid yet: a clock was ahead when it was issued, or is behind now.
    CertificateNotYetValid,
    /// The join ticket is unknown, expired, or used by another key.
    TicketRefused,
    /// The caller is known but may not do this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// This version of the daemon has no such route. Says nothing about whether a thing exists.
    NoSuchRoute,
    /// The route exists, but not with this method.
    MethodNotAllowed,
    /// The request cannot be read: not JSON, a wrong type, a name that breaks its rule.
    InvalidRequest,
    /// The request holds a field that this version does not know.
    UnknownField,
    /// The certificate signing request is malformed, too weak or not signed by its own key.
    InvalidCsr,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The change contradicts what exists.
    Conflict,
    /// It was to be created, and exists already as something else. Change it instead.
    AlreadyExists,
    /// The caller has as many of these as one may have at the same time.
    QuotaExceeded,
    /// The change would leave a project that has a data owner without one.
    LastDataOwner,
    /// The caller would lose its own role in the project.
    OwnMembership,
    /// The daemon cannot answer now; try again.
    Unavailable,
    /// A fault of the daemon; its log has more under the same request id.
    Internal,
}

impl ProblemCode {
    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        match self {
            Self::Unauthenticated
            | Self::SessionInvalid
            | Self::LoginRefused
            | Self::CertificateUnknown
            | Self::CertificateRevoked
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::TicketRefused => 401,
            Self::Forbidden => 403,
            Self::NotFound | Self::NoSuchRoute => 404,
            Self::MethodNotAllowed => 405,
            Self::InvalidRequest | Self::UnknownField | Self::InvalidCsr => 400,
            Self::BodyTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::Conflict | Self::AlreadyExists | Self::LastDataOwner | Self::OwnMembership => 409,
            Self::QuotaExceeded => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// A short sentence that is the same for every problem of this code.
    pub fn title(self) -> &'static str {
        match self {
            Self::Unauthenticated => "Authentication is required",
            Self::SessionInvalid => "The session is not valid",
            Self::LoginRefused => "The login was refused",
            Self::CertificateUnknown => "The client certificate is not of this cluster",
            Self::CertificateRevoked => "The client certificate is revoked",
            Self::CertificateExpired => "The client certificate has expired",
            Self::CertificateNotYetValid => "The client certificate is not valid yet",
            Self::TicketRefused => "The join ticket was refused",
            Self::Forbidden => "The caller may not do this",
            Self::NotFound => "Not found",
            Self::NoSuchRoute => "There is no such route",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::InvalidRequest => "The request is not valid",
            Self::UnknownField => "The request holds an unknown field",
            Self::InvalidCsr => "The certificate signing request is not valid",
            Self::BodyTooLarge => "The body is too large",
            Self::BodyTimeout => "The body took too long",
            Self::Conflict => "The change conflicts with what exists",
            Self::AlreadyExists => "It exists already",
            Self::QuotaExceeded => "The quota is exhausted",
            Self::LastDataOwner => "The project would have no data owner",
            Self::OwnMembership => "The caller would lose its own role",
            Self::Unavailable => "The daemon cannot answer now",
            Self::Internal => "The daemon failed",
        }
    }
}

words!(ProblemCode);

/// The body of every error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:ringfence:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: ProblemCode,
    /// What is wrong here, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of this code. Parts of the detail that are as long as no name are cut: they repeat what a caller sent.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self {
            kind: format!("urn:ringfence:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: detail::shortened(&detail),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.title, self.detail, self.code)
    }
}
