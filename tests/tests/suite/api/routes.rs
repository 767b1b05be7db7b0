//! The table of all routes: for whom each is, and a request that is good as far as form goes. It must hold exactly
//! what the document holds, so that no route is added without a word on who may call it.

use std::collections::BTreeSet;

use ringfence_api::ProblemCode;
use ringfence_pki::PrivateKey;
use serde_json::{Value, json};

use super::https::Https;
use super::world::World;

/// For whom a route is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Anybody, without credentials.
    Everybody,
    /// Anybody whom the daemon recognises.
    Recognised,
    /// The operator only.
    Operator,
    /// The operator, and data owners of the project in the path.
    DataOwner,
    /// The agent of the node in the path only.
    Agent,
}

/// A route with one of its methods.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) template: &'static str,
    pub(crate) is_for: For,
}

const fn route(is_for: For, method: &'static str, template: &'static str) -> Route {
    Route { method, template, is_for }
}

/// All of them; what deletes comes last, members before projects.
pub(crate) const ROUTES: &[Route] = &[
    route(For::Everybody, "GET", "/v1/health"),
    route(For::Everybody, "GET", "/v1/openapi.json"),
    route(For::Everybody, "GET", "/v1/ca-bundle"),
    route(For::Everybody, "GET", "/v1/crls/{issuer}/{shard}"),
    route(For::Everybody, "GET", "/v1/crls/{issuer}/{shard}/delta"),
    route(For::Everybody, "POST", "/v1/ocsp"),
    route(For::Everybody, "GET", "/v1/ocsp/{request}"),
    route(For::Everybody, "GET", "/v1/jwks"),
    route(For::Everybody, "GET", "/v1/audit/keys"),
    route(For::Operator, "GET", "/v1/audit/checkpoints"),
    route(For::Operator, "POST", "/v1/audit/checkpoints"),
    route(For::Everybody, "POST", "/v1/login/nonces"),
    route(For::Everybody, "POST", "/v1/login"),
    route(For::Everybody, "POST", "/v1/nodes/{node}/join"),
    route(For::Recognised, "GET", "/v1/whoami"),
    // Before the cluster is declared anew, without services.
    route(For::Agent, "POST", "/v1/nodes/{node}/services/{service}/tokens"),
    route(For::Operator, "POST", "/v1/nodes/{node}/services/{service}/certificates"),
    route(For::Operator, "GET", "/v1/cluster"),
    route(For::Operator, "PUT", "/v1/cluster"),
    route(For::Operator, "GET", "/v1/nodes"),
    route(For::Operator, "GET", "/v1/nodes/{node}"),
    route(For::Agent, "GET", "/v1/nodes/{node}/desired"),
    route(For::Agent, "POST", "/v1/nodes/{node}/certificates"),
    route(For::Agent, "PUT", "/v1/nodes/{node}/report"),
    route(For::Operator, "GET", "/v1/projects"),
    route(For::Operator, "PUT", "/v1/projects/{project}"),
    route(For::Operator, "GET", "/v1/projects/{project}"),
    route(For::DataOwner, "GET", "/v1/projects/{project}/members"),
    route(For::DataOwner, "PUT", "/v1/projects/{project}/members"),
    route(For::DataOwner, "PUT", "/v1/projects/{project}/members/{user}"),
    route(For::DataOwner, "GET", "/v1/projects/{project}/members/{user}"),
    route(For::Operator, "GET", "/v1/projects/{project}/members/{user}/credentials"),
    route(For::Operator, "POST", "/v1/projects/{project}/members/{user}/tokens"),
    route(For::Recognised, "POST", "/v1/tokens/introspect"),
    route(For::Operator, "DELETE", "/v1/tokens/{id}"),
    route(For::Operator, "PUT", "/v1/projects/{project}/members/{user}/jobs/{job}"),
    route(For::Operator, "GET", "/v1/projects/{project}/members/{user}/jobs/{job}"),
    route(For::Operator, "POST", "/v1/projects/{project}/members/{user}/jobs/{job}/certificates"),
    route(For::Operator, "DELETE", "/v1/projects/{project}/members/{user}/jobs/{job}"),
    route(For::Operator, "GET", "/v1/authorities"),
    route(For::Operator, "POST", "/v1/authorities/{domain}/rotate"),
    route(For::Operator, "POST", "/v1/authorities/import"),
    route(For::Operator, "POST", "/v1/authorities/bring"),
    route(For::Operator, "GET", "/v1/token-keys"),
    route(For::Operator, "POST", "/v1/token-keys/rotate"),
    route(For::Operator, "POST", "/v1/projects/{project}/members/{user}/certificates"),
    route(For::Operator, "GET", "/v1/certificates"),
    route(For::Operator, "POST", "/v1/crls/publish"),
    route(For::Operator, "GET", "/v1/sagas"),
    route(For::Operator, "GET", "/v1/tasks"),
    route(For::Operator, "GET", "/v1/audit"),
    // After what is for the agent, whose certificate this replaces.
    route(For::Operator, "POST", "/v1/nodes/{node}/rotate"),
    route(For::Operator, "GET", "/v1/nodes/{node}/rotation"),
    route(For::Operator, "GET", "/v1/master-key"),
    route(For::Operator, "POST", "/v1/master-key/rotate"),
    route(For::Operator, "PUT", "/v1/operator-key"),
    route(For::Operator, "DELETE", "/v1/certificates/{serial}"),
    route(For::DataOwner, "DELETE", "/v1/projects/{project}/members/{user}"),
    route(For::Operator, "DELETE", "/v1/projects/{project}"),
];

