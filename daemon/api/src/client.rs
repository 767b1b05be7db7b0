//! The way to speak to a daemon: TLS to exactly one CA, and the login that never sends the token.
//!
//! Guarantees:
//! - only the given CA is trusted, never the machine's, and only its certificate for the API;
//! - every call is repeatable, so a lost answer or a restarting daemon is retried until `patience` is over, and
//!   then the error says which address was tried and for how long;
//! - a session that has ended is renewed once by itself.

mod login;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::IF_NONE_MATCH;
use reqwest::tls::TlsInfo;
use reqwest::{Method, StatusCode};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::login::{fingerprint, trust_fingerprint};
use crate::name::{API_NAME, ClusterId};
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
    /// The server at this address has a certificate of the cluster that is not the API's.
    #[error(
        "{endpoint} shows a certificate of this cluster that is not for its API: it lacks the name {API_NAME}. Either \
         the daemon there is older than this program, and should be restarted with the same version; or another \
         service answers at this address"
    )]
    NotTheApi {
        /// The address.
        endpoint: String,
    },
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

/// What came back.
struct Answer {
    status: StatusCode,
    bytes: Vec<u8>,
    /// The fingerprint of the server's certificate, for whoever logs in.
    server: Option<[u8; 32]>,
}

struct Inner {
    http: reqwest::Client,
    connection: Connection,
    ca_fingerprint: [u8; 32],
    operator: Option<Operator>,
    session: Mutex<Option<String>>,
    patience: Duration,
}

/// What the operator logs in with.
struct Operator {
    key: OperatorKey,
    /// Connects anew for each request, so that a login is signed over a certificate of the present: a connection that
    /// is kept open may have outlived its own.
    http: reqwest::Client,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.inner.connection.endpoint)
    }
}

impl Client {
    /// A client that goes on trying for `patience` when nobody answers.
    pub fn new(connection: Connection, credentials: Credentials, patience: Duration) -> Result<Self, ClientError> {
        let roots = tls::roots(&connection.ca_certificate)?;
        let (key, identity) = match credentials {
            Credentials::Public => (None, None),
            Credentials::Operator(key) => (Some(key), None),
            Credentials::Certificate { chain, private_key } => (None, Some(tls::identity(&chain, &private_key)?)),
        };
        let tls = tls::config(&roots, identity)?;
        let operator = key.map(|key| {
            let http = built(http(tls.clone()).pool_max_idle_per_host(0).tls_info(true));
            Operator { key, http }
        });
        let http = built(http(tls));
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

    /// One request and the reading of its answer.
    async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        asked: &Request<'_>,
        body: Option<&B>,
        session: Option<&str>,
    ) -> Result<T, ClientError> {
        let answer = self.exchange(&self.inner.http, asked, body, session).await?;
        self.read_answer(asked, &answer)
    }

    /// One request, tried again until somebody answers or the patience is over.
    async fn exchange<B: Serialize>(
        &self,
        http: &reqwest::Client,
        asked: &Request<'_>,
        body: Option<&B>,
        session: Option<&str>,
    ) -> Result<Answer, ClientError> {
        let inner = &*self.inner;
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let url = format!("{}{}", inner.connection.endpoint, asked.path);
            let mut request = http.request(asked.method.clone(), url).timeout(asked.timeout);
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
                    let server = answer.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
                    let server = server.map(fingerprint);
                    match answer.bytes().await {
                        Ok(bytes) if status == StatusCode::SERVICE_UNAVAILABLE && began.elapsed() < inner.patience => {
                            drop(bytes);
                            None
                        }
                        Ok(bytes) => return Ok(Answer { status, bytes: bytes.into(), server }),
                        Err(failure) => Some(failure),
                    }
                }
                Err(failure) => Some(failure),
            };
            if let Some(source) = failure {
                let endpoint = inner.connection.endpoint.clone();
                // Somebody answers, and will not become somebody else by being asked again.
                if tls::is_of_another_name(&source) {
                    return Err(ClientError::NotTheApi { endpoint });
                }
                if began.elapsed() + pause > inner.patience {
                    return Err(ClientError::Unreachable { endpoint, tried_for: began.elapsed(), source });
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    fn read_answer<T: DeserializeOwned>(&self, asked: &Request<'_>, answer: &Answer) -> Result<T, ClientError> {
        let Answer { status, bytes, .. } = answer;
        if status.is_success() {
            let bytes = if bytes.is_empty() { b"null" } else { bytes.as_slice() };
            return serde_json::from_slice(bytes).map_err(|error| self.unreadable(asked, error.to_string()));
        }
        match serde_json::from_slice::<Problem>(bytes) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(self.unreadable(asked, format!("status {status} without a problem document"))),
        }
    }

    fn unreadable(&self, asked: &Request<'_>, detail: String) -> ClientError {
        ClientError::Unreadable {
            endpoint: self.inner.connection.endpoint.clone(),
            request: format!("{} {}", asked.method, asked.path),
            detail,
        }
    }
}

/// Whether this chain and this key, in PEM, can be shown to a daemon.
pub fn check_identity(chain: &str, private_key: &str) -> Result<(), ClientError> {
    tls::identity(chain, private_key).map(drop)
}

fn http(tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
}

fn built(http: reqwest::ClientBuilder) -> reqwest::Client {
    http.build().expect("the TLS configuration is of the version of rustls that reqwest uses")
}

const NO_BODY: Option<&()> = None;
/// What [`Client::read`] calls, besides its path.
const ANY_PATH: Route<(), ()> = Route::get("read", "/", Callers::Recognized);
