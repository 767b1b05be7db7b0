//! Tokens, as somebody sees them who verifies with a library of his own and knows nothing but the JWKS: each verifies
//! for as long as it lives, whatever happens to the keys, and nobody gets one who should not.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use ringfence_api::cluster::{AuthoritySettings, KeyAlgorithm};
use ringfence_api::token::{IssuedToken, PostToken, TokenKeyState};
use ringfence_api::{Audience, Clock as _, Lifetime, ProblemCode, SystemClock};
use ringfence_tests::eventually;
use ringfence_tests::sandbox::python_program;
use serde_json::{Value, json};

use super::https::Https;
use super::world::{SOON, World, project, user};
use crate::nodes::declared;

const TOKENS: &str = "/v1/projects/fraud/members/alice/tokens";
const JWKS: &str = "/v1/jwks";
const KEYS: &str = "/v1/token-keys";
const ROTATE: &str = "/v1/token-keys/rotate";

/// A cluster with alice, a data scientist in fraud.
pub(super) async fn with_alice() -> World {
    let world = World::new().await;
    world.people("fraud", &["alice"]).await;
    world
}

/// A token of alice for the audience `query`.
pub(super) async fn issued(world: &World) -> IssuedToken {
    let post = PostToken { audience: Audience::parse("query").unwrap(), lifetime: None, job: None, one_time: false };
    world.client.issue_token(&project("fraud"), &user("alice"), &post).await.unwrap()
}

pub(super) async fn jwks(public: &Https) -> JwkSet {
    serde_json::from_value(public.get(JWKS).await.served()).unwrap()
}

fn kids(jwks: &JwkSet) -> BTreeSet<String> {
    jwks.keys.iter().map(|key| key.common.key_id.clone().unwrap()).collect()
}

/// What a verifier of this audience takes from a token, or why it takes none.
pub(super) fn verified(token: &str, jwks: &JwkSet, audience: &str) -> Result<Value, String> {
    let kid = decode_header(token).unwrap().kid.unwrap();
    let key = jwks.find(&kid).ok_or_else(|| format!("key {kid} is not published"))?;
    let mut validation = Validation::new(key.common.key_algorithm.unwrap().to_string().parse::<Algorithm>().unwrap());
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp", "nbf"]);
    validation.validate_nbf = true;
    validation.leeway = 0;
    let decoded = decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation);
    decoded.map(|data| data.claims).map_err(|error| error.to_string())
}

/// The keys by state, newest first.
async fn in_state(world: &World, state: TokenKeyState) -> Vec<String> {
    let keys = world.client.token_keys().await.unwrap();
    keys.into_iter().filter(|key| key.state == state).map(|key| key.kid).collect()
}

#[tokio::test]
async fn a_token_verifies_against_the_jwks_and_names_its_subject_and_audience() {
    let world = with_alice().await;
    let before = SystemClock.now().as_second();
    let token = issued(&world).await;
    let after = SystemClock.now().as_second();
    let jwks = jwks(&world.public).await;
    let claims = verified(&token.token, &jwks, "query").unwrap();
    let expected = json!({
        "iss": format!("urn:ringfence:{}", world.head.connection().cluster_id),
        "sub": "fraud__alice",
        "aud": "query",
        "iat": claims["iat"],
        "nbf": claims["nbf"],
        "exp": token.expires_at.as_second(),
        "jti": token.id,
        "project": "fraud",
        "user": "alice",
        "roles": ["data_scientist"],
    });
    assert_eq!(claims, expected);
    let at = |claim: &str| claims[claim].as_i64().unwrap();
    assert!((before..=after).contains(&at("iat")) && at("nbf") <= at("iat"), "{claims}");
    assert_eq!(at("exp") - at("iat"), 3_600, "an hour unless declared otherwise");
    assert!(token.id.len() == 32 && token.id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{}", token.id);
    assert_ne!(issued(&world).await.id, token.id);
    let header = decode_header(&token.token).unwrap();
    assert_eq!((header.kid, header.typ.as_deref(), header.jwk), (Some(token.kid), Some("JWT"), None));
    assert!(verified(&token.token, &jwks, "another").is_err(), "a token is for its audience alone");
    let (rest, last) = token.token.split_at(token.token.len() - 4);
    let forged = format!("{rest}{}", if last == "AAAA" { "BBBB" } else { "AAAA" });
    assert!(verified(&forged, &jwks, "query").is_err());
}

#[tokio::test]
async fn the_jwks_holds_public_keys_named_by_thumbprint_and_may_be_cached() {
    let world = World::new().await;
    let answer = world.public.get(JWKS).await.served();
    let keys = answer["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "one signs, one is ahead: {answer}");
    for key in keys {
        let fields: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(["kid", "kty", "crv", "x", "y", "alg", "use"]), "no more than that");
        let fixed = [&key["kty"], &key["crv"], &key["alg"], &key["use"]];
        assert_eq!(fixed, ["EC", "P-256", "ES256", "sig"]);
    }
    for key in jwks(&world.public).await.keys {
        assert_eq!(key.common.key_id, key.thumbprint(ThumbprintHash::SHA256).ok());
    }
    let bare = world.public.request("GET", JWKS).send().await.unwrap();
    assert_eq!(bare.headers()["cache-control"], "public, max-age=300");
    let typed = world.client.jwks().await.unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), answer);
}

