//! The API document, generated from the routes. `docs/openapi.json` is this, committed.

use axum::response::IntoResponse;
use utoipa::OpenApi;

use crate::http::router::routes;

/// What the document says before the routes are added.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "ringfenced",
        description = "The API of the daemon on a ringfence cluster. Errors are problem documents (RFC 9457) with a \
            stable `code`. Callers are the operator, by session (`POST /v1/login`), and nodes, services and project \
            users, by client certificate.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ringfence_api::Problem))
)]
pub(crate) struct Base;

/// The document as pretty JSON.
pub fn document() -> String {
    let (_, document) = routes().split_for_parts();
    let mut text = document.to_pretty_json().expect("the document serializes");
    text.push('\n');
    text
}

/// The API document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "public", responses((status = 200, description = "This document")))]
pub(crate) async fn read_openapi() -> impl IntoResponse {
    ([(http::header::CONTENT_TYPE, "application/json")], document())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_what_the_routes_say() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == document(), "docs/openapi.json is stale: run `make docs`");
    }

    #[test]
    fn the_document_holds_exactly_the_routes_of_the_vocabulary() {
        use ringfence_api::path as p;
        let known = [
            p::HEALTH,
            p::OPENAPI,
            p::CA_BUNDLE,
            p::CRL,
            p::CRLS_PUBLISH,
            p::DELTA_CRL,
            p::AUTHORITIES_BRING,
            p::JOB,
            p::JOB_CERTIFICATES,
            p::TOKENS_INTROSPECT,
            p::TOKEN,
            p::OCSP,
            p::OCSP_REQUEST,
            p::MASTER_KEY,
            p::MASTER_KEY_ROTATE,
            p::LOGIN_NONCES,
            p::LOGIN,
            p::OPERATOR_KEY,
            p::WHOAMI,
            p::AUTHORITIES,
            p::AUTHORITY_ROTATE,
            p::CLUSTER,
            p::NODES,
            p::NODE,
            p::NODE_JOIN,
            p::NODE_DESIRED,
            p::NODE_CERTIFICATES,
            p::SERVICE_CERTIFICATES,
            p::SERVICE_TOKENS,
            p::NODE_REPORT,
            p::NODE_ROTATE,
            p::NODE_ROTATION,
            p::PROJECTS,
            p::PROJECT,
            p::MEMBERS,
            p::MEMBER,
            p::MEMBER_CREDENTIALS,
            p::MEMBER_TOKENS,
            p::JWKS,
            p::TOKEN_KEYS,
            p::TOKEN_KEYS_ROTATE,
            p::MEMBER_CERTIFICATES,
            p::CERTIFICATES,
            p::CERTIFICATE,
            p::SAGAS,
            p::TASKS,
            p::AUDIT,
            p::AUDIT_CHECKPOINTS,
            p::AUDIT_KEYS,
        ];
        let (_, document) = routes().split_for_parts();
        let mut served: Vec<&str> = document.paths.paths.keys().map(String::as_str).collect();
        let mut known = known.to_vec();
        served.sort_unstable();
        known.sort_unstable();
        assert_eq!(served, known);
    }
}
