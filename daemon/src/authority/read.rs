//! Reading: the trust bundle and the CRLs, which are public, and certificates, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header;
use ringfence_api::ProblemCode;
use ringfence_api::certificate::Certificate;

use crate::access::OperatorCaller;
use crate::authority::Authorities;
use crate::base::{Base, Failure, Limit};

/// The roots to trust, in PEM. Public.
pub(crate) async fn read_ca_bundle(State(authorities): State<Arc<Authorities>>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], authorities.cached().client_bundle()).into_response()
}

/// One CRL shard in DER, at the URL that its certificates name. Public.
pub(crate) async fn read_crl(
    State(base): State<Arc<Base>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Failure> {
    let Path((issuer, shard)) =
        path.map_err(|rejection| Failure::new(ProblemCode::InvalidRequest, rejection.body_text()))?;
    let unknown = || Failure::not_found(format!("CRL {issuer}/{shard}"));
    let number = shard.parse().map_err(|_| unknown())?;
    let found = base.store.read("read_crl").await?.crls().find(&issuer, number).await?;
    let crl = found.ok_or_else(unknown)?;
    Ok(([(header::CONTENT_TYPE, "application/pkix-crl"), (header::CACHE_CONTROL, "no-cache")], crl.der).into_response())
}

/// The delta CRL of a shard (RFC 5280, section 5.2.4), in DER: the changes since an earlier complete CRL. Public. Not
/// found while the shard has no delta.
pub(crate) async fn read_delta_crl(
    State(base): State<Arc<Base>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Failure> {
    let Path((issuer, shard)) =
        path.map_err(|rejection| Failure::new(ProblemCode::InvalidRequest, rejection.body_text()))?;
    let unknown = || Failure::not_found(format!("delta of CRL {issuer}/{shard}"));
    let number = shard.parse().map_err(|_| unknown())?;
    let found = base.store.read("read_crl").await?.crls().find(&issuer, number).await?;
    let delta = found.and_then(|crl| crl.delta).ok_or_else(unknown)?;
    Ok(([(header::CONTENT_TYPE, "application/pkix-crl"), (header::CACHE_CONTROL, "no-cache")], delta).into_response())
}

/// Certificates, newest first.
pub(crate) async fn list_certificates(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Limit(limit): Limit,
) -> Result<Json<Vec<Certificate>>, Failure> {
    Ok(Json(base.store.read("list_certificates").await?.certificates().list(limit).await?))
}
