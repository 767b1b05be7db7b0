//! `ringfenced api-document`.

use crate::command::output;

/// Prints the OpenAPI document.
pub(crate) fn print() -> anyhow::Result<()> {
    let document = crate::http::document_text(crate::daemon::all_routes().operations());
    Ok(output::print(document.trim_end())?)
}
