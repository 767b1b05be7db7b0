//! The cluster: its declaration and its state.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use crate::cluster::{Cluster, PutCluster};
use crate::problem::ProblemCode;
use crate::route::{CREATING, Callers, Route, after};

pub const READ_CLUSTER: Route<(), Cluster> = Route::get("read_cluster", "/v1/cluster", Callers::Operator)
    .tagged("cluster")
    .summary("The cluster. With `after`, waits until its revision is above it, for at most 25 seconds.")
    .parameters(&[after("Wait until the revision is above this")])
    .answers::<Cluster>();

pub const PUT_CLUSTER: Route<PutCluster, Cluster> = Route::put("put_cluster", "/v1/cluster", Callers::Operator)
    .tagged("cluster")
    .summary("Declares the cluster. Nodes are launched and removed afterwards; `state` says how far that is.")
    .parameters(&[CREATING])
    .takes::<PutCluster>()
    .answers::<Cluster>()
    .problems(&[ProblemCode::AlreadyExists]);
