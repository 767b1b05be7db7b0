//! What a core knows of a schema: read from the provider's answer, and refused where Terraform would refuse to load it.

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::path::{Path, Step};
use crate::proto::tfplugin6 as pb;
use crate::schema::Nesting;
use crate::value::Type;

/// Names that Terraform keeps for itself in every block.
const RESERVED: [&str; 7] = ["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"];

/// The schema of one object.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) version: i64,
    pub(super) attributes: Vec<Attribute>,
    pub(super) object_type: Type,
}

/// One attribute.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the message has them so")]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) optional: bool,
    pub(super) computed: bool,
    pub(super) sensitive: bool,
    pub(super) write_only: bool,
}

/// What an attribute holds.
#[derive(Debug)]
pub(super) enum Kind {
    Plain(Type),
    Nested(Nesting, Vec<Attribute>),
}

impl Schema {
    /// Reads a schema; all that is wrong with it is told at once.
    pub(super) fn read(message: &pb::Schema) -> Result<Self> {
        let mut wrong = Diagnostics::new();
        let block = message.block.clone().unwrap_or_default();
        if message.block.is_none() {
            wrong.push(invalid("It has no block.", Path::root()));
        }
        if message.version < 0 {
            wrong.push(invalid("Its version is negative.", Path::root()));
        }
        for nested in &block.block_types {
            wrong.push(invalid("Blocks cannot be driven here.", Path::root().attr(&nested.type_name)));
        }
        let attributes: Vec<_> =
            block.attributes.iter().filter_map(|message| Attribute::read(message, &Path::root(), &mut wrong)).collect();
        for attribute in attributes.iter().filter(|attribute| RESERVED.contains(&attribute.name.as_str())) {
            wrong.push(invalid("Terraform keeps this name for itself.", Path::root().attr(&attribute.name)));
        }
        let object_type = object_type(&attributes);
        wrong.into_result(Self { version: message.version, attributes, object_type })
    }

    /// Whether what stands there is hidden from users.
    pub(super) fn is_sensitive(&self, path: &Path) -> bool {
        let mut attributes = self.attributes.as_slice();
        for step in path.steps() {
            let Step::Attribute(name) = step else { continue };
            let Some(attribute) = attributes.iter().find(|attribute| attribute.name == *name) else { return false };
            match &attribute.kind {
                _ if attribute.sensitive => return true,
                Kind::Nested(_, children) => attributes = children,
                Kind::Plain(_) => return false,
            }
        }
        false
    }
}

impl Attribute {
    fn read(message: &pb::schema::Attribute, parent: &Path, wrong: &mut Diagnostics) -> Option<Self> {
        let path = parent.clone().attr(&message.name);
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        if !is_name(&message.name) {
            wrong.push(invalid("A name consists of lower-case letters, digits and underscores.", path.clone()));
        }
        if !(message.required || message.optional || message.computed) {
            wrong.push(invalid("It is neither required nor optional nor computed.", path.clone()));
        }
        if message.required && (message.optional || message.computed) {
            wrong.push(invalid("What is required is neither optional nor computed.", path.clone()));
        }
        let kind = match (&message.nested_type, message.r#type.as_slice()) {
            (None, plain) => Kind::Plain(
                Type::from_json(plain)
                    .map_err(|_| wrong.push(invalid("Its type cannot be read.", path.clone())))
                    .ok()?,
            ),
            (Some(nested), []) => {
                let children: Vec<_> =
                    nested.attributes.iter().filter_map(|child| Self::read(child, &path, wrong)).collect();
                let nesting = nesting(nested.nesting());
                if nesting.is_none() {
                    wrong.push(invalid("It does not say how it is nested.", path.clone()));
                }
                Kind::Nested(nesting?, children)
            }
            (Some(_), _) => {
                wrong.push(invalid("It has both a type and a nested type.", path.clone()));
                return None;
            }
        };
        if let Kind::Nested(Nesting::Set, children) = &kind
            && children.iter().any(Self::cannot_be_in_a_set)
        {
            wrong.push(invalid("A set holds neither write-only nor dynamic values.", path));
        }
        Some(Self {
            name: message.name.clone(),
            kind,
            required: message.required,
            optional: message.optional,
            computed: message.computed,
            sensitive: message.sensitive,
            write_only: message.write_only,
        })
    }

    fn cannot_be_in_a_set(&self) -> bool {
        self.write_only
            || match &self.kind {
                Kind::Plain(plain) => *plain == Type::Dynamic,
                Kind::Nested(_, children) => children.iter().any(Self::cannot_be_in_a_set),
            }
    }
}

fn nesting(mode: pb::schema::object::NestingMode) -> Option<Nesting> {
    use pb::schema::object::NestingMode;
    match mode {
        NestingMode::Single => Some(Nesting::Single),
        NestingMode::List => Some(Nesting::List),
        NestingMode::Set => Some(Nesting::Set),
        NestingMode::Map => Some(Nesting::Map),
        NestingMode::Invalid => None,
    }
}

fn object_type(attributes: &[Attribute]) -> Type {
    let fields = attributes.iter().map(|attribute| {
        let inner = match &attribute.kind {
            Kind::Plain(plain) => plain.clone(),
            Kind::Nested(nesting, children) => nesting.around(object_type(children)),
        };
        (attribute.name.clone(), inner)
    });
    Type::Object(fields.collect())
}

fn invalid(what: &str, path: Path) -> Diagnostic {
    Diagnostic::error("Terraform would not load this schema").detail(what).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(attribute: pb::schema::Attribute) -> String {
        let block = pb::schema::Block { attributes: vec![attribute], ..Default::default() };
        Schema::read(&pb::Schema { version: 0, block: Some(block) }).unwrap_err().to_string()
    }

    #[test]
    fn a_schema_that_terraform_would_not_load_is_refused() {
        let attribute = |name: &str| pb::schema::Attribute {
            name: name.to_owned(),
            r#type: br#""string""#.to_vec(),
            optional: true,
            ..Default::default()
        };
        let nested = |inner| pb::schema::Attribute {
            r#type: Vec::new(),
            nested_type: Some(pb::schema::Object {
                attributes: vec![inner],
                nesting: pb::schema::object::NestingMode::Set.into(),
                ..Default::default()
            }),
            ..attribute("set")
        };
        let table = [
            (attribute("count"), "(count): Terraform keeps this name"),
            (attribute("Upper"), "(Upper): A name consists of"),
            (pb::schema::Attribute { optional: false, ..attribute("a") }, "neither required nor optional nor computed"),
            (pb::schema::Attribute { required: true, ..attribute("a") }, "What is required is neither"),
            (pb::schema::Attribute { r#type: b"7".to_vec(), ..attribute("a") }, "Its type cannot be read"),
            (
                pb::schema::Attribute { r#type: b"7".to_vec(), ..nested(attribute("a")) },
                "both a type and a nested type",
            ),
            (nested(pb::schema::Attribute { write_only: true, ..attribute("a") }), "neither write-only nor dynamic"),
        ];
        for (attribute, words) in table {
            let said = refused(attribute);
            assert!(said.contains(words), "{said}");
        }
    }
}