impl Route {
    /// A path of this route: project `fraud`, user `alice`, node `workers-0`, service `query`, a serial of nobody.
    pub(crate) fn path(&self) -> String {
        let path = self.template.replace("{project}", "fraud").replace("{user}", "alice").replace("{service}", "query");
        let path = path.replace("{serial}", "00000000000000000000000000000000").replace("{domain}", "projects");
        let path = path.replace("{job}", "nightly-1").replace("{id}", "00");
        path.replace("{node}", "workers-0").replace("{issuer}", "services-1").replace("{shard}", "0")
    }

    /// A body that is good as far as form goes; null for none.
    pub(crate) fn body(&self) -> Value {
        match (self.method, self.template) {
            ("POST", "/v1/login") => json!({ "nonce": "00", "signature": "AA==" }),
            ("POST", "/v1/nodes/{node}/join") => json!({ "ticket": "made up", "csr": csr() }),
            ("POST", "/v1/nodes/{node}/certificates") => json!({ "csr": csr() }),
            (
                "POST",
                "/v1/nodes/{node}/services/{service}/certificates"
                | "/v1/projects/{project}/members/{user}/certificates"
                | "/v1/projects/{project}/members/{user}/jobs/{job}/certificates",
            ) => json!({ "request": csr(), "lifetime": "5m" }),
            ("PUT", "/v1/nodes/{node}/report") => json!({ "generation": 0, "certificates": [], "fault": null }),
            ("PUT", "/v1/operator-key") => json!({ "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" }),
            ("PUT", "/v1/cluster") => json!({ "worker_groups": { "workers": { "count": 1 } } }),
            ("PUT", "/v1/projects/{project}") => json!({ "description": "by the table" }),
            ("PUT", "/v1/projects/{project}/members") => json!({ "members": { "alice": "data_owner" } }),
            ("PUT", "/v1/projects/{project}/members/{user}") => json!({ "role": "data_owner" }),
            ("POST", "/v1/projects/{project}/members/{user}/tokens") => json!({ "audience": "query" }),
            (
                "POST",
                "/v1/authorities/{domain}/rotate"
                | "/v1/authorities/import"
                | "/v1/authorities/bring"
                | "/v1/token-keys/rotate",
            ) => {
                json!({})
            }
            ("POST", "/v1/tokens/introspect") => json!({ "token": "made up" }),
            _ => Value::Null,
        }
    }

