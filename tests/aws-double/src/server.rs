//! The proxy itself.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, header};
use percent_encoding::percent_decode_str;

use crate::answer::{error, refused, xml};
use crate::checks::{Check, Value, checks};
use crate::decide::{Decision, Keys, assume, decide};
use crate::fault::{Fault, Faults};
use crate::moto::Moto;
use crate::query::Query;
use crate::record::Call;
use crate::{ACCOUNT, ADMINISTRATOR};

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
    /// Launches by token, zone aside: what was asked and answered.
    launches: HashMap<String, (BTreeMap<String, String>, String)>,
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
        let moto = Moto::start(environment).await;
        let http = reqwest::Client::new();
        let inventory = Inventory { http: http.clone(), endpoint: moto.endpoint().to_owned() };
        let shared = Arc::new(Shared { inventory, http, state: Mutex::default() });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().fallback(handle).with_state(shared.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
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

async fn handle(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
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
        status: None,
    };
    let answer = answer(&shared, &query, caller.as_ref(), &mut call, &headers, body).await;
    call.status = answer.as_ref().map(|answer| answer.status().as_u16());
    shared.lock().calls.push(call);
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
    match fault {
        Some(Fault::Fail) => {
            return Some(error(&query.service, 500, "InternalError", "An internal error has occurred."));
        }
        Some(Fault::Throttle) => {
            let code = if query.service == "ec2" { "RequestLimitExceeded" } else { "Throttling" };
            let status = if query.service == "ec2" { 503 } else { 400 };
            return Some(error(&query.service, status, code, "Rate exceeded"));
        }
        Some(Fault::LoseAnswer) | None => {}
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
    if let Some(unknown) = unknown_principal(shared, query) {
        return Some(unknown);
    }
    if let Some(answer) = launched_before(shared, query) {
        return Some(answer);
    }
    let answer = forward(shared, headers, body).await;
    if fault == Some(Fault::LoseAnswer) {
        return None;
    }
    if query.action == "RunInstances"
        && let (Some(token), 200) = (query.get("ClientToken"), answer.0)
    {
        shared.lock().launches.insert(token.to_owned(), (query.params.clone(), answer.1.clone()));
    }
    Some(xml(answer.0, answer.1))
}

/// moto ignores tokens: the same one with the same parameters is the same launch, with others it is a mistake.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>
fn launched_before(shared: &Shared, query: &Query) -> Option<Response<Body>> {
    let token = query.get("ClientToken").filter(|_| query.action == "RunInstances")?;
    let inner = shared.lock();
    let (params, answer) = inner.launches.get(token)?;
    Some(if *params == query.params {
        xml(200, answer.clone())
    } else {
        error("ec2", 400, "IdempotentParameterMismatch", "The client token was used with other parameters.")
    })
}

/// A principal that was just made is unknown to IAM for a while.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
fn unknown_principal(shared: &Shared, query: &Query) -> Option<Response<Body>> {
    let names_one = ["AssumeRolePolicyDocument", "PolicyDocument"].iter().find_map(|name| query.get(name));
    let names_one = names_one.filter(|document| document.contains("sts:AssumeRole"))?;
    let mut inner = shared.lock();
    if inner.faults.unknown_principal == 0 {
        return None;
    }
    inner.faults.unknown_principal -= 1;
    let document: serde_json::Value = serde_json::from_str(names_one).ok()?;
    let principal = document["Statement"][0]["Principal"].to_string();
    Some(error("iam", 400, "MalformedPolicyDocument", &format!("Invalid principal in policy: {principal}")))
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
    let allowed = trust.is_some_and(|trust| assume(&trust, &arn, query.get("ExternalId")));
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
             <EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        ),
    )
}

async fn forward(shared: &Shared, headers: &HeaderMap, body: Bytes) -> (u16, String) {
    let mut request = shared.http.post(format!("{}/", shared.inventory.endpoint)).body(body);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name.as_str(), value.as_bytes());
        }
    }
    let answer = request.send().await.expect("moto answers");
    (answer.status().as_u16(), answer.text().await.expect("moto's answer is text"))
}

/// What is in moto, as the administrator sees it.
pub(crate) struct Inventory {
    http: reqwest::Client,
    endpoint: String,
}

/// What is known of a resource.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) vpc: Option<String>,
    pub(crate) instance_profile: Option<String>,
    pub(crate) owner: Option<String>,
}

