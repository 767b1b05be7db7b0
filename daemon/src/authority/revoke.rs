//! Revoking one certificate by its serial number: one that was issued from a CSR of a caller's. What agents and the daemon
//! itself hold is revoked by what replaces it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use ringfence_api::ProblemCode;
use ringfence_api::certificate::{Certificate, CertificateHolder, CertificateProfile, RevocationReason};

use crate::access::OperatorCaller;
use crate::base::{Base, Event, Failure};

/// Revokes a certificate that was issued from a CSR. One that is revoked or expired stays as it is.
pub(crate) async fn delete_certificate(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<()>, Failure> {
    let Path(serial) = path.map_err(|rejection| Failure::new(ProblemCode::InvalidRequest, rejection.body_text()))?;
    let now = base.now();
    let mut tx = base.store.write("delete_certificate").await?;
    let found = tx.certificates().find(&serial).await?;
    let certificate = found.ok_or_else(|| Failure::not_found(format!("certificate {serial}")))?.view;
    if certificate.holder != CertificateHolder::Caller {
        return Err(Failure::new(ProblemCode::Conflict, held_elsewhere(&certificate)));
    }
    if certificate.not_after < now {
        return Ok(Json(()));
    }
    let reason = RevocationReason::CessationOfOperation;
    if tx.certificates().revoke(&serial, reason, now).await? {
        actor.record(&mut tx, "revoke_certificate", &serial, reason.as_str(), now).await?;
        tx.commit().await?;
        base.events.happened(Event::Revoked);
    }
    Ok(Json(()))
}

/// Why a certificate is not revoked by its serial, and what to do instead.
fn held_elsewhere(certificate: &Certificate) -> String {
    let name = &certificate.common_name;
    match (certificate.profile, &certificate.node) {
        (CertificateProfile::ApiServer, _) => {
            "it is the daemon's own, which the daemon needs to serve; a restart of the head replaces it".to_owned()
        }
        (CertificateProfile::Authority, _) => {
            "it is an authority's; rotate that instead: POST /v1/authorities/DOMAIN/rotate".to_owned()
        }
        (CertificateProfile::Job, _) => {
            format!("it is a job's of {name}; to take it away, end the job")
        }
        (CertificateProfile::ProjectUser, _) => {
            format!("it is the daemon's for project user {name}; to take it away, remove the member")
        }
        (CertificateProfile::Node | CertificateProfile::Service, Some(node)) => {
            format!("the agent of node {node} holds it; rotate the node instead: POST /v1/nodes/{node}/rotate")
        }
        (CertificateProfile::Node | CertificateProfile::Service, None) => {
            format!("the agent of {name} holds it; rotate its node instead")
        }
    }
}
