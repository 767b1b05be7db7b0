//! Running the validators of a schema over a configuration.
//!
//! Nested objects are visited where they stand; unknown ones are left for later.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::Path;
use crate::schema::{Attribute, Kind, Nesting};
use crate::value::Dynamic;

/// Whether the client can be given write-only values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOnly {
    Accept,
    Refuse,
}

/// Checks every configured value.
pub(crate) fn validate(
    attributes: &[Attribute],
    config: &Dynamic,
    write_only: WriteOnly,
    path: &Path,
    out: &mut Diagnostics,
) {
    let Dynamic::Map(fields) = config else { return };
    for attribute in attributes {
        let value = fields.get(&attribute.name).unwrap_or(&Dynamic::Null);
        let path = path.clone().attr(&attribute.name);
        if attribute.write_only && write_only == WriteOnly::Refuse && !value.is_null() {
            out.push(
                Diagnostic::error("Write-only attribute is not supported here")
                    .detail(format!("`{path}` is never stored, which needs Terraform 1.11 or newer."))
                    .at(path.clone()),
            );
        }
        for validator in &attribute.validators {
            validator.run(value, &path, out);
        }
        if let Kind::Nested(nesting, children) = &attribute.kind {
            match (nesting, value) {
                (Nesting::Single, object) => validate(children, object, write_only, &path, out),
                (Nesting::Map, Dynamic::Map(objects)) => {
                    for (key, object) in objects {
                        validate(children, object, write_only, &path.clone().key(key), out);
                    }
                }
                (_, Dynamic::List(objects)) => {
                    for (index, object) in objects.iter().enumerate() {
                        validate(children, object, write_only, &path.clone().index(index), out);
                    }
                }
                (_, Dynamic::Set(objects)) => {
                    for object in objects {
                        validate(children, object, write_only, &path, out);
                    }
                }
                _ => {}
            }
        }
    }
}