impl Inventory {
    async fn ask(&self, service: &str, region: &str, form: &[(&str, &str)]) -> String {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ADMINISTRATOR}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, \
             Signature=0"
        );
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let request = self.http.post(format!("{}/", self.endpoint)).header("authorization", authorization);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
        request.send().await.expect("moto answers").text().await.expect("moto's answer is text")
    }

    /// A resource of EC2. One that is not there has nothing.
    pub(crate) async fn find(&self, kind: &str, id: &str, region: &str) -> Found {
        let (action, parameter) = match kind {
            "instance" => ("DescribeInstances", "InstanceId.1"),
            "volume" => ("DescribeVolumes", "VolumeId.1"),
            "snapshot" => ("DescribeSnapshots", "SnapshotId.1"),
            "image" => ("DescribeImages", "ImageId.1"),
            "network-interface" => ("DescribeNetworkInterfaces", "NetworkInterfaceId.1"),
            "security-group" => ("DescribeSecurityGroups", "GroupId.1"),
            "subnet" => ("DescribeSubnets", "SubnetId.1"),
            "vpc" => ("DescribeVpcs", "VpcId.1"),
            _ => return Found::default(),
        };
        let text = self.ask("ec2", region, &[("Action", action), ("Version", "2016-11-15"), (parameter, id)]).await;
        let Ok(document) = roxmltree::Document::parse(&text) else { return Found::default() };
        let text_of = |name: &str| {
            let mut all = document.descendants().filter(|node| node.has_tag_name(node_name(&document, name)));
            all.find_map(|node| node.text()).map(str::to_owned)
        };
        let mut found = Found {
            vpc: text_of("vpcId").filter(|_| kind != "vpc"),
            owner: text_of("imageOwnerId").filter(|_| kind == "image"),
            ..Found::default()
        };
        for node in document.descendants() {
            match node.tag_name().name() {
                "tagSet" => {
                    for item in node.children() {
                        let child = |name: &str| {
                            let mut all = item.children().filter(|child| child.tag_name().name() == name);
                            all.find_map(|child| child.text()).unwrap_or_default().to_owned()
                        };
                        let key = child("key");
                        if !key.is_empty() {
                            found.tags.insert(key, child("value"));
                        }
                    }
                }
                "iamInstanceProfile" => {
                    let mut arns = node.children().filter(|child| child.tag_name().name() == "arn");
                    found.instance_profile = arns.find_map(|arn| arn.text()).map(str::to_owned);
                }
                _ => {}
            }
        }
        found
    }

    /// The policies of a role, in JSON.
    pub(crate) async fn policies(&self, role: &str) -> Vec<String> {
        let version = ("Version", "2010-05-08");
        let names = self.ask("iam", "us-east-1", &[("Action", "ListRolePolicies"), version, ("RoleName", role)]).await;
        let mut policies = Vec::new();
        for name in all_between(&names, "<member>", "</member>") {
            let form = [("Action", "GetRolePolicy"), version, ("RoleName", role), ("PolicyName", name)];
            let answer = self.ask("iam", "us-east-1", &form).await;
            policies.extend(between(&answer, "<PolicyDocument>", "</PolicyDocument>").map(decoded));
        }
        policies
    }

    /// The trust policy of a role.
    pub(crate) async fn trust(&self, role: &str) -> Option<String> {
        let form = [("Action", "GetRole"), ("Version", "2010-05-08"), ("RoleName", role)];
        let answer = self.ask("iam", "us-east-1", &form).await;
        between(&answer, "<AssumeRolePolicyDocument>", "</AssumeRolePolicyDocument>").map(decoded)
    }

    async fn profile(&self, name: &str) -> Option<(String, String)> {
        let form = [("Action", "GetInstanceProfile"), ("Version", "2010-05-08"), ("InstanceProfileName", name)];
        let answer = self.ask("iam", "us-east-1", &form).await;
        let arns: Vec<&str> = all_between(&answer, "<Arn>", "</Arn>").collect();
        let of = |kind: &str| arns.iter().find(|arn| arn.contains(kind)).map(|arn| (*arn).to_owned());
        Some((of(":instance-profile/")?, of(":role/").unwrap_or_default()))
    }

    /// The ARN of an instance profile of this name, whether it is there or not.
    pub(crate) async fn profile_arn(&self, name: &str) -> String {
        let there = self.profile(name).await.map(|(arn, _)| arn);
        there.unwrap_or_else(|| format!("arn:aws:iam::{ACCOUNT}:instance-profile/{name}"))
    }

    /// The instance profile of a launch, and the role in it.
    pub(crate) async fn instance_profile(&self, query: &Query) -> Option<(String, String)> {
        let by_arn = query.get("IamInstanceProfile.Arn").and_then(|arn| arn.rsplit('/').next());
        self.profile(query.get("IamInstanceProfile.Name").or(by_arn)?).await
    }
}

/// A name in the document's own namespace.
fn node_name<'a>(document: &'a roxmltree::Document<'_>, name: &'a str) -> roxmltree::ExpandedName<'a, 'a> {
    match document.root_element().tag_name().namespace() {
        Some(namespace) => (namespace, name).into(),
        None => name.into(),
    }
}

fn decoded(text: &str) -> String {
    // moto writes documents percent-encoded, as IAM does, or as XML.
    let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
    text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

fn all_between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| Some(rest.split_once(end)?.0))
}
