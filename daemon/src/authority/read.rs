//! What may be read of the authority: the trust bundle and the CRLs by everybody, certificates by the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header;
use ringfence_api::ProblemCode;
use ringfence_api::certificate::Certificate;

use crate::Daemon;
use crate::http::{Failure, Limit, OperatorCaller};

/// The roots to trust, in PEM. Public.
#[utoipa::path(get, path = "/v1/ca-bundle", tag = "public", responses((status = 200, description = "PEM", content_type = "application/x-pem-file", body = String)))]
pub(crate) async fn read_ca_bundle(State(daemon): State<Arc<Daemon>>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], daemon.authorities.seen().client_bundle()).into_response()
}

/// One CRL shard in DER, at the address that its certificates name. Public.
#[utoipa::path(get, path = "/v1/crls/{issuer}/{shard}", tag = "public", params(("issuer" = String, Path, description = "The issuer's id, such as services-1"), ("shard" = u32, Path, description = "The shard")), responses((status = 200, description = "DER", content_type = "application/pkix-crl", body = Vec<u8>), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn read_crl(
    State(daemon): State<Arc<Daemon>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Failure> {
    let Path((issuer, shard)) =
        path.map_err(|rejection| Failure::new(ProblemCode::InvalidRequest, rejection.body_text()))?;
    let unknown = || Failure::not_found(format!("CRL {issuer}/{shard}"));
    let number = shard.parse().map_err(|_| unknown())?;
    let found = daemon.store.read("read_crl").await?.find_crl(&issuer, number).await?;
    let crl = found.ok_or_else(unknown)?;
    Ok(([(header::CONTENT_TYPE, "application/pkix-crl"), (header::CACHE_CONTROL, "no-cache")], crl.der).into_response())
}

/// What has changed in a shard since an earlier complete list, in DER: a delta CRL (RFC 5280, section 5.2.4). Public. Not
/// found while the last complete list is the one that the next delta will be about.
#[utoipa::path(get, path = "/v1/crls/{issuer}/{shard}/delta", tag = "public", params(("issuer" = String, Path, description = "The issuer's id, such as services-1"), ("shard" = u32, Path, description = "The shard")), responses((status = 200, description = "DER", content_type = "application/pkix-crl", body = Vec<u8>), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn read_delta_crl(
    State(daemon): State<Arc<Daemon>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Failure> {
    let Path((issuer, shard)) =
        path.map_err(|rejection| Failure::new(ProblemCode::InvalidRequest, rejection.body_text()))?;
    let unknown = || Failure::not_found(format!("delta of CRL {issuer}/{shard}"));
    let number = shard.parse().map_err(|_| unknown())?;
    let found = daemon.store.read("read_crl").await?.find_crl(&issuer, number).await?;
    let delta = found.and_then(|crl| crl.delta).ok_or_else(unknown)?;
    Ok(([(header::CONTENT_TYPE, "application/pkix-crl"), (header::CACHE_CONTROL, "no-cache")], delta).into_response())
}

/// Certificates, newest first.
#[utoipa::path(get, path = "/v1/certificates", tag = "inspect", params(("limit" = Option<u32>, Query, description = "At most so many; 100 unless given, at most 1000")), responses((status = 200, body = Vec<Certificate>)))]
pub(crate) async fn list_certificates(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
    Limit(limit): Limit,
) -> Result<Json<Vec<Certificate>>, Failure> {
    Ok(Json(daemon.store.read("list_certificates").await?.list_certificates(limit).await?))
}
