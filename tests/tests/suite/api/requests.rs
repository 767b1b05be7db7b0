//! Invalid requests: each gets a problem with its code, and changes nothing.

use ringfence_api::ProblemCode::{self, BodyTooLarge, Forbidden, InvalidCsr, InvalidRequest, NotFound, UnknownField};
use serde_json::{Value, json};

use super::routes::{For, ROUTES, csr};
use super::world::World;

/// The largest body that is read.
const LIMIT: usize = 256 * 1024;

/// A JSON object that is exactly so long.
fn of_length(length: usize) -> String {
    let frame = r#"{"description":""}"#.len();
    format!(r#"{{"description":"{}"}}"#, "x".repeat(length - frame))
}

#[tokio::test]
async fn a_body_above_the_limit_is_too_large() {
    let world = World::new().await;
    // At the limit it is read, and found to have too long a description.
    world.operator.call_text("PUT", "/v1/projects/fraud", &of_length(LIMIT)).await.refused(InvalidRequest);
    for length in [LIMIT + 1, 4 * LIMIT, 40 * LIMIT] {
        for (caller, method, path) in [
            (&world.operator, "PUT", "/v1/projects/fraud"),
            (&world.operator, "PUT", "/v1/cluster"),
            (&world.public, "POST", "/v1/login"),
            (&world.public, "POST", "/v1/nodes/head/join"),
        ] {
            caller.call_text(method, path, &of_length(length)).await.refused(BodyTooLarge);
        }
    }
    world.operator.get("/v1/projects/fraud").await.refused(NotFound);
}

#[tokio::test]
async fn an_unknown_field_is_refused_at_any_depth() {
    let world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let agent = world.holder(&world.held_by("workers-0", "node"));
    for route in ROUTES.iter().filter(|route| !route.body().is_null()) {
        let mut body = route.body();
        body["surprise"] = json!(1);
        let caller = match route.is_for {
            For::Everybody => &world.public,
            For::Recognised | For::Operator | For::DataOwner => &world.operator,
            For::Agent => &agent,
        };
        let problem = caller.call(route.method, &route.path(), &body).await.refused(UnknownField);
        assert!(problem.detail.contains("surprise"), "{problem}");
    }
    let nested = [
        json!({ "authority": { "surprise": "1h" } }),
        json!({ "worker_groups": { "workers": { "count": 1, "surprise": 1 } } }),
        json!({ "services": { "query": { "user": "query", "surprise": 1 } } }),
        json!({ "services": { "query": { "user": "query", "reload": { "command": ["true"], "surprise": 1 } } } }),
    ];
    for body in nested {
        world.operator.call("PUT", "/v1/cluster", &body).await.refused(UnknownField);
    }
    for path in ["/v1/cluster?surprise=1", "/v1/audit?surprise=1", "/v1/certificates?after=1"] {
        world.operator.get(path).await.refused(UnknownField);
    }
}

#[tokio::test]
async fn what_is_not_json_or_of_the_wrong_type_is_invalid() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    for text in
        ["", "{", "nonsense", "null", "7", "[]", "\"text\"", "{\"description\":7}", "{\"description\":null}", "{}x"]
    {
        world.operator.call_text("PUT", "/v1/projects/fraud", text).await.refused(InvalidRequest);
    }
    let member = "/v1/projects/fraud/members/alice";
    for body in [
        json!({}),
        json!(["data_owner"]),
        json!({ "role": "admin" }),
        json!({ "role": "Data_Owner" }),
        json!({ "role": "" }),
        json!({ "role": null }),
        json!({ "role": ["data_owner"] }),
        json!({ "role": "unknown field" }),
        json!({ "role": "unknown field `role`" }),
    ] {
        world.operator.call("PUT", member, &body).await.refused(InvalidRequest);
    }
    let members = "/v1/projects/fraud/members";
    for body in [
        json!({}),
        json!({ "members": null }),
        json!({ "members": ["alice"] }),
        json!({ "members": { "alice": "king" } }),
        json!({ "members": { "Alice": "data_owner" } }),
        json!({ "members": { "alice__x": "data_owner" } }),
        json!({ "members": { "": "data_owner" } }),
    ] {
        world.operator.call("PUT", members, &body).await.refused(InvalidRequest);
    }
    // JSON that does not say that it is.
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = world.operator.request("PUT", "/v1/projects/fraud").header("content-type", kind).body("{}");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), InvalidRequest.status(), "{kind}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{kind}");
    }
    // A field given twice is not settled by chance.
    let twice = r#"{"role":"data_owner","role":"data_scientist"}"#;
    world.operator.call_text("PUT", member, twice).await.refused(InvalidRequest);
    for path in ["/v1/cluster?after=x", "/v1/cluster?after=", "/v1/audit?limit=0", "/v1/audit?limit=1001"] {
        world.operator.get(path).await.refused(InvalidRequest);
    }
    for path in ["/v1/certificates?limit=-1", "/v1/sagas?limit=many", "/v1/audit?limit=1&limit=2"] {
        world.operator.get(path).await.refused(InvalidRequest);
    }
}

