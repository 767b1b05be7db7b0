//! Which program the head is, and what it inherits.

use std::ffi::OsString;
use std::path::PathBuf;

use tfplugin_rs::prelude::*;

use super::attribute;

/// The program of the daemon: the one given, else `ringfenced` beside this provider, else on the PATH.
#[allow(clippy::disallowed_methods, reason = "finding a program is what PATH is for")]
pub(super) fn program(given: &Value<String>) -> Result<PathBuf> {
    let at = attribute().attr("daemon");
    if let Some(given) = given.known() {
        let path = std::path::absolute(given).unwrap_or_else(|_| PathBuf::from(given));
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Diagnostic::error("The daemon's program is not there")
                .detail(format!("{} is not a file.", path.display()))
                .at(at)
                .into())
        };
    }
    let beside = std::env::current_exe().ok().and_then(|provider| Some(provider.parent()?.join("ringfenced")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = beside.into_iter().chain(std::env::split_paths(&path).map(|directory| directory.join("ringfenced")));
    found.into_iter().find(|candidate| candidate.is_file()).ok_or_else(|| {
        Diagnostic::error("The daemon's program is not found")
            .detail("Put `ringfenced` beside the provider or on the PATH, or name it in `daemon`.")
            .at(at)
            .into()
    })
}

/// What the head inherits: where programs are found and how much to log. Nothing else, and so not the token.
#[allow(clippy::disallowed_methods, reason = "the environment of a child is made from that of its parent")]
pub(super) fn inherited_environment() -> Vec<(OsString, OsString)> {
    ["PATH", "HOME", "LANG", "TMPDIR", "RINGFENCE_LOG"]
        .into_iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
        .collect()
}
