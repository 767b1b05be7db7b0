//! The identity of a resource on its way between record and messages.

use super::schema::Schema;
use super::stored;
use super::stored::Record;
use crate::diagnostic::{Diagnostic, Result};
use crate::proto::tfplugin6 as pb;
use crate::value::{Dynamic, Type};
use crate::wire;

/// What an identity looks like.
#[derive(Debug, Clone)]
pub(super) struct IdentitySchema {
    pub(super) version: i64,
    pub(super) object_type: Type,
}

impl IdentitySchema {
    pub(super) fn read(message: &pb::ResourceIdentitySchema) -> Result<Self> {
        let attributes = message.identity_attributes.iter().map(|attribute| {
            let inner = Type::from_json(&attribute.r#type).map_err(|_| {
                Diagnostic::error("Terraform would not load this identity schema")
                    .detail(format!("The type of `{}` cannot be read.", attribute.name))
            })?;
            Ok((attribute.name.clone(), inner))
        });
        Ok(Self { version: message.version, object_type: Type::Object(attributes.collect::<Result<_>>()?) })
    }

    /// The identity for a request.
    pub(super) fn message(&self, identity: &Dynamic) -> Result<pb::ResourceIdentityData> {
        Ok(pb::ResourceIdentityData { identity_data: Some(wire::dynamic(identity, &self.object_type)?) })
    }

    /// The identity in an answer, which must be the one that was known before.
    pub(super) fn received(
        &self,
        known: &Dynamic,
        answer: Option<&pb::ResourceIdentityData>,
        call: &str,
    ) -> Result<Dynamic> {
        let Some(answer) = answer else { return Ok(known.clone()) };
        let identity = wire::from_dynamic(answer.identity_data.as_ref(), &self.object_type)?;
        if !known.is_null() && known.is_wholly_known() && *known != identity {
            return Err(Diagnostic::error("Provider changed the identity")
                .detail(format!("{call} answered with another identity than the resource had. It never changes."))
                .into());
        }
        Ok(identity)
    }

    /// Puts the identity into a record.
    pub(super) fn store(&self, identity: &Dynamic, record: &mut Record) -> Result<()> {
        record.identity_schema_version = self.version;
        record.identity = if identity.is_null() { None } else { Some(stored::json(identity)?) };
        Ok(())
    }
}

/// What the provider says of a type: its schema and, if it has one, that of its identity.
#[derive(Debug)]
pub(super) struct ResourceSchema {
    pub(super) schema: Schema,
    pub(super) identity: Option<IdentitySchema>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_never_changes() {
        let attribute = pb::resource_identity_schema::IdentityAttribute {
            name: "id".into(),
            r#type: b"\"string\"".into(),
            ..Default::default()
        };
        let schema = pb::ResourceIdentitySchema { version: 3, identity_attributes: vec![attribute] };
        let schema = IdentitySchema::read(&schema).unwrap();
        let identity = |id: &str| Dynamic::Map([("id".to_owned(), Dynamic::from(id))].into());
        let answer = schema.message(&identity("a")).unwrap();
        assert_eq!(schema.received(&Dynamic::Null, Some(&answer), "ReadResource"), Ok(identity("a")));
        assert_eq!(schema.received(&identity("a"), None, "ReadResource"), Ok(identity("a")));
        let error = schema.received(&identity("b"), Some(&answer), "ReadResource").unwrap_err().to_string();
        assert_eq!(
            error,
            "Provider changed the identity: ReadResource answered with another identity than the resource had. It \
             never changes."
        );
    }
}
