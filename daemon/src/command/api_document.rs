//! `ringfenced api-document`.

use std::io::Write as _;

/// Prints the OpenAPI document.
pub(crate) fn print() -> anyhow::Result<()> {
    std::io::stdout().write_all(crate::http::document().as_bytes())?;
    Ok(())
}
