//! The way to speak to a daemon: TLS to exactly one CA, and the login that never sends the token.
//!
//! Guarantees:
//! - only the given CA is trusted, never the machine's;
//! - every call is repeatable, so a lost answer or a restarting daemon is retried until `patience` is over, and
//!   then the error says which address was tried and for how long;
//! - a session that has ended is renewed once by itself.

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

use crate::authority::{Authority, AuthorityDomain, BringAuthorities, RotateAuthority};
use crate::certificate::PostIdentityCertificate;
use crate::cluster::{Cluster, PutCluster};
use crate::crl::PublishedCrl;
use crate::inspect::AuditCheckpoint;
use crate::inspect::Health;
use crate::login::{Login, LoginNonce, PutLogin, message, trust_fingerprint};
use crate::master_key::MasterKeyState;
use crate::name::{ClusterId, NodeName, ProjectName, ServiceName, UserName};
use crate::node::{DesiredNode, IssuedCertificate, NodeRotation, PostCertificate, PutJoin, PutReport};
use crate::operator::{OperatorKey, OperatorKeys, PutOperatorKey};
use crate::path;
use crate::problem::{Problem, ProblemCode};
use crate::project::{Member, MemberCredentials, Project, PutMember, PutMembers, PutProject};
use crate::token::{IssuedToken, Jwks, PostToken, RotateTokenKeys, TokenKey};
use crate::whoami::Caller;

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

