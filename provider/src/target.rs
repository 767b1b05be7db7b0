//! Where a cluster runs: the attributes that say so, and how the provider creates, finds, stops and removes a head
//! there.
//!
//! Code that uses a target does not know which one it is. Only `cluster/target.rs` tells them apart, and
//! [`of_import_id`], for resources that are imported with the place of their cluster.
//!
//! Every operation may be repeated after an interruption at any point: it finds what an earlier one has left.

mod local;

use std::ffi::OsString;

use async_trait::async_trait;
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::{ClusterId, ClusterName, Connection, OperatorPublicKey};
use serde::{Deserialize, Serialize};
use tfplugin_rs::prelude::*;

pub(crate) use local::{ClusterIdentity, LocalModel};

/// The attributes of a target in a configuration. While planning, any of them may be unknown.
pub(crate) trait TargetModel {
    /// Where the cluster is. A change of place replaces the cluster.
    fn place(&self) -> Place;

    /// Checks the attributes other than the place.
    fn check(&self) -> Result<()>;

    /// The target itself; none while its place is unknown. `had_root`: its head has been reached once, so a head that
    /// is not there is lost, and not yet to be made.
    fn target(&self, had_root: bool) -> Option<Box<dyn Target>>;

    /// The identity of the cluster, once its place is known.
    fn identity(&self) -> Option<ClusterIdentity>;
}

/// The kind of a target, and the name of a place in its terms.
#[derive(PartialEq)]
pub(crate) struct Place {
    kind: &'static str,
    name: Value<OsString>,
}

/// A place for one cluster, whether the cluster exists or not.
#[async_trait]
pub(crate) trait Target: Send + Sync {
    /// The attribute of a cluster that declares this target.
    fn attribute(&self) -> Path;

    /// The import id of a cluster in this place: the place as the configuration spells it.
    fn import_id(&self) -> &str;

    /// Checks that a cluster with this name and key can be created here. The key is none while it is unknown.
    fn check(&self, name: &ClusterName, key: Option<&OperatorPublicKey>) -> Result<()>;

    /// Checks that the head can have the declared address.
    fn check_address(&self) -> Result<()>;

    /// The address that the head will have, if that differs from this one.
    fn next_endpoint(&self, before: &str) -> Option<String>;

    /// The cluster that this place belongs to.
    fn cluster_id(&self) -> Result<Option<ClusterId>>;

    /// Looks whether the cluster exists and its head runs.
    fn look(&self) -> Result<Sight>;

    /// Whether workers run, even without their head.
    fn workers_run(&self) -> bool;

    /// Makes the place the cluster's, or finds that it is so already.
    fn claim(&self, name: &ClusterName, key: &OperatorPublicKey) -> Result<Claimed>;

    /// Starts the head if it does not run as declared, and waits until it can be reached.
    async fn ensure_head(&self, owner: &Owner, authority: &AuthoritySettings) -> Result<Connection>;

    /// Stops the head and nothing else. It starts again with the program and the settings of this run.
    async fn stop_head(&self) -> Result<()>;

    /// How to reach a head that runs. Waits for one that is starting. None if it does not run, or ends while it starts.
    async fn reached(&self) -> Result<Option<Connection>>;

    /// How the head was last reached, whether it runs or not.
    fn connection(&self) -> Result<Connection>;

    /// The error for a head that was started and no longer runs.
    fn ended_early(&self) -> Diagnostics;

    /// Stops the head, then every worker. What they stored stays.
    async fn stop(&self) -> Result<()>;

    /// Stops and removes everything. The mark of the owner goes last, so that an interrupted removal can be finished.
    async fn destroy(&self) -> Result<()>;
}

/// The target of an import id. So far that is the directory of a local cluster.
pub(crate) fn of_import_id(id: &str) -> impl Target + use<> {
    local::Local::at(id)
}

/// The cluster that a place belongs to. The key is that of the cluster's creation; the token may have changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) id: ClusterId,
    pub(crate) name: ClusterName,
    pub(crate) operator_key: OperatorPublicKey,
}

/// A place that belongs to the cluster.
pub(crate) enum Claimed {
    /// Since this call; nothing of the cluster existed before.
    Made(Owner),
    /// Since an earlier one; parts of the cluster may exist.
    Found(Owner),
}

/// What there is of the cluster in its place.
pub(crate) enum Sight {
    /// Nothing of it.
    Gone,
    /// Some of it, without what its head cannot be started without.
    Lost(Lost),
    /// It exists and its head does not run.
    Stopped(Owner),
    /// Its head runs.
    Running(Owner),
}

/// A cluster of which parts are gone. A head that was made in the place of its own would have another root under the
/// same identity, so none is made.
pub(crate) struct Lost {
    /// Which cluster it is, if what is left proves that.
    pub(crate) id: Option<ClusterId>,
    /// Says what is gone, where, and what to do.
    pub(crate) fault: Diagnostic,
}
