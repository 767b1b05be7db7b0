//! Authentication and authorization: callers are recognized by session or certificate, and the row of an operation in
//! the authorization table decides who may call it.

mod authorize;
mod caller;
mod login;
mod operator_key;
mod peer;
mod public;
mod routes;
mod session;
mod signature;
mod whoami;

use std::sync::Arc;

use axum::extract::FromRef;
use ringfence_api::login::route;
use ringfence_api::whoami::route::READ_WHOAMI;

use crate::base::{Base, Seldom};
use public::PublicTurns;
use session::Sessions;

pub(crate) use authorize::{AgentCaller, AnyCaller, OperatorCaller, ProjectCaller, Source};
pub(crate) use operator_key::KeysFile;
pub(crate) use peer::{Connection, Peer};
pub(crate) use routes::Routes;

/// The state of authentication.
pub(crate) struct Access {
    base: Arc<Base>,
    sessions: Sessions,
    public: PublicTurns,
    /// The log lines of refused logins.
    refusals: Seldom,
    /// The copy of the operator's public keys beside the daemon.
    pub(crate) keys_file: KeysFile,
    /// The fingerprints of all bundles that a client of this cluster may trust.
    trust: Box<dyn Fn() -> Vec<[u8; 32]> + Send + Sync>,
}

impl Access {
    /// A login is a signature over one of the fingerprints that `trust` returns and over a live certificate of the API.
    pub(crate) fn new(
        base: Arc<Base>,
        keys_file: KeysFile,
        trust: impl Fn() -> Vec<[u8; 32]> + Send + Sync + 'static,
    ) -> Self {
        Self {
            base,
            sessions: Sessions::default(),
            public: PublicTurns::default(),
            refusals: Seldom::default(),
            keys_file,
            trust: Box::new(trust),
        }
    }
}

/// The routes of login, operator key and caller.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
{
    Routes::new()
        .add(&route::POST_NONCE, login::post_nonce)
        .add(&route::POST_LOGIN, login::post_login)
        .add(&route::PUT_OPERATOR_KEY, operator_key::put_operator_key)
        .add(&READ_WHOAMI, whoami::read_whoami)
}
