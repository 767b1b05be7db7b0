//! Why a value does not fit a Rust type, and how users are told.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::{Path, Step};

/// Why a value does not fit a Rust type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Nothing is wrong, but the value is not known yet and the Rust type has no place for that.
    #[error("the value is not known yet")]
    Unknown(Path),
    /// The Rust type has no place for null.
    #[error("a value is required here")]
    Null(Path),
    /// The value is of another kind.
    #[error("this must be {expected}")]
    Mismatch {
        /// Where.
        path: Path,
        /// What was expected, as a noun.
        expected: &'static str,
    },
    /// An attribute that does not exist.
    #[error("there is no such attribute")]
    Unexpected(Path),
}

impl DecodeError {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unknown(path) | Self::Null(path) | Self::Unexpected(path) | Self::Mismatch { path, .. } => path,
        }
    }

    /// The same error seen from one step further out. So a path is made only when there is something to say of it.
    pub(crate) fn within(self, outer: Step) -> Self {
        match self {
            Self::Unknown(path) => Self::Unknown(path.within(outer)),
            Self::Null(path) => Self::Null(path.within(outer)),
            Self::Mismatch { path, expected } => Self::Mismatch { path: path.within(outer), expected },
            Self::Unexpected(path) => Self::Unexpected(path.within(outer)),
        }
    }
}

impl From<DecodeError> for Diagnostic {
    fn from(error: DecodeError) -> Self {
        let summary = match &error {
            DecodeError::Unknown(_) => "Value not known yet",
            DecodeError::Null(_) => "Missing value",
            DecodeError::Mismatch { .. } => "Wrong type of value",
            DecodeError::Unexpected(_) => "Unexpected attribute",
        };
        Self::error(summary).detail(format!("{error}.")).at(error.path().clone())
    }
}

impl From<DecodeError> for Diagnostics {
    fn from(error: DecodeError) -> Self {
        Diagnostic::from(error).into()
    }
}
