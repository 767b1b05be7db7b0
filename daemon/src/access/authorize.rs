//! Authorization of requests: decides by the operation's row in the authorization table whether a caller may call it,
//! before the handler runs. The handler receives the result; only rules about members are checked by their handlers.

use axum::extract::FromRequestParts;
use http::request::Parts;
use ringfence_api::project::MemberRole;
use ringfence_api::route::{Callers, Operation};
use ringfence_api::whoami::Caller;
use ringfence_api::{NodeName, ProblemCode, ProjectUser, UserName};
use ringfence_store::Transaction;

use crate::access::caller::recognize;
use crate::access::{Access, Peer};
use crate::base::{Actor, Answer, Failure, text_in_path};

/// Any caller that the daemon recognizes.
#[derive(Debug, Clone)]
pub(crate) struct AnyCaller {
    pub(crate) caller: Caller,
    /// For the audit log.
    pub(crate) actor: Actor,
}

/// The operator.
pub(crate) struct OperatorCaller(pub(crate) Actor);

/// The agent of the node in the path.
pub(crate) struct AgentCaller {
    pub(crate) node: NodeName,
    pub(crate) actor: Actor,
}

/// A caller that may manage the members of the project in the path: the operator, or a data owner of that project.
pub(crate) struct ProjectCaller {
    pub(crate) actor: Actor,
    /// The data owner, unless the operator calls.
    pub(crate) owner: Option<ProjectUser>,
}

/// The address that a request comes from, for the audit log.
pub(crate) struct Source(pub(crate) String);

/// Why callers other than data owners are refused.
const DATA_OWNERS_ONLY: &str = "only the operator and the project's data owners may do this";

/// Admits the caller to the handler, or refuses it.
pub(super) async fn authorize(access: &Access, operation: &Operation, parts: &mut Parts) -> Answer<()> {
    if operation.callers == Callers::Anyone {
        return Ok(());
    }
    let caller = recognize(access, parts).await?;
    check(operation.callers, &caller, parts).await?;
    let peer = Peer::of(parts);
    // Of others, the handshake has verified the certificate.
    if matches!(caller, Caller::Operator) {
        peer.became_known();
    }
    let actor = Actor::caller(caller.to_string(), peer.source());
    parts.extensions.insert(AnyCaller { caller, actor });
    Ok(())
}

/// Checks a caller against one row of the table.
async fn check(allowed: Callers, caller: &Caller, parts: &mut Parts) -> Answer<()> {
    match (allowed, caller) {
        (Callers::Anyone | Callers::Recognized, _) | (Callers::Operator | Callers::DataOwner, Caller::Operator) => {
            Ok(())
        }
        (Callers::Operator, _) => Err(forbidden(caller, "only the operator may do this")),
        (Callers::DataOwner, Caller::ProjectUser { project, role: MemberRole::DataOwner, .. })
            if text_in_path(parts, &(), "project").await? == project.as_str() =>
        {
            Ok(())
        }
        (Callers::DataOwner, _) => Err(forbidden(caller, DATA_OWNERS_ONLY)),
        (Callers::Agent, Caller::Node { name }) => {
            let asked = text_in_path(parts, &(), "node").await?;
            if asked == name.as_str() {
                Ok(())
            } else {
                Err(forbidden(caller, &format!("the path names node {asked}")))
            }
        }
        (Callers::Agent, _) => Err(forbidden(caller, "only the agent of the node may do this")),
    }
}

fn forbidden(caller: &Caller, why: &str) -> Failure {
    Failure::new(ProblemCode::Forbidden, format!("you are {}; {why}", caller.prose()))
}

impl ProjectCaller {
    /// The calling data owner, or `None` for the operator. Looks the data owner up again in the transaction that makes
    /// the change, because a concurrent change may have removed it.
    pub(crate) async fn recheck(&self, tx: &mut Transaction) -> Answer<Option<&UserName>> {
        let Some(owner) = &self.owner else { return Ok(None) };
        match tx.members().find(owner).await? {
            Some(member) if member.role == MemberRole::DataOwner => Ok(Some(&owner.user)),
            _ => Err(Failure::new(ProblemCode::Forbidden, format!("you are {owner}; {DATA_OWNERS_ONLY}"))),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AnyCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let admitted = parts.extensions.get().cloned();
        admitted.ok_or_else(|| {
            Failure::internal(anyhow::anyhow!("the operation is public, but its handler needs a caller"))
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OperatorCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        match AnyCaller::from_request_parts(parts, state).await? {
            AnyCaller { caller: Caller::Operator, actor } => Ok(Self(actor)),
            _ => Err(wider_than("the operator")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AgentCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        match AnyCaller::from_request_parts(parts, state).await? {
            AnyCaller { caller: Caller::Node { name }, actor } => Ok(Self { node: name, actor }),
            _ => Err(wider_than("an agent")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ProjectCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        match AnyCaller::from_request_parts(parts, state).await? {
            AnyCaller { caller: Caller::Operator, actor } => Ok(Self { actor, owner: None }),
            AnyCaller { caller: Caller::ProjectUser { name, .. }, actor } => Ok(Self { actor, owner: Some(name) }),
            AnyCaller { .. } => Err(wider_than("a data owner")),
        }
    }
}

/// The error of a handler that expects fewer kinds of callers than its operation's row admits.
fn wider_than(expected: &str) -> Failure {
    Failure::internal(anyhow::anyhow!("the operation's row admits more than {expected}"))
}

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Peer::of(parts).source()))
    }
}
