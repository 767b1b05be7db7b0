//! Authentication of callers: by session (the operator) or by client certificate (nodes, services, project users).
//!
//! TLS has verified that the peer holds the key of its certificate and that the certificate chains to a root of this
//! cluster. The rest is checked here, on each request: the certificate must be recorded, byte for byte, and be neither
//! revoked nor expired *now*. That is why a revocation takes effect at commit.

use http::request::Parts;
use ringfence_api::certificate::{Certificate, CertificateProfile};
use ringfence_api::whoami::Caller;
use ringfence_api::{JobId, NodeName, ProblemCode, ProjectUser, ServiceName};
use ringfence_pki::CertificateFacts;

use crate::access::session::{SessionState, session_hash, session_states};
use crate::access::{Access, Peer};
use crate::base::{Answer, Failure};

/// Who sent this request.
pub(super) async fn recognize(access: &Access, parts: &Parts) -> Answer<Caller> {
    let peer = parts.extensions.get::<Peer>().cloned().unwrap_or_default();
    if let Some(header) = parts.headers.get(http::header::AUTHORIZATION) {
        // The name of a scheme is of any case (RFC 9110, section 11.1).
        let scheme_and_session = header.to_str().ok().and_then(|text| text.split_once(' '));
        let session = scheme_and_session.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return by_session(access, session.map_or("", |(_, session)| session.trim_start())).await;
    }
    match peer.certificate {
        Some(der) => by_certificate(access, &der).await,
        None => Err(Failure::new(
            ProblemCode::Unauthenticated,
            "send a session in the Authorization header, or call with a client certificate of this cluster",
        )),
    }
}

async fn by_session(access: &Access, session: &str) -> Answer<Caller> {
    let invalid = |detail: &str| Failure::new(ProblemCode::SessionInvalid, detail);
    let (store, now) = (access.base.store.clone(), access.base.now());
    let state = access.sessions.submit(session_hash(session), |hashes| async move {
        let states = session_states(&store, &hashes, now).await;
        hashes.iter().map(|hash| Ok(states.as_ref().map_err(Failure::clone)?[hash])).collect()
    });
    let state = state.await.ok_or_else(|| Failure::internal(anyhow::anyhow!("looking up the session failed")))?;
    match state? {
        SessionState::Valid => Ok(Caller::Operator),
        SessionState::Unknown => Err(invalid("the session is unknown or expired; log in again")),
        SessionState::Replaced => {
            Err(invalid("the operator token that opened this session was replaced by another; log in with that one"))
        }
    }
}

async fn by_certificate(access: &Access, der: &[u8]) -> Answer<Caller> {
    let now = access.base.now();
    let mut tx = access.base.store.read("recognise_caller").await?;
    // The serial number finds the record; the bytes must be those that were recorded.
    let serial = CertificateFacts::read(der).map(|facts| facts.serial.to_string());
    let found = tx.certificates().find(&serial.unwrap_or_default()).await?;
    let Some(row) = found.filter(|row| row.der == der) else {
        let detail = "this cluster has not issued this certificate";
        return Err(Failure::new(ProblemCode::CertificateUnknown, detail));
    };
    let certificate = row.view;
    if let (Some(at), Some(reason)) = (certificate.revoked_at, certificate.revocation_reason) {
        let detail = format!("{} was revoked at {at}: {}", certificate.common_name, reason.as_str());
        return Err(Failure::new(ProblemCode::CertificateRevoked, detail));
    }
    if certificate.not_after < now {
        let detail = format!("{} expired at {}; the clock says {now}", certificate.common_name, certificate.not_after);
        return Err(Failure::new(ProblemCode::CertificateExpired, detail));
    }
    if now < row.not_before {
        let detail = format!(
            "{} is valid from {} on, and the clock says {now}: it was issued while the clock was ahead",
            certificate.common_name, row.not_before
        );
        return Err(Failure::new(ProblemCode::CertificateNotYetValid, detail));
    }
    let unknown = || Failure::new(ProblemCode::CertificateUnknown, "its holder no longer exists");
    match certificate.profile {
        CertificateProfile::ProjectUser => {
            let identity = ProjectUser::parse(&certificate.common_name)?;
            let member = tx.members().find(&identity).await?.ok_or_else(unknown)?;
            Ok(Caller::ProjectUser { name: identity, project: member.project, user: member.user, role: member.role })
        }
        CertificateProfile::Job => {
            let name = ProjectUser::parse(&certificate.common_name)?;
            let job = certificate.job.as_deref().and_then(|text| JobId::parse(text).ok()).ok_or_else(unknown)?;
            tx.members().find(&name).await?.ok_or_else(unknown)?;
            Ok(Caller::Job { name, job })
        }
        CertificateProfile::Node => Ok(Caller::Node { name: node_of(&certificate).ok_or_else(unknown)? }),
        CertificateProfile::Service => {
            let node = node_of(&certificate).ok_or_else(unknown)?;
            let name = certificate.service.as_deref().and_then(|text| ServiceName::parse(text).ok());
            let name = name.ok_or_else(unknown)?;
            let declared = tx.cluster().get().await?.declared;
            let group = tx.nodes().find(&node).await?.ok_or_else(unknown)?.group;
            let service = declared.services.get(&name).filter(|service| service.runs_in(&group));
            let user = service.ok_or_else(unknown)?.user.clone();
            Ok(Caller::Service { name, node, user })
        }
        CertificateProfile::ApiServer | CertificateProfile::Authority => Err(unknown()),
    }
}

fn node_of(certificate: &Certificate) -> Option<NodeName> {
    certificate.node.as_deref().and_then(|text| NodeName::parse(text).ok())
}