/// How long one request may take, beyond what a long poll waits.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
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

    /// Asks whether the daemon is up, and whether it is the right one.
    pub async fn health(&self) -> Result<Health, ClientError> {
        let health: Health = self.call(Method::GET, path::HEALTH, NO_BODY).await?;
        if health.cluster_id == self.inner.connection.cluster_id {
            return Ok(health);
        }
        Err(ClientError::OtherCluster {
            endpoint: self.inner.connection.endpoint.clone(),
            found: health.cluster_id,
            wanted: self.inner.connection.cluster_id,
        })
    }

    /// Logs in as the operator.
    pub async fn login(&self) -> Result<Login, ClientError> {
        match self.answer_nonce().await {
            // A nonce is answered once. If the daemon's word on it was lost, it was asked again and refused; another nonce
            // tells that apart from a token that is not the cluster's.
            Err(error) if error.code() == Some(ProblemCode::LoginRefused) => self.answer_nonce().await,
            answer => answer,
        }
    }

    async fn answer_nonce(&self) -> Result<Login, ClientError> {
        let Some(key) = &self.inner.operator else {
            return Err(ClientError::Refused(Box::new(Problem::new(
                ProblemCode::Unauthenticated,
                "this client holds no operator key to log in with",
            ))));
        };
        let nonce: LoginNonce = self.send(Method::POST, path::LOGIN_NONCES, NO_BODY, None).await?;
        if nonce.cluster_id != self.inner.connection.cluster_id {
            return Err(ClientError::OtherCluster {
                endpoint: self.inner.connection.endpoint.clone(),
                found: nonce.cluster_id,
                wanted: self.inner.connection.cluster_id,
            });
        }
        let text = message(&self.inner.connection.cluster_id, &nonce.nonce, &self.inner.ca_fingerprint);
        let answer = PutLogin { signature: key.sign(&text), nonce: nonce.nonce };
        self.send(Method::POST, path::LOGIN, Some(&answer), None).await
    }

    /// Gives the cluster another operator token. The one before is good until the new one has logged in.
    pub async fn put_operator_key(&self, put: &PutOperatorKey) -> Result<OperatorKeys, ClientError> {
        self.call(Method::PUT, path::OPERATOR_KEY, Some(put)).await
    }

    /// Who the daemon takes us for.
    pub async fn whoami(&self) -> Result<Caller, ClientError> {
        self.call(Method::GET, path::WHOAMI, NO_BODY).await
    }

    /// The cluster as it is.
    pub async fn cluster(&self) -> Result<Cluster, ClientError> {
        self.call(Method::GET, path::CLUSTER, NO_BODY).await
    }

    /// The cluster once its revision is above `after`, or unchanged after [`LONG_POLL`].
    pub async fn cluster_after(&self, after: i64) -> Result<Cluster, ClientError> {
        self.call(Method::GET, &format!("{}?after={after}", path::CLUSTER), NO_BODY).await
    }

    /// Declares the cluster.
    pub async fn put_cluster(&self, put: &PutCluster) -> Result<Cluster, ClientError> {
        self.call(Method::PUT, path::CLUSTER, Some(put)).await
    }

    /// One project.
    pub async fn project(&self, name: &ProjectName) -> Result<Project, ClientError> {
        self.call(Method::GET, &path::project(path::PROJECT, name), NO_BODY).await
    }

    /// Creates or changes a project.
    pub async fn put_project(&self, name: &ProjectName, put: &PutProject) -> Result<Project, ClientError> {
        self.call(Method::PUT, &path::project(path::PROJECT, name), Some(put)).await
    }

    /// Deletes a project, its members and their identities.
    pub async fn delete_project(&self, name: &ProjectName) -> Result<(), ClientError> {
        self.call(Method::DELETE, &path::project(path::PROJECT, name), NO_BODY).await
    }

    /// The members of a project, by user.
    pub async fn members(&self, project: &ProjectName) -> Result<Vec<Member>, ClientError> {
        self.call(Method::GET, &path::project(path::MEMBERS, project), NO_BODY).await
    }

    /// Makes exactly these the members of a project.
    pub async fn put_members(&self, project: &ProjectName, put: &PutMembers) -> Result<Vec<Member>, ClientError> {
        self.call(Method::PUT, &path::project(path::MEMBERS, project), Some(put)).await
    }

    /// One member.
    pub async fn member(&self, project: &ProjectName, user: &UserName) -> Result<Member, ClientError> {
        self.call(Method::GET, &path::member(path::MEMBER, project, user), NO_BODY).await
    }

    /// Makes a user a member, or changes the role.
    pub async fn put_member(
        &self,
        project: &ProjectName,
        user: &UserName,
        put: &PutMember,
    ) -> Result<Member, ClientError> {
        self.call(Method::PUT, &path::member(path::MEMBER, project, user), Some(put)).await
    }

    /// Removes a member and revokes its certificates.
    pub async fn delete_member(&self, project: &ProjectName, user: &UserName) -> Result<(), ClientError> {
        self.call(Method::DELETE, &path::member(path::MEMBER, project, user), NO_BODY).await
    }

    /// The certificate and key of a project user.
    pub async fn member_credentials(
        &self,
        project: &ProjectName,
        user: &UserName,
    ) -> Result<MemberCredentials, ClientError> {
        self.call(Method::GET, &path::member(path::MEMBER_CREDENTIALS, project, user), NO_BODY).await
    }

    /// Signs a token of a project user. After a lost answer there may be a second one, which nobody holds.
    pub async fn issue_token(
        &self,
        project: &ProjectName,
        user: &UserName,
        post: &PostToken,
    ) -> Result<IssuedToken, ClientError> {
        self.call(Method::POST, &path::member(path::MEMBER_TOKENS, project, user), Some(post)).await
    }

    /// The keys by which tokens are verified.
    pub async fn jwks(&self) -> Result<Jwks, ClientError> {
        self.call(Method::GET, path::JWKS, NO_BODY).await
    }

    /// The keys that sign tokens, newest first.
    pub async fn token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.call(Method::GET, path::TOKEN_KEYS, NO_BODY).await
    }

    /// Lets the next key sign from now on. After a lost answer it may happen twice, which harms no token.
    pub async fn rotate_token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.call(Method::POST, path::TOKEN_KEYS_ROTATE, Some(&RotateTokenKeys { compromised: false })).await
    }

    /// Erases the keys that sign tokens, ends every token, and lets another key sign.
    pub async fn rotate_compromised_token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.call(Method::POST, path::TOKEN_KEYS_ROTATE, Some(&RotateTokenKeys { compromised: true })).await
    }

    /// A certificate of a project user, for a key of the caller's own.
    pub async fn issue_member_certificate(
        &self,
        project: &ProjectName,
        user: &UserName,
        post: &PostIdentityCertificate,
    ) -> Result<IssuedCertificate, ClientError> {
        self.call(Method::POST, &path::member(path::MEMBER_CERTIFICATES, project, user), Some(post)).await
    }

    /// A certificate of a service on a node, for a key of the caller's own.
    pub async fn issue_service_certificate(
        &self,
        node: &NodeName,
        service: &ServiceName,
        post: &PostIdentityCertificate,
    ) -> Result<IssuedCertificate, ClientError> {
        self.call(Method::POST, &path::service(path::SERVICE_CERTIFICATES, node, service), Some(post)).await
    }

    /// Revokes a certificate that was handed out for a key of a caller's own. One that is over stays as it is.
    pub async fn revoke_certificate(&self, serial: &str) -> Result<(), ClientError> {
        self.call(Method::DELETE, &path::certificate(serial), NO_BODY).await
    }

    /// Has everything that a node's agent holds replaced, unless that is under way already.
    pub async fn rotate_node(&self, node: &NodeName) -> Result<NodeRotation, ClientError> {
        self.call(Method::POST, &path::node(path::NODE_ROTATE, node), NO_BODY).await
    }

    /// The node's last rotation once its revision is above `after`, or unchanged after [`LONG_POLL`].
    pub async fn rotation_after(&self, node: &NodeName, after: i64) -> Result<NodeRotation, ClientError> {
        self.call(Method::GET, &format!("{}?after={after}", path::node(path::NODE_ROTATION, node)), NO_BODY).await
    }

    /// Signs how the audit log stands now.
    pub async fn post_audit_checkpoint(&self) -> Result<AuditCheckpoint, ClientError> {
        self.call(Method::POST, path::AUDIT_CHECKPOINTS, NO_BODY).await
    }

    /// Brings in what was signed where the root's key is kept.
    pub async fn bring_authorities(&self, bring: &BringAuthorities) -> Result<Vec<Authority>, ClientError> {
        self.call(Method::POST, path::AUTHORITIES_BRING, Some(bring)).await
    }

    /// The versions of the master key.
    pub async fn master_key(&self) -> Result<MasterKeyState, ClientError> {
        self.read(path::MASTER_KEY).await
    }

    /// Seals with a newer version of the master key from now on. The rest is sealed anew in the background.
    pub async fn rotate_master_key(&self) -> Result<MasterKeyState, ClientError> {
        self.call(Method::POST, path::MASTER_KEY_ROTATE, NO_BODY).await
    }

    /// Has a fresh list of every shard signed now. Returns them once they are committed.
    pub async fn publish_crls(&self) -> Result<Vec<PublishedCrl>, ClientError> {
        self.call(Method::POST, path::CRLS_PUBLISH, NO_BODY).await
    }

    /// Trades a ticket for the node's certificate.
    pub async fn join(&self, node: &NodeName, put: &PutJoin) -> Result<IssuedCertificate, ClientError> {
        self.call(Method::POST, &path::node(path::NODE_JOIN, node), Some(put)).await
    }

    /// What the node should hold, once its generation is above `after`, or unchanged after [`LONG_POLL`].
    pub async fn desired(&self, node: &NodeName, after: i64) -> Result<DesiredNode, ClientError> {
        self.call(Method::GET, &format!("{}?after={after}", path::node(path::NODE_DESIRED, node)), NO_BODY).await
    }

    /// Asks for a certificate of the node or of one of its services.
    pub async fn issue(&self, node: &NodeName, post: &PostCertificate) -> Result<IssuedCertificate, ClientError> {
        self.call(Method::POST, &path::node(path::NODE_CERTIFICATES, node), Some(post)).await
    }

    /// Asks for a token of a service on the node.
    pub async fn service_token(&self, node: &NodeName, service: &ServiceName) -> Result<IssuedToken, ClientError> {
        self.call(Method::POST, &path::service(path::SERVICE_TOKENS, node, service), NO_BODY).await
    }

    /// Says what the node holds.
    pub async fn report(&self, node: &NodeName, put: &PutReport) -> Result<(), ClientError> {
        self.call(Method::PUT, &path::node(path::NODE_REPORT, node), Some(put)).await
    }

    /// The authorities, with those that are gone.
    pub async fn authorities(&self) -> Result<Vec<Authority>, ClientError> {
        self.call(Method::GET, path::AUTHORITIES, NO_BODY).await
    }

    /// Asks for a successor of the active authority of a domain.
    pub async fn rotate_authority(
        &self,
        domain: AuthorityDomain,
        rotate: RotateAuthority,
    ) -> Result<Vec<Authority>, ClientError> {
        let route = path::AUTHORITY_ROTATE.replace("{domain}", domain.as_str());
        self.call(Method::POST, &route, Some(&rotate)).await
    }

    /// Reads any route, for inspection.
    pub async fn read<T: DeserializeOwned>(&self, route: &str) -> Result<T, ClientError> {
        self.call(Method::GET, route, NO_BODY).await
    }

    /// Sends with whatever credentials we have; logs in first, and again when the session has ended.
    async fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        route: &str,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        if self.inner.operator.is_none() || route == path::HEALTH {
            return self.send(method, route, body, None).await;
        }
        let session = self.session(None).await?;
        match self.send(method.clone(), route, body, Some(&session)).await {
            Err(error) if error.code() == Some(ProblemCode::SessionInvalid) => {
                let session = self.session(Some(&session)).await?;
                self.send(method, route, body, Some(&session)).await
            }
            answer => answer,
        }
    }

    /// The session in hand, or a new one if there is none or it is the one that `ended`.
    async fn session(&self, ended: Option<&str>) -> Result<String, ClientError> {
        let mut session = self.inner.session.lock().await;
        match &*session {
            Some(held) if ended != Some(held) => Ok(held.clone()),
            _ => {
                let login = self.login().await?;
                *session = Some(login.session.clone());
                Ok(login.session)
            }
        }
    }

    /// One request, tried again until somebody answers or the patience is over.
    async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        route: &str,
        body: Option<&B>,
        session: Option<&str>,
    ) -> Result<T, ClientError> {
        let inner = &*self.inner;
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let url = format!("{}{route}", inner.connection.endpoint);
            let wait = if route.contains("after=") { LONG_POLL + REQUEST_TIMEOUT } else { REQUEST_TIMEOUT };
            let mut request = inner.http.request(method.clone(), url).timeout(wait);
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(session) = session {
                request = request.bearer_auth(session);
            }
            if self.creating && method == Method::PUT {
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
                        Ok(bytes) => return self.read_answer(&method, route, status, &bytes),
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
        method: &Method,
        route: &str,
        status: StatusCode,
        bytes: &[u8],
    ) -> Result<T, ClientError> {
        let unreadable = |detail: String| ClientError::Unreadable {
            endpoint: self.inner.connection.endpoint.clone(),
            request: format!("{method} {route}"),
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
