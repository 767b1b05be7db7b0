//! What an operation of the API is, spelled once: its name, method, path, who may call it, what goes in and what comes
//! out.
//!
//! The daemon serves operations and nothing else, refuses callers by them, and generates its document from them; the
//! client calls them. A noun's operations are in `route.rs` of the noun.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use strum::{Display, IntoStaticStr};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::ProblemCode;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Callers {
    /// Anybody, without credentials.
    Anyone,
    /// Anybody whom the daemon recognizes.
    Recognized,
    /// The operator.
    Operator,
    /// The operator, and the data owners of the project in the path.
    DataOwner,
    /// The agent of the node in the path.
    Agent,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Makes something be so; repeating it changes nothing.
    Put,
    /// Does something.
    Post,
    /// Takes something away.
    Delete,
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its name, unique in the API.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The template of its path.
    pub path: &'static str,
    /// Who may call it.
    pub callers: Callers,
    /// How long an answer may take, a long poll aside.
    pub may_take: Duration,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) body: Option<Content>,
    pub(crate) answer: Answer,
    pub(crate) problems: &'static [ProblemCode],
    pub(crate) deprecated: bool,
}

/// An operation with the types of its body and its answer.
pub struct Route<B, A> {
    operation: Operation,
    types: PhantomData<fn(B) -> A>,
}

/// A parameter that does not stand in the path.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) description: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A 64-bit number in the query.
    Number,
    /// A 32-bit number in the query.
    Count,
    /// A text in the query.
    Text,
    Header,
}

/// The schemas that a document names.
pub(crate) type Components = Vec<(String, RefOr<Schema>)>;

/// A body: its media type and its schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    pub(crate) schema: fn(&mut Components) -> RefOr<Schema>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) description: &'static str,
    pub(crate) content: Option<Content>,
}

pub(crate) const JSON: &str = "application/json";

/// `?after=N` of a long poll.
pub(crate) const fn after(description: &'static str) -> Parameter {
    Parameter { name: "after", place: Place::Number, description }
}

/// A text in the query.
pub(crate) const fn text(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Text, description }
}

/// `?limit=N` of a listing.
pub(crate) const LIMIT: Parameter =
    Parameter { name: "limit", place: Place::Count, description: "At most so many; 100 unless given, at most 1000" };

/// `If-None-Match: *` of a creation.
pub(crate) const CREATING: Parameter = Parameter {
    name: "If-None-Match",
    place: Place::Header,
    description: "`*`: refuse to change what exists already and differs, with `already_exists`",
};

impl Route<(), ()> {
    pub(crate) const fn new(id: &'static str, method: Method, path: &'static str, callers: Callers) -> Self {
        let operation = Operation {
            id,
            method,
            path,
            callers,
            may_take: Duration::from_secs(20),
            tag: "",
            summary: "",
            description: None,
            parameters: &[],
            body: None,
            answer: Answer { description: "", content: None },
            problems: &[],
            deprecated: false,
        };
        Self { operation, types: PhantomData }
    }

    pub(crate) const fn get(id: &'static str, path: &'static str, callers: Callers) -> Self {
        Self::new(id, Method::Get, path, callers)
    }

    pub(crate) const fn put(id: &'static str, path: &'static str, callers: Callers) -> Self {
        Self::new(id, Method::Put, path, callers)
    }

    pub(crate) const fn post(id: &'static str, path: &'static str, callers: Callers) -> Self {
        Self::new(id, Method::Post, path, callers)
    }

    pub(crate) const fn delete(id: &'static str, path: &'static str, callers: Callers) -> Self {
        Self::new(id, Method::Delete, path, callers)
    }
}

impl<B, A> Route<B, A> {
    /// The operation, without its types.
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// The path with its parameters filled in, in the order in which they stand.
    ///
    /// # Panics
    ///
    /// When there are more or fewer than the path has.
    pub fn path(&self, segments: &[&str]) -> String {
        let mut segments = segments.iter();
        let filled: Vec<&str> = self
            .operation
            .path
            .split('/')
            .map(
                |part| {
                    if part.starts_with('{') { segments.next().expect("a segment for each parameter") } else { part }
                },
            )
            .collect();
        assert!(segments.next().is_none(), "{} has fewer parameters", self.operation.path);
        filled.join("/")
    }

