//! The routes of the API. The daemon serves these templates, the client fills them in.

use crate::name::{NodeName, ProjectName, ServiceName, UserName};

/// Liveness; public.
pub const HEALTH: &str = "/v1/health";
/// The API document; public.
pub const OPENAPI: &str = "/v1/openapi.json";
/// The trust bundle in PEM; public.
pub const CA_BUNDLE: &str = "/v1/ca-bundle";
/// One CRL shard in DER; public.
pub const CRL: &str = "/v1/crls/{issuer}/{shard}";
/// The authorities.
pub const AUTHORITIES: &str = "/v1/authorities";
/// Asking for another authority of a domain.
pub const AUTHORITY_ROTATE: &str = "/v1/authorities/{domain}/rotate";
/// Whether one certificate is revoked; public.
pub const OCSP: &str = "/v1/ocsp";
/// The same for a request in the path; public.
pub const OCSP_REQUEST: &str = "/v1/ocsp/{request}";
/// The versions of the master key.
pub const MASTER_KEY: &str = "/v1/master-key";
/// Seals with a newer version of the master key.
pub const MASTER_KEY_ROTATE: &str = "/v1/master-key/rotate";
/// What has changed in a shard; public.
pub const DELTA_CRL: &str = "/v1/crls/{issuer}/{shard}/delta";
/// Bringing in what was signed elsewhere.
pub const AUTHORITIES_BRING: &str = "/v1/authorities/bring";
/// Signing every CRL anew.
pub const CRLS_PUBLISH: &str = "/v1/crls/publish";
/// A login challenge; public.
pub const LOGIN_NONCES: &str = "/v1/login/nonces";
/// The answer to a challenge; public.
pub const LOGIN: &str = "/v1/login";
/// Whose signature logs in.
pub const OPERATOR_KEY: &str = "/v1/operator-key";
/// Who the caller is.
pub const WHOAMI: &str = "/v1/whoami";
/// The cluster's declaration and state.
pub const CLUSTER: &str = "/v1/cluster";
/// All nodes.
pub const NODES: &str = "/v1/nodes";
/// One node.
pub const NODE: &str = "/v1/nodes/{node}";
/// A node exchanges its ticket for its certificate.
pub const NODE_JOIN: &str = "/v1/nodes/{node}/join";
/// What a node should hold.
pub const NODE_DESIRED: &str = "/v1/nodes/{node}/desired";
/// A node asks for certificates.
pub const NODE_CERTIFICATES: &str = "/v1/nodes/{node}/certificates";
/// A certificate of a service on a node, for a key of the caller's own.
pub const SERVICE_CERTIFICATES: &str = "/v1/nodes/{node}/services/{service}/certificates";
/// A token of a service on a node.
pub const SERVICE_TOKENS: &str = "/v1/nodes/{node}/services/{service}/tokens";
/// Asking for everything that a node's agent holds to be replaced.
pub const NODE_ROTATE: &str = "/v1/nodes/{node}/rotate";
/// How far that is.
pub const NODE_ROTATION: &str = "/v1/nodes/{node}/rotation";
/// A node says what it holds.
pub const NODE_REPORT: &str = "/v1/nodes/{node}/report";
/// All projects.
pub const PROJECTS: &str = "/v1/projects";
/// One project.
pub const PROJECT: &str = "/v1/projects/{project}";
/// The members of a project.
pub const MEMBERS: &str = "/v1/projects/{project}/members";
/// One member.
pub const MEMBER: &str = "/v1/projects/{project}/members/{user}";
/// The certificate and key of a project user.
pub const MEMBER_CREDENTIALS: &str = "/v1/projects/{project}/members/{user}/credentials";
/// Tokens of one member.
pub const MEMBER_TOKENS: &str = "/v1/projects/{project}/members/{user}/tokens";
/// One job of a member.
pub const JOB: &str = "/v1/projects/{project}/members/{user}/jobs/{job}";
/// Certificates of a job, for keys of its own.
pub const JOB_CERTIFICATES: &str = "/v1/projects/{project}/members/{user}/jobs/{job}/certificates";
/// Whether a token is good.
pub const TOKENS_INTROSPECT: &str = "/v1/tokens/introspect";
/// One token, by its id.
pub const TOKEN: &str = "/v1/tokens/{id}";
/// The keys by which tokens are verified; public.
pub const JWKS: &str = "/v1/jwks";
/// The keys that sign tokens.
pub const TOKEN_KEYS: &str = "/v1/token-keys";
/// The next key signs from now on.
pub const TOKEN_KEYS_ROTATE: &str = "/v1/token-keys/rotate";
/// A certificate of a project user, for a key of the caller's own.
pub const MEMBER_CERTIFICATES: &str = "/v1/projects/{project}/members/{user}/certificates";
/// Certificates, newest first.
pub const CERTIFICATES: &str = "/v1/certificates";
/// One certificate.
pub const CERTIFICATE: &str = "/v1/certificates/{serial}";
/// Sagas, newest first.
pub const SAGAS: &str = "/v1/sagas";
/// Background tasks.
pub const TASKS: &str = "/v1/tasks";
/// The audit log, newest first.
pub const AUDIT: &str = "/v1/audit";
/// Signed checkpoints of the audit log.
pub const AUDIT_CHECKPOINTS: &str = "/v1/audit/checkpoints";
/// Every key that ever signed; public.
pub const AUDIT_KEYS: &str = "/v1/audit/keys";

/// The path of one CRL shard.
pub fn crl(issuer: &str, shard: u32) -> String {
    format!("/v1/crls/{issuer}/{shard}")
}

/// The path of something of one node: one of the `NODE…` templates.
pub fn node(template: &str, node: &NodeName) -> String {
    template.replace("{node}", node.as_str())
}

/// The path of something of one service on a node: one of the `SERVICE…` templates.
pub fn service(template: &str, node: &NodeName, service: &ServiceName) -> String {
    template.replace("{node}", node.as_str()).replace("{service}", service.as_str())
}

/// The path of one certificate.
pub fn certificate(serial: &str) -> String {
    format!("{CERTIFICATES}/{serial}")
}

/// The path of something of one project: [`PROJECT`] or [`MEMBERS`].
pub fn project(template: &str, project: &ProjectName) -> String {
    template.replace("{project}", project.as_str())
}

/// The path of something of one member: one of the `MEMBER…` templates.
pub fn member(template: &str, project: &ProjectName, user: &UserName) -> String {
    template.replace("{project}", project.as_str()).replace("{user}", user.as_str())
}
