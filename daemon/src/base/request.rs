//! Extractors for JSON bodies, path segments and query parameters, which reject with problems instead of plain text.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use http::request::Parts;
use ringfence_api::incarnation::{Incarnation, NotAnIncarnation};
use ringfence_api::{NameError, ProblemCode};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::base::{Failure, read_whole};

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let body = read_whole(body).await?;
        if holds_nul(&body) {
            return Err(Failure::new(
                ProblemCode::InvalidRequest,
                "a text in the body holds a NUL character (\\u0000)",
            ));
        }
        match Json::<Object<T>>::from_request(Request::from_parts(parts, body.into()), state).await {
            Ok(Json(Object(value))) => Ok(Self(value)),
            Err(rejection) => Err(refuse(&rejection)),
        }
    }
}

/// Whether a text in this JSON holds a NUL character: `PostgreSQL` stores none, `SQLite` does, and nothing needs one.
/// Valid JSON can only hold it as an escape (RFC 8259, section 7).
fn holds_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(escape) = rest.iter().position(|byte| *byte == b'\\') {
        rest = &rest[escape + 1..];
        if rest.starts_with(b"u0000") {
            return true;
        }
        // The escaped character, which may be another backslash.
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// A JSON object. Without it, serde would accept an array as an object whose fields are in order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

fn refuse(rejection: &JsonRejection) -> Failure {
    let text = rejection.body_text();
    if matches!(rejection, JsonRejection::JsonDataError(_)) && names_unknown_field(&text) {
        return Failure::new(ProblemCode::UnknownField, text);
    }
    Failure::new(ProblemCode::InvalidRequest, text)
}

/// Whether this is the parser's own message, and not a value of the caller that contains the same words.
fn names_unknown_field(text: &str) -> bool {
    text.contains(": unknown field `")
}

/// A name in the path: `{project}`, `{user}`, `{node}`, `{service}`.
pub(crate) struct Segment<T>(pub(crate) T);

/// A kind of name that occurs in paths.
pub(crate) trait InPath: FromStr<Err = NameError> {
    /// The parameter in the route's template.
    const SEGMENT: &'static str;
}

impl InPath for ringfence_api::ProjectName {
    const SEGMENT: &'static str = "project";
}

impl InPath for ringfence_api::UserName {
    const SEGMENT: &'static str = "user";
}

impl InPath for ringfence_api::NodeName {
    const SEGMENT: &'static str = "node";
}

impl InPath for ringfence_api::ServiceName {
    const SEGMENT: &'static str = "service";
}

impl InPath for ringfence_api::JobId {
    const SEGMENT: &'static str = "job";
}

impl InPath for ringfence_api::authority::AuthorityDomain {
    const SEGMENT: &'static str = "domain";
}

impl<T: InPath, S: Send + Sync> FromRequestParts<S> for Segment<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Ok(Self(T::from_str(&text_in_path(parts, state, T::SEGMENT).await?)?))
    }
}

/// The text of a path parameter.
pub(crate) async fn text_in_path<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Failure> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|error| Failure::new(ProblemCode::InvalidRequest, error.body_text()))?;
    Ok(params.iter().find_map(|(key, value)| (key == name).then_some(value)).unwrap_or_default().to_owned())
}

/// `?after=N`: wait for something newer than N.
pub(crate) struct After(pub(crate) Option<i64>);

/// `?after=N&incarnation=I`: wait until something is not at N of this history.
pub(crate) struct Since {
    pub(crate) after: Option<i64>,
    pub(crate) incarnation: Option<Incarnation>,
}

/// `?limit=N`: at most N items. The default is 100, the maximum 1,000.
pub(crate) struct Limit(pub(crate) u32);

/// `?after=N&limit=M`: items after N, oldest first; without `after`, the newest, newest first.
pub(crate) struct Range {
    pub(crate) after: Option<i64>,
    pub(crate) limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeQuery {
    after: Option<i64>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SinceQuery {
    after: Option<i64>,
    incarnation: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterQuery {
    after: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitQuery {
    limit: Option<u32>,
}

impl<S: Send + Sync> FromRequestParts<S> for After {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        query::<AfterQuery, S>(parts, state).await.map(|query| Self(query.after))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Since {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let SinceQuery { after, incarnation } = query(parts, state).await?;
        let incarnation = incarnation.map(|text| text.parse()).transpose();
        let incarnation =
            incarnation.map_err(|error: NotAnIncarnation| Failure::new(ProblemCode::InvalidRequest, error.to_string()));
        Ok(Self { after, incarnation: incarnation? })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Limit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        limit(query::<LimitQuery, S>(parts, state).await?.limit).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Range {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let range = query::<RangeQuery, S>(parts, state).await?;
        Ok(Self { after: range.after, limit: limit(range.limit)? })
    }
}

fn limit(asked: Option<u32>) -> Result<u32, Failure> {
    let limit = asked.unwrap_or(100);
    if (1..=1_000).contains(&limit) {
        return Ok(limit);
    }
    Err(Failure::new(ProblemCode::InvalidRequest, format!("limit is {limit} and must be from 1 to 1000")))
}

/// `If-None-Match: *` (RFC 9110, section 13.1.2): the request creates something and must not change what exists. If
/// what exists equals what the request asks for, that is the answer, so that a request whose answer was lost can be
/// repeated.
pub(crate) struct Creating(pub(crate) bool);

impl<S: Send + Sync> FromRequestParts<S> for Creating {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match parts.headers.get(http::header::IF_NONE_MATCH) {
            None => Ok(Self(false)),
            Some(value) if value == "*" => Ok(Self(true)),
            Some(_) => Err(Failure::new(ProblemCode::InvalidRequest, "If-None-Match may only be `*` here")),
        }
    }
}

async fn query<T: DeserializeOwned, S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<T, Failure> {
    match Query::<T>::from_request_parts(parts, state).await {
        Ok(Query(value)) => Ok(value),
        Err(error) => {
            let text = error.body_text();
            let unknown = names_unknown_field(&text);
            Err(Failure::new(if unknown { ProblemCode::UnknownField } else { ProblemCode::InvalidRequest }, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::holds_nul;

    #[test]
    fn a_nul_character_is_found_and_what_looks_like_one_is_not() {
        for json in [r#"{"a":"\u0000"}"#, r#"{"a":"x\\\u0000"}"#, r#"["\n\u0000"]"#, r#"{"\u0000":1}"#] {
            assert!(holds_nul(json.as_bytes()), "{json}");
        }
        for json in [r#"{"a":"\\u0000"}"#, r#"{"a":"\u0001"}"#, r#"{"a":"u0000"}"#, r#"{"a":"0"}"#, "", "\\"] {
            assert!(!holds_nul(json.as_bytes()), "{json}");
        }
    }
}
