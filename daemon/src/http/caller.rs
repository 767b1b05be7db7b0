//! Who calls: by session (the operator) or by client certificate (nodes, services, project users).
//!
//! TLS has proven that the peer holds the key of its certificate and that the certificate is of this cluster's
//! chain. What TLS cannot know is decided here, on each request: the certificate must be recorded, byte for byte,
//! and be neither revoked nor over *now*. That is why a revocation bites with its commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use jiff::Timestamp;
use ringfence_api::certificate::{Certificate, CertificateProfile};
use ringfence_api::project::MemberRole;
use ringfence_api::whoami::Caller;
use ringfence_api::{JobId, NodeName, ProblemCode, ProjectUser, ServiceName, UserName};
use ringfence_pki::CertificateFacts;
use ringfence_store::{Store, Transaction};

use crate::Daemon;
use crate::audit::Actor;
use crate::http::failure::{Answer, Failure};
use crate::http::listener::Peer;
use crate::login::session_hash;
use crate::together::Together;

/// Anybody whom the daemon recognises.
pub(crate) struct AnyCaller(pub(crate) Caller);

/// The operator. Carries the actor for the audit log.
pub(crate) struct OperatorCaller(pub(crate) Actor);

/// The agent of the node in the path, and of no other.
pub(crate) struct AgentCaller {
    pub(crate) node: NodeName,
    pub(crate) actor: Actor,
}

/// Whoever has a say over the members of the project in the path: the operator, or a data owner of that project.
pub(crate) struct ProjectCaller {
    pub(crate) actor: Actor,
    /// The data owner.
    pub(crate) owner: Option<ProjectUser>,
}

impl ProjectCaller {
    /// The user who calls, if it is a data owner and no operator: looked up again in the transaction that changes
    /// something, for another one may have been faster.
    pub(crate) async fn still(&self, tx: &mut Transaction) -> Answer<Option<&UserName>> {
        let Some(owner) = &self.owner else { return Ok(None) };
        match tx.members().find(owner).await? {
            Some(member) if member.role == MemberRole::DataOwner => Ok(Some(&owner.user)),
            _ => Err(Failure::new(ProblemCode::Forbidden, format!("you are {owner}; {DATA_OWNERS_ONLY}"))),
        }
    }
}

/// Why others than data owners are refused.
const DATA_OWNERS_ONLY: &str = "only the operator and the project's data owners may do this";

/// Where a request comes from, for the audit log.
pub(crate) struct Source(pub(crate) String);

impl AnyCaller {
    /// Who it is, for the audit log.
    pub(crate) fn name(&self) -> String {
        match &self.0 {
            Caller::Operator => "operator".to_owned(),
            Caller::ProjectUser { name, .. } => format!("project_user/{name}"),
            Caller::Job { name, job } => format!("job/{name}/{job}"),
            Caller::Node { name } => format!("node/{name}"),
            Caller::Service { name, node, .. } => format!("service/{name}@{node}"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(source(parts)))
    }
}

impl FromRequestParts<Arc<Daemon>> for AnyCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, daemon: &Arc<Daemon>) -> Answer<Self> {
        recognise(parts, daemon).await.map(Self)
    }
}

impl FromRequestParts<Arc<Daemon>> for OperatorCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, daemon: &Arc<Daemon>) -> Answer<Self> {
        match recognise(parts, daemon).await? {
            Caller::Operator => Ok(Self(Actor::caller("operator", source(parts)))),
            other => Err(forbidden(&other, "only the operator may do this")),
        }
    }
}

impl FromRequestParts<Arc<Daemon>> for AgentCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, daemon: &Arc<Daemon>) -> Answer<Self> {
        let caller = recognise(parts, daemon).await?;
        let Caller::Node { name } = &caller else {
            return Err(forbidden(&caller, "only the agent of the node may do this"));
        };
        let asked = segment(parts, daemon, "node").await?;
        if asked != name.as_str() {
            return Err(forbidden(&caller, &format!("the path names node {asked}")));
        }
        Ok(Self { node: name.clone(), actor: Actor::caller(format!("node/{name}"), source(parts)) })
    }
}

impl FromRequestParts<Arc<Daemon>> for ProjectCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, daemon: &Arc<Daemon>) -> Answer<Self> {
        let caller = recognise(parts, daemon).await?;
        let asked = segment(parts, daemon, "project").await?;
        match caller {
            Caller::Operator => Ok(Self { actor: Actor::caller("operator", source(parts)), owner: None }),
            Caller::ProjectUser { name, project, role: MemberRole::DataOwner, .. } if asked == project.as_str() => {
                let actor = Actor::caller(format!("project_user/{name}"), source(parts));
                Ok(Self { actor, owner: Some(name) })
            }
            other => Err(forbidden(&other, DATA_OWNERS_ONLY)),
        }
    }
}

