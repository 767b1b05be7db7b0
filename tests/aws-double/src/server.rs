//! The proxy itself.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Response, header};

use crate::answer::{error, refused, xml};
use crate::between::between;
use crate::checks::{Check, Keys, Value, checks};
use crate::decide::{Decision, assume, decide};
use crate::fault::{Fault, Faults};
use crate::inventory::Inventory;
use crate::lag::{Lag, Waits};
use crate::moto::Moto;
use crate::query::Query;
use crate::record::Call;
use crate::token::{Repeat, Tokens};
use crate::{ACCOUNT, ADMINISTRATOR, caller};

/// AWS for a test, with a moto of its own.
pub struct AwsDouble {
    moto: Moto,
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    inventory: Inventory,
    http: reqwest::Client,
    state: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    calls: Vec<Call>,
    faults: Faults,
    changes: usize,
    /// Who calls with which access key, besides the administrator.
    callers: HashMap<String, Caller>,
    waits: Waits,
    tokens: Tokens,
}

#[derive(Clone)]
struct Caller {
    name: String,
    arn: String,
    /// The role whose policies decide; none for a principal that has no rights but to assume.
    role: Option<String>,
}

impl AwsDouble {
    /// Starts moto and the proxy before it, on loopback ports.
    pub async fn start(environment: &Path) -> Self {
        // The HTTP client wants one, though it speaks to loopback without TLS.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let moto = Moto::start(environment);
        let http = reqwest::Client::new();
        let inventory =
            Inventory { http: http.clone(), endpoint: moto.endpoint().to_owned(), balancers: Mutex::default() };
        let shared = Arc::new(Shared { inventory, http, state: Mutex::default() });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().fallback(handle).with_state(shared.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await;
        });
        Self { moto, address, shared, server }
    }

    /// Where AWS is for the test.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where moto is, for looking past the proxy.
    pub fn moto_endpoint(&self) -> &str {
        self.moto.endpoint()
    }

    /// What was called so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    /// Forgets what was called, and begins to count changes anew.
    pub fn forget(&self) {
        let mut inner = self.shared.lock();
        inner.calls.clear();
        inner.changes = 0;
    }

    /// What goes wrong from now on.
    pub fn inject(&self, faults: Faults) {
        let mut inner = self.shared.lock();
        inner.faults = faults;
        inner.changes = 0;
    }

    /// What takes a while to be seen from now on.
    pub fn delay(&self, lag: Lag) {
        self.shared.lock().waits.begin(lag);
    }

    /// An access key of a principal of this ARN, who may assume roles and nothing else.
    pub fn principal(&self, arn: &str) -> String {
        let mut inner = self.shared.lock();
        let key = format!("AKIAPRINCIPAL{:07}", inner.callers.len());
        let name = arn.rsplit('/').next().unwrap_or(arn).to_owned();
        inner.callers.insert(key.clone(), Caller { name, arn: arn.to_owned(), role: None });
        key
    }
}

impl Drop for AwsDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let text = String::from_utf8_lossy(&body).into_owned();
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(query) = Query::read(authorization, &text) else {
        return error("ec2", 400, "InvalidRequest", "the double speaks the Query protocol only");
    };
    let caller = shared.lock().callers.get(&query.access_key).cloned();
    let name = match &caller {
        Some(caller) => caller.name.clone(),
        None if query.access_key == ADMINISTRATOR => "administrator".to_owned(),
        None => return error(&query.service, 403, "InvalidClientTokenId", "The security token included is invalid."),
    };
    let mut call = Call {
        action: format!("{}:{}", query.service, query.action),
        caller: name,
        changes: query.changes(),
        dry_run: query.is_dry_run(),
        decisions: Vec::new(),
        fault: None,
        status: None,
    };
    let answer = answer(&shared, &query, caller.as_ref(), &mut call, &headers, body).await;
    call.status = answer.as_ref().map(|answer| answer.status().as_u16());
    let kills = call.fault == Some(Fault::KillCaller);
    shared.lock().calls.push(call);
    if kills {
        caller::kill(peer);
    }
    answer.unwrap_or_else(|| {
        // The connection breaks half-way through the answer, which is how losing one looks to a client.
        Response::builder().header(header::CONTENT_LENGTH, "1000").body(broken()).expect("an answer is sound")
    })
}