#[tokio::test]
async fn a_name_that_breaks_its_rule_is_invalid() {
    let world = World::new().await;
    world.people("fraud", &[]).await;
    for name in [
        "f",
        "fraud__x",
        "_fraud",
        "fraud_",
        "2024",
        "hops",
        "HOPS",
        "default",
        "fraud-x",
        "a.b",
        "a%2fb",
        "%20",
        "%00",
        "fraud%0a",
        "fr%c3%a4ud",
        "abcdefghijklmnopqrstuvwxy",
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let path = format!("/v1/projects/{name}");
            let body = if method == "PUT" { json!({}) } else { Value::Null };
            world.operator.call(method, &path, &body).await.refused(InvalidRequest);
        }
    }
    for name in ["Alice", "alice__x", "_alice", "alice_", "a-b", "a%20b", "%c3%a4", "abcdefghijklmnopqrstuvwxyz0123456"]
    {
        let path = format!("/v1/projects/fraud/members/{name}");
        world.operator.call("PUT", &path, &json!({ "role": "data_owner" })).await.refused(InvalidRequest);
        world.operator.get(&format!("{path}/credentials")).await.refused(InvalidRequest);
    }
    for name in ["workers", "workers-", "workers-01", "head-0", "Workers-0", "workers--1", "workers-10000"] {
        world.operator.get(&format!("/v1/nodes/{name}")).await.refused(InvalidRequest);
        let body = json!({ "ticket": "made up", "csr": csr() });
        world.public.call("POST", &format!("/v1/nodes/{name}/join"), &body).await.refused(InvalidRequest);
    }
}

#[tokio::test]
async fn a_nul_character_is_invalid_wherever_it_stands() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    for path in ["/v1/tokens/%00", "/v1/certificates/%00", "/v1/crls/a%00/0", "/v1/projects/%00"] {
        let problem = world.operator.get(path).await.refused(InvalidRequest);
        assert!(problem.detail.contains("NUL"), "{problem}");
    }
    world.operator.call("PUT", "/v1/projects/fraud", &json!({ "description": "a\0b" })).await.refused(InvalidRequest);
    world.operator.call("POST", "/v1/tokens/introspect", &json!({ "token": "\0" })).await.refused(InvalidRequest);
    // What only looks like one is text.
    let text = json!({ "description": r"a\u0000b" });
    world.operator.call("PUT", "/v1/projects/fraud", &text).await.served();
    let project = world.operator.get("/v1/projects/fraud").await.served();
    assert_eq!(project["description"], text["description"]);
}

#[tokio::test]
async fn a_path_that_is_not_utf8_is_refused_with_a_problem_too() {
    let world = World::new().await;
    for path in ["/v1/projects/%ff", "/v1/projects/fraud/members/%ff", "/v1/nodes/%ff"] {
        world.operator.get(path).await.refused(InvalidRequest);
    }
    world.public.get("/v1/crls/%ff/0").await.refused(InvalidRequest);
}