#[tokio::test]
async fn a_rotation_activates_the_published_key_and_older_tokens_stay_valid() {
    let world = with_alice().await;
    let before = jwks(&world.public).await;
    let (active, prepared) =
        (in_state(&world, TokenKeyState::Active).await, in_state(&world, TokenKeyState::Prepared).await);
    assert_eq!((active.len(), prepared.len()), (1, 1));
    let old = issued(&world).await;
    assert_eq!(old.kid, active[0]);
    let answer = world.client.rotate_token_keys().await.unwrap();
    assert_eq!(answer, world.client.token_keys().await.unwrap());
    let states: Vec<TokenKeyState> = answer.iter().map(|key| key.state).collect();
    assert_eq!(states, [TokenKeyState::Prepared, TokenKeyState::Active, TokenKeyState::Retired]);
    assert_eq!((&answer[1].kid, &answer[2].kid), (&prepared[0], &active[0]));
    assert_eq!(answer[1].activated_at, answer[2].retired_at);
    assert!(answer[0].activated_at.is_none() && answer[1].retired_at.is_none(), "{answer:?}");
    let new = issued(&world).await;
    assert_eq!(new.kid, prepared[0]);
    assert!(kids(&before).contains(&new.kid), "verifiers knew the key before");
    verified(&new.token, &before, "query").unwrap();
    let after = jwks(&world.public).await;
    for token in [&old, &new] {
        verified(&token.token, &after, "query").unwrap();
    }
    assert_eq!(kids(&after), answer.iter().map(|key| key.kid.clone()).collect());
    let rows = world.audit().await;
    let rotations: Vec<_> = rows.iter().filter(|row| row.action == "rotate_token_keys").collect();
    let actors: Vec<&str> = rotations.iter().map(|row| row.actor.as_str()).collect();
    assert_eq!(actors, ["daemon/rotate_token_keys", "operator"]);
    assert_eq!(rotations[1].outcome, format!("{} retired, {} active, {} prepared", old.kid, new.kid, answer[0].kid));
}

#[tokio::test]
async fn a_retired_key_is_published_exactly_until_its_last_token_has_expired() {
    let world = with_alice().await;
    let settings = AuthoritySettings { token_lifetime: Lifetime::from_secs(15), ..AuthoritySettings::default() };
    world.declare(&declared(0, settings)).await;
    let unused = world.client.rotate_token_keys().await.unwrap()[2].kid.clone();
    let token = issued(&world).await;
    // What is declared afterwards does not shorten the life of what is there.
    let settings = AuthoritySettings { token_lifetime: Lifetime::from_secs(16), ..settings };
    world.declare(&declared(0, settings)).await;
    world.client.rotate_token_keys().await.unwrap();
    eventually("the key is published no more", SOON + SOON, async || {
        let asked = SystemClock.now();
        let jwks = jwks(&world.public).await;
        if asked < token.expires_at {
            let taken = verified(&token.token, &jwks, "query");
            assert!(taken.is_ok() || SystemClock.now() >= token.expires_at, "{taken:?}");
        }
        if kids(&jwks).contains(&token.kid) { Err(format!("{} is there", token.kid)) } else { Ok(()) }
    })
    .await;
    assert!(SystemClock.now() >= token.expires_at);
    let gone = in_state(&world, TokenKeyState::Gone).await;
    assert!(gone.contains(&token.kid), "{gone:?}");
    assert!(gone.contains(&unused), "a key that signed nothing is of no use either: {gone:?}");
    assert_eq!(jwks(&world.public).await.keys.len(), 2);
    verified(&issued(&world).await.token, &jwks(&world.public).await, "query").unwrap();
}

