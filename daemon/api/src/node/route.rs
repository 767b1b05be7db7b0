//! Nodes and the services on them.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use crate::certificate::PostIdentityCertificate;
use crate::node::{DesiredNode, IssuedCertificate, Node, NodeRotation, PostCertificate, PutJoin, PutReport};
use crate::problem::ProblemCode;
use crate::route::{Callers, Route, after, text};
use crate::token::IssuedToken;

pub const LIST_NODES: Route<(), Vec<Node>> = Route::get("list_nodes", "/v1/nodes", Callers::Operator)
    .tagged("nodes")
    .summary("All nodes, by name.")
    .answers_list::<Node>();

pub const READ_NODE: Route<(), Node> = Route::get("read_node", "/v1/nodes/{node}", Callers::Operator)
    .tagged("nodes")
    .summary("One node.")
    .answers::<Node>();

pub const POST_CERTIFICATE: Route<PostCertificate, IssuedCertificate> =
    Route::post("post_certificate", "/v1/nodes/{node}/certificates", Callers::Agent)
        .tagged("nodes")
        .summary("Issues a certificate for the node or one of its services.")
        .takes::<PostCertificate>()
        .answers::<IssuedCertificate>()
        .problems(&[ProblemCode::InvalidCsr]);

pub const READ_DESIRED: Route<(), DesiredNode> = Route::get("read_desired", "/v1/nodes/{node}/desired", Callers::Agent)
    .tagged("nodes")
    .summary("What the node should hold. With `after`, waits until it is another generation, for at most 25 seconds.")
    .parameters(&[
        after("Wait until the generation is not this"),
        text("incarnation", "`NUMBER.ID`: the history that `after` counts in. Answered at once if it is another"),
    ])
    .answers::<DesiredNode>();

pub const JOIN_NODE: Route<PutJoin, IssuedCertificate> =
    Route::post("join_node", "/v1/nodes/{node}/join", Callers::Anyone)
        .tagged("nodes")
        .summary("Trades a ticket for the node's certificate.")
        .takes::<PutJoin>()
        .answers::<IssuedCertificate>()
        .problems(&[ProblemCode::TicketRefused, ProblemCode::InvalidCsr]);

pub const PUT_REPORT: Route<PutReport, ()> = Route::put("put_report", "/v1/nodes/{node}/report", Callers::Agent)
    .tagged("nodes")
    .summary("Takes a node's report.")
    .takes::<PutReport>()
    .meaning("Taken");

pub const ROTATE_NODE: Route<(), NodeRotation> =
    Route::post("rotate_node", "/v1/nodes/{node}/rotate", Callers::Operator)
        .tagged("nodes")
        .summary(
            "Has everything that the node's agent holds replaced. While that is under way, asking again changes \
        nothing.",
        )
        .answers::<NodeRotation>()
        .problems(&[ProblemCode::Conflict]);

pub const READ_ROTATION: Route<(), NodeRotation> =
    Route::get("read_rotation", "/v1/nodes/{node}/rotation", Callers::Operator)
        .tagged("nodes")
        .summary(
            "The node's last rotation. With `after`, waits until the cluster's revision is above it, for at most 25 \
        seconds.",
        )
        .parameters(&[after("Wait until the revision is above this")])
        .answers::<NodeRotation>();

pub const POST_SERVICE_CERTIFICATE: Route<PostIdentityCertificate, IssuedCertificate> =
    Route::post("post_service_certificate", "/v1/nodes/{node}/services/{service}/certificates", Callers::Operator)
        .tagged("nodes")
        .summary("Issues a certificate of a service on a node for a key of the caller's own.")
        .takes::<PostIdentityCertificate>()
        .answers::<IssuedCertificate>()
        .problems(&[ProblemCode::InvalidCsr]);

pub const POST_SERVICE_TOKEN: Route<(), IssuedToken> =
    Route::post("post_service_token", "/v1/nodes/{node}/services/{service}/tokens", Callers::Agent)
        .tagged("nodes")
        .summary("Signs a token of a service on the agent's node.")
        .answers::<IssuedToken>();
