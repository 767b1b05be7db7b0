//! What IAM's calls about roles, policies and instance profiles share: names with their paths, documents, and the error
//! for something that does not exist.

use ringfence_policy::aws::Document;

use super::account::AwsError;
use super::role_error::RoleError;

/// The path and the name, as IAM's calls need them.
pub(super) fn split(name: &str) -> (String, &str) {
    match name.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), name),
    }
}

/// A document as IAM returns it: percent-encoded.
pub(super) fn decoded(text: &str, what: &'static str) -> Result<Document, RoleError> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| RoleError::Unreadable(what))?;
    Document::parse(&text).map_err(|_| RoleError::Unreadable(what))
}

/// Removing something that does not exist succeeds.
pub(super) fn gone(result: Result<(), AwsError>) -> Result<(), AwsError> {
    match result {
        Err(error) if error.is("NoSuchEntity") => Ok(()),
        other => other,
    }
}
