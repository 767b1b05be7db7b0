//! Where a cluster runs: what a configuration says of it, and how the provider makes a head there, finds it, stops it
//! and removes it. Whoever uses a target does not know which one it is; `ClusterModel` has the one match.
//!
//! Every operation may be repeated after an interruption anywhere: it finds what an earlier one has left.

mod local;

use std::ffi::OsString;

use async_trait::async_trait;
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::{ClusterId, ClusterName, Connection, OperatorPublicKey};
use serde::{Deserialize, Serialize};
use tfplugin_rs::prelude::*;

pub(crate) use local::{ClusterIdentity, LocalModel};

/// What a configuration says of a target. While planning, any of it may be unknown.
pub(crate) trait TargetModel {
    /// Where the cluster is. At another place there is another cluster.
    fn place(&self) -> Place;

    /// Checks what does not depend on the place.
    fn check(&self) -> Result<()>;

    /// The target itself; none while its place is not known.
    fn target(&self) -> Option<Box<dyn Target>>;

    /// What tells this cluster from all others, once it is known.
    fn identity(&self) -> Option<ClusterIdentity>;
}

/// A kind of target and a place that it knows.
#[derive(PartialEq)]
pub(crate) struct Place {
    kind: &'static str,
    name: Value<OsString>,
}

/// A place for one cluster, whether it is there or not.
#[async_trait]
pub(crate) trait Target: Send + Sync {
    /// The attribute of the cluster that declares it.
    fn attribute(&self) -> Path;

    /// The import id of a cluster in this place, as the configuration spells it.
    fn import_id(&self) -> &str;

    /// Whether the cluster could be made here. What cannot is said at the attribute. The key is left out while it is
    /// unknown.
    fn check(&self, name: &ClusterName, key: Option<&OperatorPublicKey>) -> Result<()>;

    /// Whether the head could have the address that is declared.
    fn check_address(&self) -> Result<()>;

    /// The address that a running head gets from this declaration, if it is another one than before.
    fn next_endpoint(&self, before: &str) -> Option<String>;

    /// The cluster that holds this place.
    fn cluster_id(&self) -> Result<Option<ClusterId>>;

    /// Looks whether the cluster is there and its head runs.
    fn look(&self) -> Result<Sight>;

    /// Whether workers run, also without their head.
    fn workers_run(&self) -> bool;

    /// Makes the place the cluster's, or finds that it is.
    fn claim(&self, name: &ClusterName, key: &OperatorPublicKey) -> Result<Claimed>;

    /// Starts the head if it does not run as declared, and waits until it can be reached.
    async fn ensure_head(&self, owner: &Owner, authority: &AuthoritySettings) -> Result<Connection>;

    /// How to reach the head that runs: one that is starting, perhaps for somebody who was interrupted, is waited for
    /// until it has said so. None when it does not run, or ends before.
    async fn reached(&self) -> Result<Option<Connection>>;

    /// How to reach the head, as it last said, whether it runs or not.
    fn connection(&self) -> Result<Connection>;

    /// The error when a head that was started does not run any more.
    fn ended_early(&self) -> Diagnostics;

    /// Stops the head, then every worker. What they stored stays.
    async fn stop(&self) -> Result<()>;

    /// Stops and removes everything. What says whose place it is goes last, so that an interrupted removal can be
    /// finished.
    async fn destroy(&self) -> Result<()>;
}

/// The target of an import id, which is the directory of a local cluster.
pub(crate) fn of_import_id(id: &str) -> impl Target + use<> {
    local::Local::at(id)
}

/// Whose place it is. The key is the one that the cluster was made with; its token may have been changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) id: ClusterId,
    pub(crate) name: ClusterName,
    pub(crate) operator_key: OperatorPublicKey,
}

/// A place that is the cluster's.
pub(crate) enum Claimed {
    /// By this call: nothing of the cluster existed before.
    Made(Owner),
    /// It was already, with whatever is in it.
    Found(Owner),
}

/// What is seen of the cluster in its place.
pub(crate) enum Sight {
    /// Nothing of it.
    Gone,
    /// It is there and its head does not run.
    Stopped(Owner),
    /// Its head runs.
    Running(Owner),
}
