//! A struct that mirrors a schema.

use std::fmt::Debug;

use super::Attribute;
use crate::path::Path;
use crate::value::{DecodeError, Object};

/// A struct whose fields are the attributes of a schema. Write it with `#[derive(Model)]`.
///
/// The struct's doc comment is the description of what it is the schema of, a field's doc comment that of the
/// attribute, in Markdown. The derive also writes `Default` (the object with everything null) and a `Debug` that hides
/// what is sensitive or write-only.
///
/// # Types of fields
///
/// | Rust | Terraform |
/// | --- | --- |
/// | `Value<String>`, `Value<bool>` | string, bool |
/// | `Value<i64>`, `Value<f64>`, `Value<Number>` | number ([`Number`](crate::Number) loses no digit) |
/// | `Value<C>` where `C` derives [`Choice`](derive@crate::Choice) | string that is one of the enum's words |
/// | `Value<Json>` | string of [JSON](crate::Json); another spelling of the same is no change |
/// | `Value<M>` where `M` is a model | nested attribute, one object |
/// | `Value<Vec<T>>` | list; of objects (nested) when `T` is a model, as below |
/// | `Value<Set<T>>`, `Value<BTreeSet<T>>` | set |
/// | `Value<BTreeMap<String, T>>` | map |
/// | `Value<Dynamic>` | any type |
///
/// Elements may be plain (`Vec<String>`) or values (`Vec<Value<String>>`). A collection of plain elements that holds an
/// unknown element reads as unknown as a whole; a null element is an error at its path. Nothing is lost by it: what
/// `modify_plan` leaves alone is planned as Terraform sent it.
///
/// # `#[tf(...)]`
///
/// | option | meaning |
/// | --- | --- |
/// | `required`, `optional` | the user must set it, or may |
/// | `computed`, `optional, computed` | the provider sets it, or does when the user does not |
/// | `default = expr` | what it is when the user says nothing; it is then optional and computed |
/// | `sensitive` | not shown on the screen. It is in the state all the same |
/// | `write_only` | null in plan and state; only [`ResourceContext::config`](crate::ResourceContext::config) has it |
/// | `deprecated = "what to use"` | a warning for whoever sets it |
/// | `name = "type"` | the attribute's name, when the field's would not do |
/// | `validate = expr` | a check of [`validators`](crate::validators), all of which are in scope; repeatable |
/// | `plan = expr` | a step of [`modifiers`](crate::modifiers), likewise |
pub trait Model: Clone + Default + Debug + Send + Sync + 'static {
    /// Markdown for the documentation.
    fn description() -> &'static str;

    /// The attributes.
    fn attributes() -> Vec<Attribute>;

    /// Reads the object; attributes it lacks are null.
    fn from_object(fields: Object, path: &Path) -> Result<Self, DecodeError>;

    /// The object, with every attribute.
    fn to_object(&self) -> Object;
}

/// No attributes.
impl Model for () {
    fn description() -> &'static str {
        ""
    }

    fn attributes() -> Vec<Attribute> {
        Vec::new()
    }

    fn from_object(_: Object, _: &Path) -> Result<Self, DecodeError> {
        Ok(())
    }

    fn to_object(&self) -> Object {
        Object::new()
    }
}