#[tokio::test]
async fn the_lifetime_of_a_token_is_as_requested_and_at_most_as_declared() {
    let world = with_alice().await;
    let settings = AuthoritySettings { token_lifetime: Lifetime::from_secs(600), ..AuthoritySettings::default() };
    world.declare(&declared(0, settings)).await;
    let ask = async |lifetime: Value| {
        world.operator.call("POST", TOKENS, &json!({ "audience": "query", "lifetime": lifetime })).await
    };
    let set = jwks(&world.public).await;
    for (asked, seconds) in [(json!("30s"), 30), (json!("10m"), 600), (Value::Null, 600)] {
        let token = ask(asked).await.served();
        let claims = verified(token["token"].as_str().unwrap(), &set, "query").unwrap();
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), seconds);
    }
    let before = world.done_by_operator().await;
    for asked in ["601s", "1h", "365d"] {
        let problem = ask(json!(asked)).await.refused(ProblemCode::InvalidRequest);
        assert!(problem.detail.contains("token_lifetime, 10m"), "{problem}");
    }
    for asked in [json!("0s"), json!("-1s"), json!("soon"), json!(30)] {
        ask(asked).await.refused(ProblemCode::InvalidRequest);
    }
    assert_eq!(world.done_by_operator().await, before);
}

#[tokio::test]
async fn an_audience_is_visible_ascii_and_must_be_given() {
    let world = with_alice().await;
    let ask = async |body: Value| world.operator.call("POST", TOKENS, &body).await;
    let set = jwks(&world.public).await;
    for audience in ["q", "https://query.example:8443/", "\"{}\\", &"a".repeat(200)] {
        let token = ask(json!({ "audience": audience })).await.served();
        verified(token["token"].as_str().unwrap(), &set, audience).unwrap();
    }
    for audience in ["", " ", "a b", "a\n", "\u{0}", "ä", &"a".repeat(201)] {
        ask(json!({ "audience": audience })).await.refused(ProblemCode::InvalidRequest);
    }
    for body in [json!({}), json!({ "audience": null }), json!({ "audience": ["query"] }), json!(["query"])] {
        ask(body).await.refused(ProblemCode::InvalidRequest);
    }
}

#[tokio::test]
async fn only_members_get_tokens_and_with_their_current_role() {
    let world = with_alice().await;
    let body = json!({ "audience": "query" });
    let ask = async |of: &str, who: &str| {
        world.operator.call("POST", &format!("/v1/projects/{of}/members/{who}/tokens"), &body).await
    };
    ask("fraud", "bob").await.refused(ProblemCode::NotFound);
    ask("churn", "alice").await.refused(ProblemCode::NotFound);
    ask("fraud", "Alice").await.refused(ProblemCode::InvalidRequest);
    let put = json!({ "role": "data_owner" });
    world.operator.call("PUT", "/v1/projects/fraud/members/alice", &put).await.served();
    let token = ask("fraud", "alice").await.served();
    let claims = verified(token["token"].as_str().unwrap(), &jwks(&world.public).await, "query").unwrap();
    assert_eq!(claims["roles"], json!(["data_owner"]));
    world.client.delete_member(&project("fraud"), &user("alice")).await.unwrap();
    ask("fraud", "alice").await.refused(ProblemCode::NotFound);
}

#[tokio::test]
async fn the_daemon_does_not_accept_a_token_as_credential() {
    let world = with_alice().await;
    let token = issued(&world).await.token;
    let caller = Https::public(&world.head.connection()).with_session(&token);
    caller.get("/v1/whoami").await.refused(ProblemCode::SessionInvalid);
}

#[tokio::test]
async fn keys_and_what_was_issued_survive_a_kill() {
    let mut world = with_alice().await;
    world.client.rotate_token_keys().await.unwrap();
    let before = issued(&world).await;
    let keys = world.client.token_keys().await.unwrap();
    world.head.kill().await;
    world.head.restart(&[]).await;
    let live = |keys: &[ringfence_api::token::TokenKey]| {
        let live = keys.iter().filter(|key| matches!(key.state, TokenKeyState::Active | TokenKeyState::Prepared));
        live.map(|key| (key.kid.clone(), key.state)).collect::<Vec<_>>()
    };
    assert_eq!(live(&world.client.token_keys().await.unwrap()), live(&keys));
    let after = issued(&world).await;
    assert_eq!(after.kid, before.kid);
    let set = jwks(&Https::public(&world.head.connection())).await;
    for token in [&before, &after] {
        verified(&token.token, &set, "query").unwrap();
        let rows = world.audit().await;
        let row = rows.iter().find(|row| row.outcome.contains(&token.id)).unwrap();
        assert_eq!((row.action.as_str(), row.object.as_str()), ("issue_token", "fraud__alice"));
        assert!(!row.outcome.contains(&token.token), "{row:?}");
    }
}

