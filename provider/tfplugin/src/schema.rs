//! What a model looks like to Terraform, and what planning needs to know about each attribute.
//!
//! Authors do not write these by hand: `#[derive(Model)]` does. Defaults, validators and plan modifiers travel with
//! the attribute but never cross the wire.

mod field;
mod model;
mod modifier;
mod validator;

use std::collections::BTreeMap;

pub use field::Field;
pub use model::Model;
pub use modifier::Modifier;
pub use validator::Validator;

use crate::value::{Dynamic, Type};

/// How nested objects are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// One object.
    Single,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
    /// Objects by key.
    Map,
}

impl Nesting {
    /// The type of a whole nested attribute.
    pub(crate) fn type_of(self, attributes: &[Attribute]) -> Type {
        self.around(object_type(attributes))
    }

    /// The collection type around an element type.
    pub(crate) fn around(self, element: Type) -> Type {
        match self {
            Self::Single => element,
            Self::List => Type::List(Box::new(element)),
            Self::Set => Type::Set(Box::new(element)),
            Self::Map => Type::Map(Box::new(element)),
        }
    }
}

/// How a field appears in a schema.
pub enum Kind {
    /// A plain type.
    Type(Type),
    /// Objects with attributes of their own.
    Nested(Nesting, Vec<Attribute>),
}

impl Kind {
    /// The type of values of this kind.
    pub fn into_type(self) -> Type {
        match self {
            Self::Type(plain) => plain,
            Self::Nested(nesting, attributes) => nesting.type_of(&attributes),
        }
    }

    /// The kind of a collection of these.
    fn collect(self, nesting: Nesting) -> Self {
        match self {
            Self::Nested(Nesting::Single, attributes) => Self::Nested(nesting, attributes),
            other => Self::Type(nesting.around(other.into_type())),
        }
    }
}

/// Where an attribute's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The user must set it.
    Required,
    /// The user may set it.
    Optional,
    /// Only the provider sets it.
    Computed,
    /// The user may set it, else the provider does.
    OptionalComputed,
}

/// One attribute of a schema.
pub struct Attribute {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    pub(crate) description: String,
    pub(crate) sensitive: bool,
    pub(crate) write_only: bool,
    pub(crate) deprecated: Option<String>,
    pub(crate) default: Option<Dynamic>,
    pub(crate) validators: Vec<Validator>,
    pub(crate) modifiers: Vec<Modifier>,
    /// Whether two values say the same, for types with several spellings of one value.
    pub(crate) equivalent: Option<fn(&Dynamic, &Dynamic) -> bool>,
    /// The values that there are, for types with few.
    pub(crate) choices: &'static [&'static str],
}

impl Attribute {
    /// An attribute whose type is that of a Rust field.
    pub fn of<T: Field>(name: impl Into<String>, source: Source) -> Self {
        Self {
            name: name.into(),
            kind: T::kind(),
            source,
            description: String::new(),
            sensitive: false,
            write_only: false,
            deprecated: None,
            default: None,
            validators: Vec::new(),
            modifiers: Vec::new(),
            equivalent: T::EQUIVALENT,
            choices: T::CHOICES,
        }
    }

    /// Markdown for the documentation.
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Terraform hides the value.
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// The value is never stored, neither in plans nor in state.
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// Deprecated, and what to use instead.
    pub fn deprecated(mut self, instead: impl Into<String>) -> Self {
        self.deprecated = Some(instead.into());
        self
    }

    /// The value when the user sets none. Makes an optional attribute computed too.
    pub fn default<T: Field>(mut self, value: &T) -> Self {
        self.default = Some(value.encode());
        if self.source == Source::Optional {
            self.source = Source::OptionalComputed;
        }
        self
    }

    /// A check on the configured value.
    pub fn validator(mut self, validator: impl Into<Validator>) -> Self {
        self.validators.push(validator.into());
        self
    }

    /// A step of planning.
    pub fn modifier(mut self, modifier: impl Into<Modifier>) -> Self {
        self.modifiers.push(modifier.into());
        self
    }

    pub(crate) fn is_computed(&self) -> bool {
        matches!(self.source, Source::Computed | Source::OptionalComputed)
    }

    pub(crate) fn value_type(&self) -> Type {
        match &self.kind {
            Kind::Type(plain) => plain.clone(),
            Kind::Nested(nesting, attributes) => nesting.type_of(attributes),
        }
    }
}

/// A schema: attributes and a version.
pub struct Schema {
    /// The version of stored states.
    pub version: i64,
    /// Markdown for the documentation.
    pub description: String,
    /// The attributes.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// The schema of a model.
    pub fn of<M: Model>(version: i64) -> Self {
        Self { version, description: M::description().to_owned(), attributes: M::attributes() }
    }

    /// The type of the whole object.
    pub fn object_type(&self) -> Type {
        object_type(&self.attributes)
    }
}

/// The object type of a list of attributes.
pub(crate) fn object_type(attributes: &[Attribute]) -> Type {
    let fields = attributes.iter().map(|attribute| (attribute.name.clone(), attribute.value_type()));
    Type::Object(fields.collect::<BTreeMap<_, _>>())
}
