//! The state that Terraform proposes: what is configured, and the prior values of what is computed and not configured.
//!
//! Objects in lists and maps are matched by index and key. Those in sets are matched with the first prior one that may
//! have come from them.

use super::schema::{Attribute, Kind};
use crate::schema::Nesting;
use crate::value::{Dynamic, Object};

/// The proposed new state; null when nothing is configured.
pub(super) fn proposed(attributes: &[Attribute], prior: &Dynamic, config: &Dynamic) -> Dynamic {
    match config {
        Dynamic::Map(config) => object(attributes, prior, config),
        other => other.clone(),
    }
}

/// `prior` is null for an object that did not exist before.
fn object(attributes: &[Attribute], prior: &Dynamic, config: &Object) -> Dynamic {
    let merged = attributes.iter().map(|attribute| {
        let before = prior.attribute(&attribute.name);
        let configured = config.get(&attribute.name).unwrap_or(&Dynamic::Null);
        let value = if attribute.computed && configured.is_null() {
            if was_configured(attribute, before) { Dynamic::Null } else { before.clone() }
        } else if let Kind::Nested(nesting, children) = &attribute.kind {
            nested(*nesting, children, before, configured)
        } else {
            configured.clone()
        };
        (attribute.name.clone(), value)
    });
    Dynamic::Map(merged.collect())
}

/// Whether an optional nested value holds what only a configuration can have put there.
fn was_configured(attribute: &Attribute, value: &Dynamic) -> bool {
    match &attribute.kind {
        Kind::Nested(nesting, children) if attribute.optional => holds_uncomputed(*nesting, children, value),
        _ => false,
    }
}

fn holds_uncomputed(nesting: Nesting, children: &[Attribute], value: &Dynamic) -> bool {
    let elements: Vec<&Dynamic> = match (nesting, value) {
        (Nesting::Map, Dynamic::Map(elements)) => elements.values().collect(),
        (_, Dynamic::List(elements) | Dynamic::Set(elements)) => elements.iter().collect(),
        (_, one) => vec![one],
    };
    elements.into_iter().any(|element| {
        children.iter().any(|child| {
            let value = element.attribute(&child.name);
            !value.is_null()
                && (!child.computed
                    || matches!(&child.kind, Kind::Nested(nesting, inner) if holds_uncomputed(*nesting, inner, value)))
        })
    })
}

fn nested(nesting: Nesting, children: &[Attribute], prior: &Dynamic, config: &Dynamic) -> Dynamic {
    match (nesting, config) {
        (Nesting::Single, Dynamic::Map(config)) => object(children, prior, config),
        (Nesting::Map, Dynamic::Map(configs)) => Dynamic::Map(
            configs
                .iter()
                .map(|(key, config)| (key.clone(), proposed(children, prior.attribute(key), config)))
                .collect(),
        ),
        (Nesting::List, Dynamic::List(configs)) => {
            let before = |index: usize| match prior {
                Dynamic::List(prior) => prior.get(index).unwrap_or(&Dynamic::Null),
                _ => &Dynamic::Null,
            };
            let merged = configs.iter().enumerate();
            Dynamic::List(merged.map(|(index, config)| proposed(children, before(index), config)).collect())
        }
        (Nesting::Set, Dynamic::Set(configs)) => {
            let mut left: Vec<&Dynamic> = match prior {
                Dynamic::Set(prior) => prior.iter().collect(),
                _ => Vec::new(),
            };
            let merged = configs.iter().map(|config| {
                let at = left.iter().position(|prior| may_come_from(children, prior, config));
                proposed(children, at.map_or(&Dynamic::Null, |at| left.remove(at)), config)
            });
            Dynamic::set(merged.collect())
        }
        _ => config.clone(),
    }
}

/// Whether a prior object may have come from a configured one: it differs only in what is computed and not configured.
fn may_come_from(attributes: &[Attribute], prior: &Dynamic, config: &Dynamic) -> bool {
    if prior == config {
        return true;
    }
    let (Dynamic::Map(_), Dynamic::Map(_)) = (prior, config) else { return false };
    attributes.iter().all(|attribute| {
        let (before, configured) = (prior.attribute(&attribute.name), config.attribute(&attribute.name));
        if before == configured {
            return true;
        }
        match &attribute.kind {
            Kind::Plain(_) => attribute.computed && configured.is_null(),
            Kind::Nested(nesting, children) => match (nesting, before, configured) {
                (Nesting::Single, _, _) => may_come_from(children, before, configured),
                (Nesting::Map, Dynamic::Map(before), Dynamic::Map(configured)) => {
                    before.len() == configured.len()
                        && before.iter().all(|(key, before)| {
                            configured.get(key).is_some_and(|configured| may_come_from(children, before, configured))
                        })
                }
                (_, Dynamic::List(before), Dynamic::List(configured))
                | (_, Dynamic::Set(before), Dynamic::Set(configured)) => {
                    before.len() == configured.len()
                        && before
                            .iter()
                            .zip(configured)
                            .all(|(before, configured)| may_come_from(children, before, configured))
                }
                _ => false,
            },
        }
    })
}
