//! A struct that mirrors a schema.

use std::fmt::Debug;

use crate::path::Path;
use crate::schema::Attribute;
use crate::value::{DecodeError, Object};

/// A struct whose fields are the attributes of a schema. Write it with `#[derive(Model)]`.
///
/// `Default` is the object with everything null.
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