    pub(crate) const fn tagged(self, tag: &'static str) -> Self {
        Self::of(Operation { tag, ..self.operation })
    }

    pub(crate) const fn summary(self, summary: &'static str) -> Self {
        Self::of(Operation { summary, ..self.operation })
    }

    pub(crate) const fn description(self, description: &'static str) -> Self {
        Self::of(Operation { description: Some(description), ..self.operation })
    }

    pub(crate) const fn parameters(self, parameters: &'static [Parameter]) -> Self {
        Self::of(Operation { parameters, ..self.operation })
    }

    /// The problems that do not follow from callers, path, parameters and body.
    pub(crate) const fn problems(self, problems: &'static [ProblemCode]) -> Self {
        Self::of(Operation { problems, ..self.operation })
    }

    /// For what takes longer than most.
    pub(crate) const fn may_take(self, may_take: Duration) -> Self {
        Self::of(Operation { may_take, ..self.operation })
    }

    /// Served for one more version, under a word of before.
    pub(crate) const fn deprecated(self) -> Self {
        Self::of(Operation { deprecated: true, ..self.operation })
    }

    /// What an answer means.
    pub(crate) const fn meaning(self, description: &'static str) -> Self {
        let answer = Answer { description, content: self.operation.answer.content };
        Self::of(Operation { answer, ..self.operation })
    }

    pub(crate) const fn takes<T: ToSchema>(self) -> Route<T, A> {
        let body = Some(Content { media_type: JSON, schema: named::<T> });
        Route { operation: Operation { body, ..self.operation }, types: PhantomData }
    }

    pub(crate) const fn takes_bytes(self, media_type: &'static str) -> Self {
        let body = Some(Content { media_type, schema: plain::<Vec<u8>> });
        Self::of(Operation { body, ..self.operation })
    }

    pub(crate) const fn answers<T: ToSchema>(self) -> Route<B, T> {
        Route { operation: self.answering(Content { media_type: JSON, schema: named::<T> }), types: PhantomData }
    }

    pub(crate) const fn answers_list<T: ToSchema>(self) -> Route<B, Vec<T>> {
        Route { operation: self.answering(Content { media_type: JSON, schema: list::<T> }), types: PhantomData }
    }

    /// What is not JSON: text, or bytes.
    pub(crate) const fn answers_raw<T: PartialSchema>(self, media_type: &'static str) -> Self {
        Self::of(self.answering(Content { media_type, schema: plain::<T> }))
    }

    pub(crate) const fn answering(&self, content: Content) -> Operation {
        let answer = Answer { description: self.operation.answer.description, content: Some(content) };
        Operation { answer, ..self.operation }
    }

    pub(crate) const fn of(operation: Operation) -> Self {
        Self { operation, types: PhantomData }
    }
}

impl<B, A> fmt::Debug for Route<B, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({} {})", self.operation.method, self.operation.path)
    }
}

/// A reference to a type that stands among the components.
pub(crate) fn named<T: ToSchema>(components: &mut Components) -> RefOr<Schema> {
    T::schemas(components);
    components.push((T::name().into_owned(), T::schema()));
    utoipa::openapi::Ref::from_schema_name(T::name()).into()
}

fn list<T: ToSchema>(components: &mut Components) -> RefOr<Schema> {
    utoipa::openapi::schema::Array::new(named::<T>(components)).into()
}

fn plain<T: PartialSchema>(_: &mut Components) -> RefOr<Schema> {
    T::schema()
}

#[cfg(test)]
mod tests {
    use crate::project::route::PUT_MEMBER;

    #[test]
    fn a_path_is_filled_in_order() {
        assert_eq!(PUT_MEMBER.path(&["fraud", "alice"]), "/v1/projects/fraud/members/alice");
    }

    #[test]
    #[should_panic(expected = "a segment for each parameter")]
    fn a_path_with_a_hole_is_a_bug() {
        PUT_MEMBER.path(&["fraud"]);
    }
}
