//! What is wrong with a request for documents.

use std::fmt;

/// What is wrong with a request, at which attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The attribute.
    pub attribute: &'static str,
    /// What is wrong with it, as a clause.
    pub problem: String,
}

impl Fault {
    /// A fault.
    pub fn new(attribute: &'static str, problem: impl Into<String>) -> Self {
        Self { attribute, problem: problem.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.attribute, self.problem)
    }
}