#[tokio::test]
async fn a_declaration_that_contradicts_itself_is_invalid() {
    let world = World::new().await;
    let service = |more: Value| {
        let mut service = json!({ "user": "query" });
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "services": { "query": service } })
    };
    let before = world.client.cluster().await.unwrap();
    for body in [
        json!({ "worker_groups": { "workers": { "count": 1001 } } }),
        json!({ "worker_groups": { "workers": { "count": -1 } } }),
        json!({ "worker_groups": { "workers": { "count": 1.5 } } }),
        json!({ "worker_groups": { "head": { "count": 1 } } }),
        json!({ "worker_groups": { "Workers": { "count": 1 } } }),
        json!({ "services": { "a/b": { "user": "query" } } }),
        json!({ "services": { "unknown field": { "user": "query" } } }),
        service(json!({ "user": "0query" })),
        service(json!({ "node_groups": ["nowhere"] })),
        service(json!({ "dns_names": ["*.internal"] })),
        service(json!({ "dns_names": ["Upper.internal"] })),
        service(json!({ "dns_names": [ringfence_api::API_NAME] })),
        service(json!({ "ip_addresses": ["127.0.0.256"] })),
        service(json!({ "reload": { "command": [] } })),
        service(json!({ "reload": { "command": ["true"], "timeout": "0s" } })),
        json!({ "authority": { "crl_lifetime": "14s" } }),
        json!({ "authority": { "node_certificate_lifetime": "367d" } }),
        json!({ "authority": { "service_certificate_lifetime": "soon" } }),
        json!({ "authority": { "project_user_certificate_lifetime": 3600 } }),
    ] {
        world.operator.call("PUT", "/v1/cluster", &body).await.refused(InvalidRequest);
    }
    assert_eq!(world.client.cluster().await.unwrap(), before);
}

/// A request for a certificate whose name was changed after it was signed. The body is base64, and `head` in the
/// name is aligned with nothing, so a letter of the encoded name is exchanged.
fn tampered() -> String {
    let pem = csr();
    let lines: Vec<&str> = pem.lines().collect();
    let body: String = lines[1..lines.len() - 1].concat();
    // The signature is at the end, the structure at the beginning; the name lies between.
    let at = 48;
    let letter = if &body[at..=at] == "A" { "B" } else { "A" };
    let body = format!("{}{letter}{}", &body[..at], &body[at + 1..]);
    format!("{}\n{body}\n{}\n", lines[0], lines[lines.len() - 1])
}

#[tokio::test]
async fn a_csr_without_a_valid_signature_is_refused() {
    let world = World::with_nodes().await;
    let agent = world.holder(&world.held_by("workers-0", "node"));
    let path = "/v1/nodes/workers-0/certificates";
    let certificate = world.held_by("workers-0", "node").chain;
    let cut = csr().lines().take(3).collect::<Vec<_>>().join("\n");
    let issued = world.operator.get("/v1/certificates?limit=1000").await.served().as_array().unwrap().len();
    for csr in ["", "garbage", &cut, &certificate, &tampered()] {
        for service in [Value::Null, json!("query")] {
            agent.call("POST", path, &json!({ "service": service, "csr": csr })).await.refused(InvalidCsr);
        }
    }
    let now = world.operator.get("/v1/certificates?limit=1000").await.served().as_array().unwrap().len();
    assert_eq!(now, issued, "nothing was issued");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let role = json!({ "role": "data_owner" });
    for (method, path, body) in [
        ("GET", "/v1/projects/churn", &Value::Null),
        ("DELETE", "/v1/projects/churn", &Value::Null),
        ("GET", "/v1/projects/churn/members", &Value::Null),
        ("PUT", "/v1/projects/churn/members", &json!({ "members": {} })),
        ("PUT", "/v1/projects/churn/members/alice", &role),
        ("GET", "/v1/projects/churn/members/alice", &Value::Null),
        ("DELETE", "/v1/projects/churn/members/alice", &Value::Null),
        ("GET", "/v1/projects/churn/members/alice/credentials", &Value::Null),
        ("GET", "/v1/projects/fraud/members/bob", &Value::Null),
        ("DELETE", "/v1/projects/fraud/members/bob", &Value::Null),
        ("GET", "/v1/projects/fraud/members/bob/credentials", &Value::Null),
        ("GET", "/v1/nodes/workers-0", &Value::Null),
        // A name is exact: only in making one are names that differ in case the same.
        ("GET", "/v1/projects/FRAUD", &Value::Null),
        ("DELETE", "/v1/projects/FRAUD", &Value::Null),
        ("PUT", "/v1/projects/FRAUD/members/bob", &role),
    ] {
        world.operator.call(method, path, body).await.refused(NotFound);
    }
    world.operator.get("/v1/projects/fraud/members/alice").await.served();
}

