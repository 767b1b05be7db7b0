//! `POST /v1/ocsp` and `GET /v1/ocsp/{request}`: whether a certificate is revoked, for verifiers that use OCSP (RFC
//! 6960) instead of CRLs. Public. The status is looked up on each request; a signed answer is reused while the status
//! is the same and the answer is fresh, whatever else a request says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use jiff::{SignedDuration, Timestamp};
use ringfence_pki::{OcspRequest, Refusal, Status};
use tracing::error;

use crate::authority::{Authorities, Issuer};
use crate::base::{Failure, Seldom};

/// How long an answer is valid, and how long a verifier may cache it.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// How long a signed answer is reused.
const FRESH: SignedDuration = SignedDuration::from_mins(2);
/// The maximum number of cached answers.
const MAX_ANSWERS: usize = 4_096;

/// Answers OCSP requests.
pub(crate) struct OcspResponder {
    authorities: Arc<Authorities>,
    answers: Answers,
    /// The log lines of failures.
    failures: Seldom,
}

impl OcspResponder {
    pub(crate) fn new(authorities: Arc<Authorities>) -> Self {
        Self { authorities, answers: Answers::default(), failures: Seldom::default() }
    }
}

/// Signed answers, by how they name the certificate: by issuer, hash algorithm and number.
#[derive(Debug, Default)]
struct Answers(Mutex<BTreeMap<Vec<u8>, Answered>>);

#[derive(Debug, Clone)]
struct Answered {
    status: Status,
    issuer: String,
    signed_at: Timestamp,
    der: Bytes,
}

/// Whether a certificate is revoked. Public.
pub(crate) async fn post_ocsp(
    State(responder): State<Arc<OcspResponder>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    respond(&responder, &body.unwrap_or_default()).await
}

/// The same for a request in base64. Public.
pub(crate) async fn get_ocsp(
    State(responder): State<Arc<OcspResponder>>,
    request: Result<Path<String>, PathRejection>,
) -> Response {
    let request = request.ok().and_then(|Path(text)| STANDARD.decode(text).ok());
    respond(&responder, &request.unwrap_or_default()).await
}

async fn respond(responder: &OcspResponder, request: &[u8]) -> Response {
    let answer = match answer(responder, request).await {
        Ok(Ok(der)) => der,
        Ok(Err(refusal)) => refusal.to_der().into(),
        Err(failure) => {
            if let Some(more) = responder.failures.line("ocsp", responder.authorities.base.now()) {
                error!(cause = %failure, "an OCSP request failed{more}");
            }
            Refusal::InternalError.to_der().into()
        }
    };
    ([(header::CONTENT_TYPE, "application/ocsp-response"), (header::CACHE_CONTROL, "no-cache")], answer).into_response()
}

async fn answer(responder: &OcspResponder, request: &[u8]) -> Result<Result<Bytes, Refusal>, Failure> {
    let OcspResponder { authorities, answers: kept, .. } = responder;
    let asked = match OcspRequest::parse(request) {
        Ok(request) => request.asked,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let now = authorities.base.now();
    let mut tx = authorities.base.store.read("ocsp").await?;
    let issuers = authorities.fresh(&mut tx).await?;
    let is_asked = |issuer: &&Issuer| issuer.authority.is_asked(&asked);
    let Some(issuer) = issuers.all().filter(|issuer| issuer.authority.can_sign()).find(is_asked) else {
        return Ok(Err(Refusal::Unauthorized));
    };
    let found = tx.certificates().find(&asked.serial.to_string()).await?;
    drop(tx);
    let Some(row) = found.filter(|row| row.view.issuer == issuer.view.id) else {
        return Ok(Err(Refusal::Unauthorized));
    };
    let revoked = row.view.revoked_at.zip(row.view.revocation_reason);
    let status = revoked.map_or(Status::Good, |(at, reason)| Status::Revoked(at, reason));
    if let Some(der) = kept.find(asked.as_der(), &issuer.view.id, status, now) {
        return Ok(Ok(der));
    }
    let der: Bytes = issuer.authority.sign_ocsp(&asked, status, now, LIFETIME)?.into();
    let answered = Answered { status, issuer: issuer.view.id.clone(), signed_at: now, der: der.clone() };
    kept.keep(asked.as_der().to_vec(), answered, now);
    Ok(Ok(der))
}

impl Answers {
    fn find(&self, key: &[u8], issuer: &str, status: Status, now: Timestamp) -> Option<Bytes> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = answers.get(key)?;
        let same = kept.issuer == issuer && kept.status == status;
        let fresh = kept.signed_at <= now && now < kept.signed_at + FRESH;
        (same && fresh).then(|| kept.der.clone())
    }

    fn keep(&self, key: Vec<u8>, answered: Answered, now: Timestamp) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MAX_ANSWERS {
            answers.retain(|_, kept| kept.signed_at <= now && now < kept.signed_at + FRESH);
        }
        if answers.len() < MAX_ANSWERS {
            answers.insert(key, answered);
        }
    }
}
