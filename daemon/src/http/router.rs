//! The routes, each with its handler; the OpenAPI document grows from the same list.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use ringfence_api::ProblemCode;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::drain::drain;
use crate::http::failure::Failure;
use crate::http::{health, inspect, openapi, whoami};
use crate::{Daemon, authority, checkpoint, cluster, login, master_key, node, operator, project, token};

/// The largest body that is read, in bytes. The largest request by design is a cluster's declaration.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;

/// The routes and their document.
pub(crate) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::with_openapi(openapi::Base::openapi())
        .routes(routes!(health::read_health))
        .routes(routes!(openapi::read_openapi))
        .routes(routes!(authority::read_ca_bundle))
        .routes(routes!(authority::read_crl))
        .routes(routes!(authority::read_delta_crl))
        .routes(routes!(authority::post_ocsp))
        .routes(routes!(authority::get_ocsp))
        .routes(routes!(login::post_nonce))
        .routes(routes!(login::post_login))
        .routes(routes!(operator::put_operator_key))
        .routes(routes!(whoami::read_whoami))
        .routes(routes!(cluster::read_cluster, cluster::put_cluster))
        .routes(routes!(node::list_nodes))
        .routes(routes!(node::read_node))
        .routes(routes!(node::join_node))
        .routes(routes!(node::read_desired))
        .routes(routes!(node::post_certificate))
        .routes(routes!(node::post_service_certificate))
        .routes(routes!(token::post_service_token))
        .routes(routes!(node::put_report))
        .routes(routes!(node::rotate_node))
        .routes(routes!(node::read_rotation))
        .routes(routes!(project::list_projects))
        .routes(routes!(project::read_project, project::put_project, project::delete_project))
        .routes(routes!(project::list_members, project::put_members))
        .routes(routes!(project::read_member, project::put_member, project::delete_member))
        .routes(routes!(project::read_credentials))
        .routes(routes!(token::post_token))
        .routes(routes!(token::introspect))
        .routes(routes!(token::delete_token))
        .routes(routes!(project::put_job, project::read_job, project::delete_job))
        .routes(routes!(project::post_job_certificate))
        .routes(routes!(token::read_jwks))
        .routes(routes!(token::list_token_keys))
        .routes(routes!(token::rotate_token_keys))
        .routes(routes!(project::post_member_certificate))
        .routes(routes!(authority::list_authorities))
        .routes(routes!(authority::rotate_authority))
        .routes(routes!(authority::bring_authorities))
        .routes(routes!(authority::publish_crls))
        .routes(routes!(master_key::read_master_key))
        .routes(routes!(master_key::rotate_master_key))
        .routes(routes!(authority::list_certificates))
        .routes(routes!(authority::delete_certificate))
        .routes(routes!(inspect::list_sagas))
        .routes(routes!(inspect::list_tasks))
        .routes(routes!(inspect::list_audit))
        .routes(routes!(checkpoint::list_checkpoints, checkpoint::post_checkpoint))
        .routes(routes!(checkpoint::list_audit_keys))
}

/// The service.
pub(crate) fn router(daemon: Arc<Daemon>) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(async || Failure::new(ProblemCode::NoSuchRoute, "see /v1/openapi.json for what there is"))
        .method_not_allowed_fallback(async || {
            Failure::new(ProblemCode::MethodNotAllowed, "the route exists, but not with this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::middleware::from_fn(drain))
        .with_state(daemon)
}