#[tokio::test]
async fn a_problem_repeats_what_was_sent_only_in_part() {
    let world = World::new().await;
    let (long, spaced) = ("x".repeat(5_000), "x y ".repeat(2_000));
    for (method, path, body) in [
        ("PUT", "/v1/cluster".to_owned(), json!({ (long.clone()): 1 })),
        ("PUT", "/v1/cluster".to_owned(), json!({ "worker_groups": { "workers": { "count": spaced } } })),
        (
            "PUT",
            "/v1/cluster".to_owned(),
            json!({ "services": { "query": { "user": "query", "node_groups": [long.clone()] } } }),
        ),
        ("DELETE", format!("/v1/certificates/{long}"), Value::Null),
        ("GET", format!("/v1/cluster?{long}=1"), Value::Null),
    ] {
        let answer = world.operator.call(method, &path, &body).await;
        let problem: ringfence_api::Problem = serde_json::from_slice(&answer.bytes).unwrap();
        let detail = problem.detail;
        assert!(detail.contains('…') && !detail.contains(&"x".repeat(201)), "{detail}");
        assert!(detail.chars().count() < 700, "{detail}");
    }
}

#[tokio::test]
async fn an_unauthorized_caller_is_refused_before_the_body_is_read() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let alice = world.member("fraud", "alice").await;
    for text in ["nonsense", "{\"surprise\":1}"] {
        world.public.call_text("PUT", "/v1/projects/x", text).await.refused(ProblemCode::Unauthenticated);
        alice.call_text("PUT", "/v1/projects/x", text).await.refused(Forbidden);
    }
}

#[tokio::test]
async fn curl_receives_the_refusal_of_a_request_with_a_body() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ca.pem"), world.head.connection().ca_certificate).unwrap();
    // Of a longer body the daemon does not read the rest, and curl before 8 reports that instead of the refusal.
    std::fs::write(directory.path().join("body"), json!({ "token": "x".repeat(60_000) }).to_string()).unwrap();
    let endpoint = world.head.connection().endpoint;
    for (path, expected) in [("/v1/tokens/introspect", "401"), ("/v1/nowhere", "404")] {
        for _ in 0..20 {
            let url = format!("{endpoint}{path}");
            let arguments = ["-s", "-S", "--cacert", "ca.pem", "--http2", "-o", "answer", "-w", "%{http_code}"];
            let json = ["-H", "content-type: application/json", "--data-binary", "@body", &url];
            let output = std::process::Command::new("curl")
                .args(arguments)
                .args(json)
                .current_dir(directory.path())
                .output()
                .expect("curl is missing: run `make test`, which installs it");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(said, expected, "{path}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[tokio::test]
async fn nothing_that_may_hold_a_secret_is_stored_by_caches() {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    for (method, path, status) in [
        ("GET", "/v1/projects/fraud/members/alice/credentials", 200),
        ("GET", "/v1/projects/fraud", 200),
        ("POST", "/v1/login/nonces", 200),
        ("GET", "/v1/nowhere", 404),
    ] {
        let answer = world.operator.request(method, path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{method} {path}");
    }
    // Public documents say themselves how long they may be kept.
    let keys = world.public.request("GET", "/v1/jwks").send().await.unwrap();
    assert!(keys.headers()["cache-control"].to_str().unwrap().contains("max-age"), "{keys:?}");
}
