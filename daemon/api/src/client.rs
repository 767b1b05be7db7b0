//! The way to speak to a daemon: TLS to exactly one CA, and the login that never sends the token.
//!
//! Guarantees:
//! - only the given CA is trusted, never the machine's;
//! - every call is repeatable, so a lost answer or a restarting daemon is retried until `patience` is over, and
//!   then the error says which address was tried and for how long;
//! - a session that has ended is renewed once by itself.

mod login;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::IF_NONE_MATCH;
use reqwest::{Method, StatusCode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::login::trust_fingerprint;
use crate::name::ClusterId;
use crate::operator::OperatorKey;
use crate::problem::{Problem, ProblemCode};
use crate::route::{self, Callers, Operation, Route};

/// What is needed to reach a cluster's daemon. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// `https://HOST:PORT`.
    pub endpoint: String,
    /// The root certificate, in PEM.
    pub ca_certificate: String,
    /// The cluster's identity.
    pub cluster_id: ClusterId,
}

/// Who calls.
pub enum Credentials {
    /// Nobody: public routes only.
    Public,
    /// The operator, by key; logs in when first needed.
    Operator(OperatorKey),
    /// The holder of a certificate: chain and key, in PEM.
    Certificate {
        /// The certificate and its intermediate.
        chain: String,
        /// The private key, PKCS #8.
        private_key: String,
    },
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer within the patience.
    #[error("the daemon at {endpoint} did not answer; tried for {} s", .tried_for.as_secs_f32().round())]
    Unreachable {
        /// The address.
        endpoint: String,
        /// For how long.
        tried_for: Duration,
        /// The last failure.
        #[source]
        source: reqwest::Error,
    },
    /// The daemon answered with a problem.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The daemon at this address serves another cluster.
    #[error("the daemon at {endpoint} serves cluster {found}, not {wanted}")]
    OtherCluster {
        /// The address.
        endpoint: String,
        /// Who answered.
        found: ClusterId,
        /// Who should have.
        wanted: ClusterId,
    },
    /// The answer is not of this API.
    #[error("the answer of {endpoint} to {request} cannot be read: {detail}")]
    Unreadable {
        /// The address.
        endpoint: String,
        /// Method and path.
        request: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The certificate and the key in hand are not of each other.
    #[error("the client certificate and its key do not belong together")]
    Mismatch,
    /// The CA certificate, chain or key in hand is not PEM.
    #[error("{what} is not valid PEM")]
    Material {
        /// Which of them.
        what: &'static str,
    },
}

impl ClientError {
    /// The code, if the daemon answered with a problem.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Whether the daemon said that the thing does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(ProblemCode::NotFound)
    }

    /// Whether no daemon answered at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// How long the daemon holds a long poll.
pub const LONG_POLL: Duration = Duration::from_secs(25);
/// The first pause between tries; it doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// A client of one daemon. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// Whether a PUT is refused when what exists differs.
    creating: bool,
}

/// What is asked, and how long the answer may take.
struct Request<'a> {
    method: Method,
    path: &'a str,
    timeout: Duration,
}

struct Inner {
    http: reqwest::Client,
    connection: Connection,
    ca_fingerprint: [u8; 32],
    operator: Option<OperatorKey>,
    session: Mutex<Option<String>>,
    patience: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.inner.connection.endpoint)
    }
}