#[tokio::test]
async fn concurrent_requests_and_rotations_give_tokens_that_verify() {
    let world = with_alice().await;
    let all: Vec<_> = (0..24)
        .map(|index| {
            let operator = world.operator.clone();
            tokio::spawn(async move {
                if index % 4 == 0 {
                    operator.call("POST", ROTATE, &json!({})).await.served();
                    return None;
                }
                let token = operator.call("POST", TOKENS, &json!({ "audience": "query" })).await.served();
                Some(token["token"].as_str().unwrap().to_owned())
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for one in all {
        tokens.extend(one.await.unwrap());
    }
    let set = jwks(&world.public).await;
    for token in &tokens {
        verified(token, &set, "query").unwrap();
    }
    assert_eq!(tokens.len(), 18);
    let keys = world.operator.get(KEYS).await.served();
    let count = |state: &str| keys.as_array().unwrap().iter().filter(|key| key["state"] == state).count();
    assert_eq!((count("active"), count("prepared")), (1, 1), "{keys}");
}

/// Verifies one token a line with `PyJWT`, which fetches the JWKS once and keeps it for minutes, and answers each line
/// with the subject or with why it takes none.
const PYJWT: &str = r#"
import ssl, sys, jwt
endpoint, ca, issuer = sys.argv[1:]
keys = jwt.PyJWKClient(endpoint + "/v1/jwks", ssl_context=ssl.create_default_context(cafile=ca))
for line in sys.stdin:
    token = line.strip()
    try:
        key = keys.get_signing_key_from_jwt(token)
        options = {"require": ["iss", "sub", "aud", "exp", "nbf", "jti"]}
        algorithms = ["ES256", "EdDSA"]
        claims = jwt.decode(token, key, algorithms=algorithms, audience="query", issuer=issuer, options=options)
        print(claims["sub"], flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"#;

/// A service that verifies with `PyJWT`.
struct PyJwt {
    process: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl PyJwt {
    fn start(world: &World) -> Self {
        let connection = world.head.connection();
        let mut process = Command::new(python_program("python"))
            .args(["-c", PYJWT, &connection.endpoint])
            .arg(world.head.directory().join("head/ca.pem"))
            .arg(format!("urn:ringfence:{}", connection.cluster_id))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, answers }
    }

    fn verdict(&mut self, token: &str) -> String {
        writeln!(self.process.stdin.as_ref().unwrap(), "{token}").unwrap();
        self.answers.next().unwrap().unwrap()
    }
}

impl Drop for PyJwt {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn pyjwt_accepts_every_live_token_across_rotations_and_no_other() {
    let world = with_alice().await;
    let mut live = vec![issued(&world).await, issued(&world).await];
    for _ in 0..3 {
        let mut service = PyJwt::start(&world);
        assert_eq!(service.verdict(&live[0].token), "fraud__alice");
        // What the service has fetched holds for what comes after the rotation too.
        world.client.rotate_token_keys().await.unwrap();
        live.push(issued(&world).await);
        for token in &live {
            assert_eq!(service.verdict(&token.token), "fraud__alice");
        }
    }
    // Another kind of key is declared: it is the next but one, for the next is published already.
    let settings = AuthoritySettings { token_key_algorithm: KeyAlgorithm::Ed25519, ..AuthoritySettings::default() };
    world.declare(&declared(0, settings)).await;
    let mut service = PyJwt::start(&world);
    for _ in 0..2 {
        world.client.rotate_token_keys().await.unwrap();
        live.push(issued(&world).await);
    }
    let algorithm = |token: &IssuedToken| decode_header(&token.token).unwrap().alg;
    assert_eq!(
        live[4..].iter().map(algorithm).collect::<Vec<_>>(),
        [Algorithm::ES256, Algorithm::ES256, Algorithm::EdDSA]
    );
    for token in &live {
        assert_eq!(service.verdict(&token.token), "fraud__alice");
    }
    let signers: BTreeSet<&String> = live.iter().map(|token| &token.kid).collect();
    assert_eq!(signers.len(), 6, "each rotation lets another key sign");
    let mut service = PyJwt::start(&world);
    let mut parts: Vec<&str> = live[0].token.split('.').collect();
    parts[2] = live[1].token.split('.').next_back().unwrap();
    let forged = service.verdict(&parts.join("."));
    assert!(forged.starts_with("InvalidSignatureError"), "{forged}");
    let post = PostToken { audience: Audience::parse("another").unwrap(), lifetime: None, job: None, one_time: false };
    let another = world.client.issue_token(&project("fraud"), &user("alice"), &post).await.unwrap();
    let another = service.verdict(&another.token);
    assert!(another.starts_with("InvalidAudienceError"), "{another}");
}
