//! Where the nodes of a cluster run, by its configuration. Nothing else in the daemon tells targets apart.

use ringfence_place::Place;
use ringfence_place::local::LocalNodes;

use crate::config::NodesConfig;

/// The place that the configuration declares.
pub(super) fn place_of_nodes(config: &NodesConfig) -> Place {
    let mut nodes = LocalNodes::new(&config.local_root, &config.program);
    nodes.env = inherited_environment();
    Place::Local(nodes)
}

/// The environment of agents: search paths for the commands of services, and the log filter. Nothing else, so that
/// agents inherit no secret.
#[allow(clippy::disallowed_methods, reason = "the environment of a child is made from that of its parent")]
fn inherited_environment() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    ["PATH", "HOME", "LANG", "TMPDIR", "RINGFENCE_LOG"]
        .into_iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
        .collect()
}
