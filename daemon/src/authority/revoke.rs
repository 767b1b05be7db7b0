//! Revokes a certificate that was issued from a CSR, by its serial number. Certificates of agents and of the daemon
//! itself are revoked by what replaces them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use ringfence_api::ProblemCode;
use ringfence_api::certificate::{Certificate, CertificateHolder, CertificateProfile, RevocationReason};
use ringfence_pki::Serial;

use crate::access::OperatorCaller;
use crate::base::{Base, Event, Failure};

/// Revokes a certificate that was issued from a CSR. A revoked or expired one stays as it is.
pub(crate) async fn delete_certificate(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<()>, Failure> {
    let Path(asked) = path.map_err(|rejection| Failure::new(ProblemCode::InvalidRequest, rejection.body_text()))?;
    let absent = || Failure::not_found(format!("certificate {asked}"));
    let serial = Serial::parse(&asked).ok_or_else(absent)?.to_string();
    let now = base.now();
    let mut tx = base.store.write("delete_certificate").await?;
    let found = tx.certificates().find(&serial).await?;
    let certificate = found.ok_or_else(absent)?.view;
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
        base.events.notify(Event::Revoked);
    }
    Ok(Json(()))
}

/// Why a certificate cannot be revoked by its serial number, and what to do instead.
fn held_elsewhere(certificate: &Certificate) -> String {
    let name = &certificate.common_name;
    match (certificate.profile, &certificate.node) {
        (CertificateProfile::ApiServer, _) => {
            "it is the API's server certificate; to replace it, restart the head".to_owned()
        }
        (CertificateProfile::Authority, _) => {
            "it belongs to an authority; rotate that instead: POST /v1/authorities/DOMAIN/rotate".to_owned()
        }
        (CertificateProfile::Job, _) => {
            format!("it belongs to a job of {name}; end the job instead")
        }
        (CertificateProfile::ProjectUser, _) => {
            format!("the daemon renews it for project user {name}; remove the member instead")
        }
        (CertificateProfile::Node | CertificateProfile::Service, Some(node)) => {
            format!("the agent of node {node} holds it; rotate the node instead: POST /v1/nodes/{node}/rotate")
        }
        (CertificateProfile::Node | CertificateProfile::Service, None) => {
            format!("the agent of {name} holds it; rotate its node instead")
        }
    }
}
