//! `ringfenced api-document`.

use std::io::Write as _;

/// Prints the OpenAPI document.
pub(crate) fn print() -> anyhow::Result<()> {
    let document = crate::http::document_text(crate::daemon::all_routes().operations());
    std::io::stdout().write_all(document.as_bytes())?;
    Ok(())
}