    /// Calls it.
    pub(crate) async fn call(&self, caller: &Https) -> super::https::Answer {
        caller.call(self.method, &self.path(), &self.body()).await
    }
}

/// A request for a certificate by a new key.
pub(crate) fn csr() -> String {
    PrivateKey::generate().unwrap().request("head.test.internal").unwrap()
}

/// Whether the document lists this status for the route.
pub(crate) fn lists(document: &Value, route: &Route, status: u16) -> bool {
    let operation = &document["paths"][route.template][route.method.to_lowercase()];
    operation["responses"].get(status.to_string()).is_some()
}

/// The document in `docs`.
pub(crate) fn committed() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_table_holds_exactly_the_routes_and_methods_of_the_document() {
    let document = committed();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "delete", "options", "head", "patch", "trace"] {
            if item.get(method).is_some() {
                documented.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    let tabled = ROUTES.iter().map(|route| (route.method.to_owned(), route.template.to_owned()));
    assert_eq!(tabled.collect::<BTreeSet<_>>(), documented);
    assert_eq!(ROUTES.len(), documented.len(), "a route stands twice in the table");
}

#[tokio::test]
async fn the_daemon_serves_the_committed_document() {
    let world = World::new().await;
    let served = world.public.get("/v1/openapi.json").await.served();
    assert!(served == committed(), "docs/openapi.json is not what the daemon serves: run `make docs`");
}

#[tokio::test]
async fn every_route_serves_its_callers() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let agent = world.holder(&world.held_by("workers-0", "node"));
    for route in ROUTES {
        let caller = match route.is_for {
            For::Everybody => &world.public,
            For::Recognised | For::Operator | For::DataOwner => &world.operator,
            For::Agent => &agent,
        };
        let answer = route.call(caller).await;
        match route.template {
            // What goes into these is a secret that the table has not; tests of their own send the right one.
            "/v1/login" => drop(answer.refused(ProblemCode::LoginRefused)),
            "/v1/nodes/{node}/join" => drop(answer.refused(ProblemCode::TicketRefused)),
            "/v1/certificates/{serial}" | "/v1/tokens/{id}" | "/v1/crls/{issuer}/{shard}/delta" => {
                drop(answer.refused(ProblemCode::NotFound));
            }
            "/v1/nodes/{node}/services/{service}/tokens" => drop(answer.refused(ProblemCode::Forbidden)),
            "/v1/ca-bundle" => {
                assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/x-pem-file"));
                assert_eq!(answer.text(), world.head.connection().ca_certificate);
            }
            "/v1/crls/{issuer}/{shard}" => {
                assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/pkix-crl"));
            }
            "/v1/ocsp" | "/v1/ocsp/{request}" => {
                assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/ocsp-response"));
            }
            _ => drop(answer.served()),
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_and_an_unknown_method_is_not_allowed() {
    let world = World::new().await;
    for path in ["/", "/v1", "/v1/", "/v2/health", "/v1/healthy", "/v1/health/", "/v1/projects/fraud/members/alice/key"]
    {
        for caller in [&world.public, &world.operator] {
            caller.get(path).await.refused(ProblemCode::NoSuchRoute);
        }
    }
    let mut paths: Vec<&Route> = ROUTES.iter().collect();
    paths.dedup_by_key(|route| route.template);
    for route in paths {
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"] {
            if !ROUTES.iter().any(|known| known.template == route.template && known.method == method) {
                let answer = world.public.call(method, &route.path(), &Value::Null).await;
                answer.refused(ProblemCode::MethodNotAllowed);
                // Which methods there are is said too (RFC 9110, section 15.5.6).
                let bare = world.public.request(method, &route.path()).send().await.unwrap();
                let allowed = bare.headers().get("allow").map_or("", |value| value.to_str().unwrap()).to_owned();
                assert!(allowed.split(',').any(|allowed| allowed == route.method), "{}: {allowed}", route.path());
            }
        }
    }
}
