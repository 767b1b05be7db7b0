//! Certificates for keys that callers made: handed out for a short time, renewed by nobody, and revoked one by one by
//! whoever asked for them. What agents and the daemon itself hold cannot be revoked here.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use ringfence_api::certificate::{
    Certificate, CertificateHolder, CertificateProfile, HANDED_OUT_LIFETIME, RevocationReason,
};
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{Lifetime, ProblemCode};
use ringfence_pki::Request;
use ringfence_store::Transaction;

use crate::Daemon;
use crate::authority::{Identity, issue};
use crate::http::{Failure, OperatorCaller};
use crate::task::Wake;

/// Issues a certificate for the key of a request, for as long as was asked and is declared.
pub(crate) async fn hand_out(
    daemon: &Daemon,
    tx: &mut Transaction,
    profile: CertificateProfile,
    identity: &Identity,
    request: &Request,
    (asked, declared): (Option<Lifetime>, Lifetime),
) -> Result<IssuedCertificate, Failure> {
    let lifetime = lifetime_of(profile, asked, declared)?;
    issue(daemon, tx, (profile, CertificateHolder::Caller), identity, request.public_key(), lifetime).await
}

/// For how long a certificate is handed out: as was asked, and no longer than is declared.
pub(crate) fn lifetime_of(
    profile: CertificateProfile,
    asked: Option<Lifetime>,
    declared: Lifetime,
) -> Result<Lifetime, Failure> {
    let lifetime = asked.unwrap_or(HANDED_OUT_LIFETIME.min(declared));
    if lifetime <= declared {
        return Ok(lifetime);
    }
    // A job's are declared with those of its user.
    let profile = if profile == CertificateProfile::Job { CertificateProfile::ProjectUser } else { profile };
    let detail = format!(
        "lifetime is {lifetime}, and {}_certificate_lifetime of the cluster is {declared}: ask for that or less",
        profile.as_str()
    );
    Err(Failure::new(ProblemCode::InvalidRequest, detail))
}

/// Revokes a certificate that was handed out for a caller's own key. One that is revoked or over stays as it is.
#[utoipa::path(delete, path = "/v1/certificates/{serial}", tag = "authority", params(("serial" = String, Path, description = "The serial number, lower-case hexadecimal")), responses((status = 200, description = "Revoked"), (status = 404, body = ringfence_api::Problem), (status = 409, body = ringfence_api::Problem)))]
pub(crate) async fn delete_certificate(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<()>, Failure> {
    let Path(serial) = path.map_err(|rejection| Failure::new(ProblemCode::InvalidRequest, rejection.body_text()))?;
    let now = daemon.now();
    let mut tx = daemon.store.write("delete_certificate").await?;
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
        daemon.tasks.wake(Wake::PublishCrls);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_lives_as_long_as_was_asked_and_never_longer_than_declared() {
        let hours = |hours: u32| Lifetime::from_secs(hours * 3_600);
        let minute = Lifetime::from_secs(60);
        let cases = [
            (None, hours(24), Some(hours(1))),
            (None, minute, Some(minute)),
            (Some(minute), hours(24), Some(minute)),
            (Some(hours(24)), hours(24), Some(hours(24))),
            (Some(hours(25)), hours(24), None),
        ];
        for (asked, declared, expected) in cases {
            let found = lifetime_of(CertificateProfile::Service, asked, declared).ok();
            assert_eq!(found, expected, "{asked:?} of {declared}");
        }
    }
}
