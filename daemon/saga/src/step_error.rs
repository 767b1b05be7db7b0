//! Why a step did not do its work, as the author of the step judges it.

use std::error::Error;

use crate::Failure;

/// The failure of an act or an undo.
///
/// It carries text and no source, because its home is the saga's log: the whole chain of causes
/// is flattened into the message once, here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    failure: Failure,
    message: String,
}

impl StepError {
    /// The step may succeed when it is tried again; it will be, as often as its table says.
    pub fn transient(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { failure: Failure::Transient, message: chain(cause.into().as_ref()) }
    }

    /// Trying again will not help.
    pub fn permanent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { failure: Failure::Permanent, message: chain(cause.into().as_ref()) }
    }

    /// The author's judgement.
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// The error and its causes.
    pub fn message(&self) -> &str {
        &self.message
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the cloud did not answer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_are_neither_lost_nor_doubled() {
        let error = StepError::transient(Outer(std::io::Error::other("connection reset")));
        assert_eq!(error.to_string(), "the cloud did not answer: connection reset");
        assert_eq!(error.failure(), Failure::Transient);
        assert_eq!(StepError::permanent("refused").message(), "refused");
    }
}
