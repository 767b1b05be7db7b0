//! How a resource finds its cluster: by its own `cluster`, or by the provider's.
//!
//! Only the cluster's id decides whether it is the same cluster: another id forces replacement, another address does
//! not. While planning a cluster's creation its connection is unknown, and everything here copes with that.

use ringfence_api::Connection;
use tfplugin_rs::prelude::*;

use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, Seen};
use crate::target::{self, Target as _};

/// The connection of a resource: its own, else the provider's. `Ok(None)` while it is not known yet.
pub(crate) fn find(data: &Ringfence, own: &Value<ConnectionModel>) -> Result<Option<Connection>> {
    let chosen = if own.is_null() { &data.cluster } else { own };
    match chosen {
        Value::Unknown => Ok(None),
        Value::Known(model) => Ok(model.known().map(|connection| latest(data, connection))),
        Value::Null => Err(Diagnostic::error("No cluster is named")
            .detail("Set `cluster` to the `connection` of a ringfence_cluster, here or in the provider block.")
            .at(Path::root().attr("cluster"))
            .into()),
    }
}

/// The connection of a resource that is being applied or read, when everything is known.
pub(crate) fn resolve(data: &Ringfence, own: &Value<ConnectionModel>) -> Result<Connection> {
    find(data, own)?.ok_or_else(|| {
        Diagnostic::error("The cluster is not known yet")
            .detail("The connection depends on something that is created in this very run.")
            .at(Path::root().attr("cluster"))
            .into()
    })
}

/// A cluster that was seen in this run is where it was seen: its address may have changed since the state was written.
fn latest(data: &Ringfence, recorded: Connection) -> Connection {
    match data.seen(recorded.cluster_id) {
        Some(Seen::Running(connection)) => connection,
        _ => recorded,
    }
}

/// What a resource in a cluster does when it is read.
pub(crate) enum Reading {
    /// Ask the daemon.
    Ask(ringfence_api::Client),
    /// The cluster is known to be stopped, or not known yet: keep the state as it is.
    Keep,
    /// The cluster is known to be gone, and everything in it with it.
    Gone,
}

/// Decides how a resource in a cluster is read.
pub(crate) fn reading(data: &Ringfence, own: &Value<ConnectionModel>) -> Result<Reading> {
    // The provider's cluster may be unknown in a plan, as while it moves; what is known of the resource then stays.
    let Some(connection) = find(data, own)?.filter(|_| !data.is_away()) else { return Ok(Reading::Keep) };
    Ok(match data.seen(connection.cluster_id) {
        Some(Seen::Stopped) => Reading::Keep,
        Some(Seen::Gone) => Reading::Gone,
        Some(Seen::Running(_)) | None => Reading::Ask(data.client(&connection)?),
    })
}

/// Plans the resolved cluster id: known as soon as it can be, and whether that means another cluster than before.
///
/// A cluster that goes on keeps its id known while it is planned, also when it moves to another address. An id that is
/// not known is that of a cluster which is yet to be made.
pub(crate) fn plan_cluster_id(
    data: &Ringfence,
    own: &Value<ConnectionModel>,
    prior: Option<&Value<String>>,
) -> Result<(Value<String>, bool)> {
    // For its error when there is none at all.
    find(data, own)?;
    let chosen = if own.is_null() { &data.cluster } else { own };
    let id = chosen.known().map_or(Value::Unknown, |model| model.cluster_id.clone());
    let moved = prior.is_some_and(|prior| prior.is_known() && *prior != id);
    Ok((id, moved))
}

/// Splits an import id of that form into the name and the connection: `NAME` for the provider's cluster,
/// `NAME@DIRECTORY` for a local cluster.
pub(crate) fn import(data: &Ringfence, id: &str, form: &str) -> Result<(String, Value<ConnectionModel>)> {
    match id.split_once('@') {
        None => {
            find(data, &Value::Null).map_err(|_| {
                Diagnostic::error("No cluster is named").detail(format!(
                    "Write the import id as {form}@DIRECTORY with the directory of a local cluster, or set `cluster` \
                     in the provider block."
                ))
            })?;
            Ok((id.to_owned(), Value::Null))
        }
        Some((name, directory)) => {
            let connection = target::of_import_id(directory).connection()?;
            Ok((name.to_owned(), Value::Known(ConnectionModel::from(&connection))))
        }
    }
}

/// Checks that an object which is imported by its identity lies in the provider's cluster: an identity names the
/// cluster, and only the provider block says how it is reached.
pub(crate) fn import_identity(data: &Ringfence, cluster_id: &Value<String>) -> Result<()> {
    let detail = "An identity does not say how a cluster is reached. Set `cluster` in the provider block to the \
                  `connection` of the cluster, or import by id.";
    let connection =
        resolve(data, &Value::Null).map_err(|_| Diagnostic::error("No cluster is named").detail(detail))?;
    match cluster_id.as_str() {
        Some(wanted) if wanted != connection.cluster_id.to_string() => {
            Err(Diagnostic::error("The identity is of another cluster")
                .detail(format!("It names {wanted}; the provider's cluster is {}. {detail}", connection.cluster_id))
                .into())
        }
        _ => Ok(()),
    }
}