/// The segment of this name of the path.
async fn segment(parts: &mut Parts, daemon: &Arc<Daemon>, name: &str) -> Answer<String> {
    let params = RawPathParams::from_request_parts(parts, daemon)
        .await
        .map_err(|error| Failure::new(ProblemCode::InvalidRequest, error.body_text()))?;
    Ok(params.iter().find_map(|(key, value)| (key == name).then_some(value)).unwrap_or_default().to_owned())
}

async fn recognise(parts: &Parts, daemon: &Daemon) -> Answer<Caller> {
    let peer = parts.extensions.get::<Peer>().cloned().unwrap_or_default();
    if let Some(header) = parts.headers.get(http::header::AUTHORIZATION) {
        let session = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        return by_session(daemon, session.unwrap_or_default()).await;
    }
    match peer.certificate {
        Some(der) => by_certificate(daemon, &der).await,
        None => Err(Failure::new(
            ProblemCode::Unauthenticated,
            "send a session in the Authorization header, or call with a client certificate of this cluster",
        )),
    }
}

async fn by_session(daemon: &Daemon, session: &str) -> Answer<Caller> {
    let invalid = |detail: &str| Failure::new(ProblemCode::SessionInvalid, detail);
    let (store, now) = (daemon.store.clone(), daemon.now());
    let asked = session_hash(session);
    let standing = daemon.sessions.ask(asked, |asked| async move {
        let standings = standings(&store, &asked, now).await;
        asked.iter().map(|hash| Ok(standings.as_ref().map_err(Failure::clone)?[hash])).collect()
    });
    let standing = standing.await.ok_or_else(|| Failure::internal(anyhow::anyhow!("sessions cannot be looked at")))?;
    match standing? {
        Standing::Good => Ok(Caller::Operator),
        Standing::Unknown => Err(invalid("the session is unknown or over; log in again")),
        Standing::Replaced => {
            Err(invalid("the operator token that opened this session was replaced by another; log in with that one"))
        }
    }
}

/// Those who show a session at the same time are looked up together.
pub(crate) type Sessions = Together<String, Answer<Standing>>;

/// What a session is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Unknown,
    /// It is worth no more than the key that opened it.
    Replaced,
}

async fn standings(store: &Store, hashes: &[String], now: Timestamp) -> Answer<BTreeMap<String, Standing>> {
    let mut tx = store.read("recognise_operator").await?;
    let mut standings = BTreeMap::new();
    for hash in hashes {
        if !standings.contains_key(hash) {
            let standing = match tx.sessions().find_key(hash, now).await? {
                (None, _) => Standing::Unknown,
                (Some(key), keys) if keys.hold(&key) => Standing::Good,
                (Some(_), _) => Standing::Replaced,
            };
            standings.insert(hash.clone(), standing);
        }
    }
    Ok(standings)
}

async fn by_certificate(daemon: &Daemon, der: &[u8]) -> Answer<Caller> {
    let now = daemon.now();
    let mut tx = daemon.store.read("recognise_caller").await?;
    // Its number finds the record; what was recorded are its bytes.
    let serial = CertificateFacts::read(der).map(|facts| facts.serial.to_string());
    let found = tx.certificates().find(&serial.unwrap_or_default()).await?;
    let Some(row) = found.filter(|row| row.der == der) else {
        let detail = "it is not one that this daemon has issued";
        return Err(Failure::new(ProblemCode::CertificateUnknown, detail));
    };
    let certificate = row.view;
    if let (Some(at), Some(reason)) = (certificate.revoked_at, certificate.revocation_reason) {
        let detail = format!("{} was revoked at {at}: {}", certificate.common_name, reason.as_str());
        return Err(Failure::new(ProblemCode::CertificateRevoked, detail));
    }
    if certificate.not_after < now || now < row.not_before {
        let detail =
            format!("{} was good from {} to {}", certificate.common_name, row.not_before, certificate.not_after);
        return Err(Failure::new(ProblemCode::CertificateExpired, detail));
    }
    let unknown = || Failure::new(ProblemCode::CertificateUnknown, "its holder does not exist any more");
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

fn forbidden(caller: &Caller, why: &str) -> Failure {
    let who = match caller {
        Caller::Operator => "the operator".to_owned(),
        Caller::ProjectUser { name, .. } => name.to_string(),
        Caller::Job { name, job } => format!("job {job} of {name}"),
        Caller::Node { name } => format!("node {name}"),
        Caller::Service { name, node, .. } => format!("service {name} on {node}"),
    };
    Failure::new(ProblemCode::Forbidden, format!("you are {who}; {why}"))
}

fn source(parts: &Parts) -> String {
    parts.extensions.get::<Peer>().and_then(|peer| peer.address).map_or_else(String::new, |address| address.to_string())
}