impl Client {
    /// A client that goes on trying for `patience` when nobody answers.
    pub fn new(connection: Connection, credentials: Credentials, patience: Duration) -> Result<Self, ClientError> {
        // Only the first caller sets it; whoever came before has set the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let no_ca = || ClientError::Material { what: "the CA certificate" };
        // Several, while one root follows another.
        let roots: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(connection.ca_certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| no_ca())?;
        let trusted = roots.iter().map(|root| reqwest::Certificate::from_der(root));
        let trusted = trusted.collect::<Result<Vec<_>, _>>().map_err(|_| no_ca())?;
        if trusted.is_empty() {
            return Err(no_ca());
        }
        let mut builder = reqwest::Client::builder()
            .tls_certs_only(trusted)
            .https_only(true)
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none());
        let mut operator = None;
        match credentials {
            Credentials::Public => {}
            Credentials::Operator(key) => operator = Some(key),
            Credentials::Certificate { chain, private_key } => {
                builder = builder.identity(identity(&chain, &private_key)?);
            }
        }
        let http = builder.build().map_err(|_| ClientError::Mismatch)?;
        let ca_fingerprint = trust_fingerprint(roots.iter().map(AsRef::as_ref));
        let session = Mutex::new(None);
        let inner = Arc::new(Inner { http, connection, ca_fingerprint, operator, session, patience });
        Ok(Self { inner, creating: false })
    }

    /// The same client for what is to be created: what exists already and differs is refused with
    /// [`ProblemCode::AlreadyExists`] instead of being changed.
    pub fn creating(&self) -> Self {
        Self { creating: true, ..self.clone() }
    }

    /// Where this client connects.
    pub fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    /// Reads any path, for tools.
    pub async fn read<A: DeserializeOwned>(&self, path: &str) -> Result<A, ClientError> {
        self.call(&ANY_PATH.operation(), path, NO_BODY).await
    }

    /// Reads a listing with a query, such as `limit=20`.
    pub async fn list<A: DeserializeOwned>(&self, route: &Route<(), A>, query: &str) -> Result<A, ClientError> {
        let path = route.path(&[]);
        let path = if query.is_empty() { path } else { format!("{path}?{query}") };
        self.call(&route.operation(), &path, NO_BODY).await
    }

    /// Calls an operation that takes no body.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &self,
        route: &Route<(), A>,
        segments: &[&str],
    ) -> Result<A, ClientError> {
        self.call(&route.operation(), &route.path(segments), NO_BODY).await
    }

    /// Calls a long poll: it answers once something is newer than `after`, or unchanged after [`LONG_POLL`].
    pub(crate) async fn ask_after<A: DeserializeOwned>(
        &self,
        route: &Route<(), A>,
        segments: &[&str],
        after: i64,
    ) -> Result<A, ClientError> {
        self.ask_at(route, &format!("{}?after={after}", route.path(segments))).await
    }

    /// Calls an operation that takes no body, at its path with a query.
    pub(crate) async fn ask_at<A: DeserializeOwned>(&self, route: &Route<(), A>, path: &str) -> Result<A, ClientError> {
        self.call(&route.operation(), path, NO_BODY).await
    }

    /// Calls an operation with a body.
    pub(crate) async fn give<B: Serialize, A: DeserializeOwned>(
        &self,
        route: &Route<B, A>,
        segments: &[&str],
        body: &B,
    ) -> Result<A, ClientError> {
        self.call(&route.operation(), &route.path(segments), Some(body)).await
    }

    /// Sends with whatever credentials we have; logs in first, and again when the session has ended.
    async fn call<B: Serialize, A: DeserializeOwned>(
        &self,
        operation: &Operation,
        path: &str,
        body: Option<&B>,
    ) -> Result<A, ClientError> {
        let method = match operation.method {
            route::Method::Get => Method::GET,
            route::Method::Put => Method::PUT,
            route::Method::Post => Method::POST,
            route::Method::Delete => Method::DELETE,
        };
        let long_poll = if path.contains("after=") { LONG_POLL } else { Duration::ZERO };
        let request = Request { method, path, timeout: operation.may_take + long_poll };
        if self.inner.operator.is_none() || operation.callers == Callers::Anyone {
            return self.send(&request, body, None).await;
        }
        // A login is made of calls, which anyone may make.
        let session = Box::pin(self.session(None)).await?;
        match self.send(&request, body, Some(&session)).await {
            Err(error) if error.code() == Some(ProblemCode::SessionInvalid) => {
                let session = Box::pin(self.session(Some(&session))).await?;
                self.send(&request, body, Some(&session)).await
            }
            answer => answer,
        }
    }

    /// One request, tried again until somebody answers or the patience is over.
    async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        asked: &Request<'_>,
        body: Option<&B>,
        session: Option<&str>,
    ) -> Result<T, ClientError> {
        let inner = &*self.inner;
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let url = format!("{}{}", inner.connection.endpoint, asked.path);
            let mut request = inner.http.request(asked.method.clone(), url).timeout(asked.timeout);
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(session) = session {
                request = request.bearer_auth(session);
            }
            if self.creating && asked.method == Method::PUT {
                request = request.header(IF_NONE_MATCH, "*");
            }
            let failure = match request.send().await {
                Ok(answer) => {
                    let status = answer.status();
                    match answer.bytes().await {
                        Ok(bytes) if status == StatusCode::SERVICE_UNAVAILABLE && began.elapsed() < inner.patience => {
                            drop(bytes);
                            None
                        }
                        Ok(bytes) => return self.read_answer(asked, status, &bytes),
                        Err(failure) => Some(failure),
                    }
                }
                Err(failure) => Some(failure),
            };
            if let Some(source) = failure
                && began.elapsed() + pause > inner.patience
            {
                let endpoint = inner.connection.endpoint.clone();
                return Err(ClientError::Unreachable { endpoint, tried_for: began.elapsed(), source });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    fn read_answer<T: DeserializeOwned>(
        &self,
        asked: &Request<'_>,
        status: StatusCode,
        bytes: &[u8],
    ) -> Result<T, ClientError> {
        let unreadable = |detail: String| ClientError::Unreadable {
            endpoint: self.inner.connection.endpoint.clone(),
            request: format!("{} {}", asked.method, asked.path),
            detail,
        };
        if status.is_success() {
            let bytes = if bytes.is_empty() { b"null" } else { bytes };
            return serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()));
        }
        match serde_json::from_slice::<Problem>(bytes) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(unreadable(format!("status {status} without a problem document"))),
        }
    }
}

/// Whether this chain and this key, in PEM, can be shown to a daemon.
pub fn check_identity(chain: &str, private_key: &str) -> Result<(), ClientError> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = reqwest::Client::builder().identity(identity(chain, private_key)?).tls_certs_only([]);
    builder.build().map(drop).map_err(|_| ClientError::Mismatch)
}

fn identity(chain: &str, private_key: &str) -> Result<reqwest::Identity, ClientError> {
    reqwest::Identity::from_pem(format!("{chain}\n{private_key}").as_bytes())
        .map_err(|_| ClientError::Material { what: "the client certificate or its key" })
}

const NO_BODY: Option<&()> = None;
/// What [`Client::read`] calls, besides its path.
const ANY_PATH: Route<(), ()> = Route::get("read", "/", Callers::Recognized);
