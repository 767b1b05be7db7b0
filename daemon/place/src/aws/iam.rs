//! How IAM takes and gives what its calls about roles, policies and instance profiles share: names with their paths,
//! documents, and the word that something is gone.

use ringfence_policy::aws::Document;

use super::account::AwsError;
use super::role_error::RoleError;

/// The path and the name after it, as IAM's calls take them.
pub(super) fn split(name: &str) -> (String, &str) {
    match name.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), name),
    }
}

/// A document as IAM hands it out: percent-encoded.
pub(super) fn decoded(text: &str, what: &'static str) -> Result<Document, RoleError> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| RoleError::Unreadable(what))?;
    Document::parse(&text).map_err(|_| RoleError::Unreadable(what))
}

/// What was to be removed and is not there is removed.
pub(super) fn gone(result: Result<(), AwsError>) -> Result<(), AwsError> {
    match result {
        Err(error) if error.is("NoSuchEntity") => Ok(()),
        other => other,
    }
}
