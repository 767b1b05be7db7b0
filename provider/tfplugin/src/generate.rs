//! A configuration for an object that exists: what a user would write to get this state.
//!
//! Guarantees: only what can be configured is set; nothing that a default says already; no secret, since the text goes
//! into a file: a sensitive value that is required stays null, and the user sees that it is missing.

use crate::schema::{Attribute, Kind, Nesting, Source};
use crate::value::{Dynamic, Object};

/// The configuration of a state.
pub(crate) fn config_of(attributes: &[Attribute], state: &Dynamic) -> Dynamic {
    let Dynamic::Map(state) = state else { return Dynamic::Null };
    let configured = attributes.iter().map(|attribute| {
        let value = state.get(&attribute.name).unwrap_or(&Dynamic::Null);
        (attribute.name.clone(), attribute_config(attribute, value))
    });
    Dynamic::Map(configured.collect::<Object>())
}

fn attribute_config(attribute: &Attribute, value: &Dynamic) -> Dynamic {
    let left_out = attribute.source == Source::Computed
        || attribute.sensitive
        || attribute.write_only
        || (attribute.deprecated.is_some() && attribute.source != Source::Required)
        || attribute.default.as_ref() == Some(value);
    match &attribute.kind {
        _ if left_out => Dynamic::Null,
        Kind::Type(_) => value.clone(),
        Kind::Nested(nesting, children) => nested_config(*nesting, children, value),
    }
}

fn nested_config(nesting: Nesting, children: &[Attribute], value: &Dynamic) -> Dynamic {
    match (nesting, value) {
        (Nesting::Single, object) => config_of(children, object),
        (Nesting::Map, Dynamic::Map(objects)) => {
            Dynamic::Map(objects.iter().map(|(key, object)| (key.clone(), config_of(children, object))).collect())
        }
        (_, Dynamic::List(objects)) => {
            Dynamic::List(objects.iter().map(|object| config_of(children, object)).collect())
        }
        (_, Dynamic::Set(objects)) => Dynamic::set(objects.iter().map(|object| config_of(children, object)).collect()),
        (_, other) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn only_what_a_user_would_write_is_written() {
        type Text = Value<String>;
        let attributes = [
            Attribute::of::<Text>("required", Source::Required),
            Attribute::of::<Text>("computed", Source::Computed),
            Attribute::of::<Text>("chosen", Source::OptionalComputed),
            Attribute::of::<Text>("usual", Source::Optional).default(&Text::from("usual")),
            Attribute::of::<Text>("unusual", Source::Optional).default(&Text::from("usual")),
            Attribute::of::<Text>("secret", Source::Required).sensitive(),
            Attribute::of::<Text>("old", Source::Optional).deprecated("`required`"),
        ];
        let state = |names: &[&str]| {
            Dynamic::Map(names.iter().map(|name| ((*name).to_owned(), Dynamic::from(*name))).collect::<Object>())
        };
        let written =
            config_of(&attributes, &state(&["required", "computed", "chosen", "usual", "unusual", "secret", "old"]));
        let Dynamic::Map(written) = written else { panic!("an object") };
        let set: Vec<_> = written.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect();
        assert_eq!(set, ["chosen", "required", "unusual"]);
        assert_eq!(written.len(), attributes.len());
    }
}
