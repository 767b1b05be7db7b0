//! The API document (OpenAPI 3.1) of operations.

mod refusals;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter as Described, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::{
    ComponentsBuilder, Deprecated, InfoBuilder, License, OpenApi, OpenApiBuilder, RefOr, Required, Schema,
};
use utoipa::{PartialSchema, ToSchema as _};

use crate::authority::AuthorityDomain;
use crate::problem::{Problem, ProblemCode};
use crate::route::{Components, Content, Method, Operation, Parameter, Place, named};
use refusals::refusals;

/// The media type of problems (RFC 9457).
const PROBLEM_JSON: &str = "application/problem+json";

/// What the document says of the API as a whole.
const DESCRIPTION: &str = "The API of the daemon on a ringfence cluster. Errors are problem documents (RFC 9457) \
    with a stable `code`. Callers are the operator, by session (`POST /v1/login`), and nodes, services and project \
    users, by client certificate.";

/// The document of these operations.
pub fn document(operations: &[Operation], version: &str) -> OpenApi {
    let mut components = Components::new();
    named::<Problem>(&mut components);
    let mut paths = PathsBuilder::new();
    for operation in operations {
        let described = describe(operation, &mut components);
        paths = paths.path(operation.path, PathItem::new(method(operation.method), described));
    }
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    let info =
        InfoBuilder::new().title("ringfenced").description(Some(DESCRIPTION)).license(Some(license)).version(version);
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(ComponentsBuilder::new().schemas_from_iter(components).build()))
        .build()
}

fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Put => HttpMethod::Put,
        Method::Post => HttpMethod::Post,
        Method::Delete => HttpMethod::Delete,
    }
}

fn describe(operation: &Operation, components: &mut Components) -> OperationBuilder {
    let mut answer = ResponseBuilder::new().description(operation.answer.description);
    if let Some(content) = operation.answer.content {
        answer = answer.content(content.media_type, content_of(content, components));
    }
    let mut responses = ResponsesBuilder::new().response("200", answer.build());
    for (status, codes) in refusals(operation) {
        responses = responses.response(status.to_string(), refusal(&codes));
    }
    let mut described = OperationBuilder::new()
        .operation_id(Some(operation.id))
        .tag(operation.tag)
        .summary(Some(operation.summary))
        .description(operation.description)
        .responses(responses.build())
        .deprecated(operation.deprecated.then_some(Deprecated::True))
        .extensions(Some(ExtensionsBuilder::new().add("x-callers", <&str>::from(operation.callers)).build()));
    for name in path_parameters(operation.path) {
        described = described.parameter(path_parameter(name, components));
    }
    for parameter in operation.parameters {
        described = described.parameter(other_parameter(parameter));
    }
    if let Some(body) = operation.body {
        let body = RequestBodyBuilder::new()
            .content(body.media_type, content_of(body, components))
            .required(Some(Required::True));
        described = described.request_body(Some(body.build()));
    }
    described
}

fn content_of(content: Content, components: &mut Components) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some((content.schema)(components))).build()
}

/// The response with a problem of one of these codes.
fn refusal(codes: &[ProblemCode]) -> Response {
    let schema = utoipa::openapi::Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    ResponseBuilder::new().description(codes.join(", ")).content(PROBLEM_JSON, content).build()
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A parameter in a path means the same in every path.
fn path_parameter(name: &str, components: &mut Components) -> Described {
    let text = String::schema;
    let (description, schema): (&str, RefOr<Schema>) = match name {
        "domain" => ("Whose", named::<AuthorityDomain>(components)),
        "id" => ("The token's `jti`", text()),
        "issuer" => ("The issuer's id, such as services-1", text()),
        "job" => ("The job", text()),
        "node" => ("The node", text()),
        "project" => ("The project", text()),
        "request" => ("The request, DER in base64", text()),
        "serial" => ("The serial number, lower-case hexadecimal", text()),
        "service" => ("The service", text()),
        "shard" => ("The shard", u32::schema()),
        "user" => ("The user", text()),
        other => unreachable!("the path parameter {other} has no description"),
    };
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.description(Some(description)).schema(Some(schema)).build()
}

fn other_parameter(parameter: &Parameter) -> Described {
    let (place, schema) = match parameter.place {
        Place::Number => (ParameterIn::Query, i64::schema()),
        Place::Count => (ParameterIn::Query, u32::schema()),
        Place::Text => (ParameterIn::Query, String::schema()),
        Place::Header => (ParameterIn::Header, String::schema()),
    };
    let described = ParameterBuilder::new().name(parameter.name).parameter_in(place).required(Required::False);
    described.description(Some(parameter.description)).schema(Some(schema)).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::route::POST_LOGIN;

    #[test]
    fn a_refusal_is_a_problem_document() {
        let document = serde_json::to_value(document(&[POST_LOGIN.operation()], "1.2.3")).unwrap();
        let answers = document["paths"]["/v1/login"]["post"]["responses"].as_object().unwrap();
        let refusals: Vec<_> = answers.iter().filter(|(status, _)| *status != "200").collect();
        assert!(refusals.len() >= 5, "{answers:?}");
        for (status, answer) in refusals {
            let media: Vec<&String> = answer["content"].as_object().unwrap().keys().collect();
            assert_eq!(media, ["application/problem+json"], "{status}");
            let schema = &answer["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{status}");
            assert!(answer["description"].as_str().is_some_and(|codes| !codes.is_empty()), "{status}");
        }
        assert_eq!(answers["401"]["description"], "`login_refused`");
    }
}