/// A body that breaks after its first bytes.
fn broken() -> Body {
    let pieces: [Result<&'static str, std::io::Error>; 2] = [Ok("<"), Err(std::io::Error::other("lost"))];
    Body::from_stream(futures::stream::iter(pieces))
}

/// What AWS would answer; none when the answer is lost.
async fn answer(
    shared: &Shared,
    query: &Query,
    caller: Option<&Caller>,
    call: &mut Call,
    headers: &HeaderMap,
    body: Bytes,
) -> Option<Response<Body>> {
    let fault = if query.changes() {
        let mut inner = shared.lock();
        inner.changes += 1;
        let nth = inner.changes;
        inner.faults.at_change.get(&nth).copied()
    } else {
        None
    };
    call.fault = fault;
    if let Some(error) = fault.and_then(|fault| error_of(fault, &query.service)) {
        return Some(error);
    }
    if query.service == "sts" && query.action == "AssumeRole" {
        return Some(assume_role(shared, query, caller, call, headers, body).await);
    }
    if let Some(caller) = caller {
        let policies = match &caller.role {
            Some(role) => shared.inventory.policies(role).await,
            None => Vec::new(),
        };
        if query.service != "sts" {
            call.decisions =
                checks(query, &shared.inventory).await.iter().map(|check| decide(&policies, check)).collect();
            if call.is_refused() {
                return Some(refused(&query.service, &query.action));
            }
        }
    }
    if query.is_dry_run() {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Some(error(&query.service, 412, "DryRunOperation", message));
    }
    if query.action == "SimulatePrincipalPolicy" {
        return Some(simulate(shared, query).await);
    }
    if let Some(wait) = shared.lock().waits.refusal(query) {
        return Some(error(&query.service, wait.status, wait.code, &wait.message));
    }
    let zone = zone(shared, query).await;
    let repeat = shared.lock().tokens.repeat(query, &zone);
    if let Some(answer) = answer_of(repeat) {
        return Some(answer);
    }
    let (status, mut text) = forward(shared, headers, body).await;
    if status == 200 {
        let mut inner = shared.lock();
        inner.tokens.answered(query, &zone, &text);
        let mut balancers = shared.inventory.balancers();
        balancers.answered(query, &text);
        text = balancers.outward(text);
        drop(balancers);
        inner.waits.answered(query, &text);
        text = inner.waits.seen(query, text);
    }
    match fault {
        Some(Fault::LoseAnswer | Fault::KillCaller) => None,
        _ => Some(xml(status, text)),
    }
}

/// What the caller gets of a fault instead of an answer.
fn error_of(fault: Fault, service: &str) -> Option<Response<Body>> {
    match fault {
        Fault::Fail => Some(error(service, 500, "InternalError", "An internal error has occurred.")),
        Fault::Throttle if service == "ec2" => Some(error(service, 503, "RequestLimitExceeded", "Rate exceeded")),
        Fault::Throttle => Some(error(service, 400, "Throttling", "Rate exceeded")),
        Fault::Refuse(code) => Some(error(service, 409, code, "Refused by the test")),
        Fault::LoseAnswer | Fault::KillCaller => None,
    }
}

/// The answer to a call that was made before with the same client token.
fn answer_of(repeat: Repeat) -> Option<Response<Body>> {
    match repeat {
        Repeat::New => None,
        Repeat::Same(answer) => Some(xml(200, answer)),
        Repeat::Other => {
            let message = "The client token was used with other parameters.";
            Some(error("ec2", 400, "IdempotentParameterMismatch", message))
        }
        Repeat::Ended => {
            let message = "The instance that was launched with this client token is terminated.";
            Some(error("ec2", 400, "IdempotentInstanceTerminated", message))
        }
    }
}

/// The zone of a launch, in which its token counts.
async fn zone(shared: &Shared, query: &Query) -> String {
    let named = query.get("Placement.AvailabilityZone").map(str::to_owned);
    let subnet = query.get("SubnetId").or_else(|| query.get("NetworkInterface.1.SubnetId"));
    match (query.action.as_str(), named, subnet) {
        ("RunInstances", Some(named), _) => named,
        ("RunInstances", None, Some(subnet)) => {
            shared.inventory.find("subnet", subnet, &query.region).await.zone.unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// moto lets anybody assume any role: here the trust policy decides, with the external id.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
async fn assume_role(
    shared: &Shared,
    query: &Query,
    caller: Option<&Caller>,
    call: &mut Call,
    headers: &HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let role = query.get("RoleArn").and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned();
    let trust = shared.inventory.trust(&role).await;
    let arn = caller.map_or(format!("arn:aws:iam::{ACCOUNT}:user/administrator"), |caller| caller.arn.clone());
    let known = !shared.lock().waits.role(&role);
    let allowed = known && trust.is_some_and(|trust| assume(&trust, &arn, query.get("ExternalId")));
    let resource = query.get("RoleArn").unwrap_or_default().to_owned();
    let allowed_by = allowed.then(|| "trust".to_owned());
    call.decisions.push(Decision { action: "sts:AssumeRole".to_owned(), resource, allowed_by });
    if !allowed {
        return refused("sts", "AssumeRole");
    }
    let (status, text) = forward(shared, headers, body).await;
    if let Some(key) = between(&text, "<AccessKeyId>", "</AccessKeyId>") {
        let arn = query.get("RoleArn").unwrap_or_default().to_owned();
        shared.lock().callers.insert(key.to_owned(), Caller { name: role.clone(), arn, role: Some(role) });
    }
    xml(status, text)
}

/// moto has no simulation.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>
async fn simulate(shared: &Shared, query: &Query) -> Response<Body> {
    let source = query.get("PolicySourceArn").and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
    let policies = shared.inventory.policies(source).await;
    let mut keys = Keys::new();
    for n in 1.. {
        let entry = format!("ContextEntries.member.{n}");
        let Some(name) = query.get(&format!("{entry}.ContextKeyName")) else { break };
        let values: Vec<String> =
            query.list(&format!("{entry}.ContextKeyValues.member")).into_iter().map(str::to_owned).collect();
        let value = match (query.get(&format!("{entry}.ContextKeyType")), values.as_slice()) {
            (Some("boolean"), [one]) => Value::Flag(one == "true"),
            (Some("stringList"), _) => Value::Texts(values),
            (_, [one]) => Value::Text(one.clone()),
            _ => Value::Texts(values),
        };
        keys.insert(name.to_owned(), value);
    }
    let mut results = String::new();
    for action in query.list("ActionNames.member") {
        let resources = query.list("ResourceArns.member");
        for resource in if resources.is_empty() { vec!["*"] } else { resources } {
            let check = Check { action: action.to_owned(), resource: resource.to_owned(), keys: keys.clone() };
            let decision = if decide(&policies, &check).allowed_by.is_some() { "allowed" } else { "implicitDeny" };
            let _ = write!(
                results,
                "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>\
                 <EvalDecision>{decision}</EvalDecision></member>"
            );
        }
    }
    xml(
        200,
        format!(
            "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>\
             <EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult>\
             </SimulatePrincipalPolicyResponse>"
        ),
    )
}

async fn forward(shared: &Shared, headers: &HeaderMap, body: Bytes) -> (u16, String) {
    let body = shared.inventory.balancers().inward(String::from_utf8_lossy(&body).into_owned());
    let mut request = shared.http.post(format!("{}/", shared.inventory.endpoint)).body(body);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name.as_str(), value.as_bytes());
        }
    }
    let answer = request.send().await.expect("moto answers");
    (answer.status().as_u16(), answer.text().await.expect("moto's answer is text"))
}
