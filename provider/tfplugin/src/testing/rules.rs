//! What Terraform demands of a provider's answers, each violation named by the path of the attribute.
//!
//! The framework keeps some of these rules by itself; they are checked all the same.

use std::collections::BTreeSet;

use super::literal::{each_element, shown};
use super::schema::{Attribute, Kind, Schema};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::Path;
use crate::schema::Nesting;
use crate::value::{Dynamic, Type};

/// What is planned must be what is configured, else what was before; only computed values may be anything else.
pub(super) fn plan_is_valid(schema: &Schema, prior: &Dynamic, config: &Dynamic, planned: &Dynamic) -> Diagnostics {
    let mut checker = Checker { schema, summary: "Provider produced an invalid plan", found: Diagnostics::new() };
    match (config.is_null(), planned.is_null()) {
        (true, false) => checker.wrong(&Path::root(), "It is to be destroyed, but a new state was planned."),
        (false, true) => checker.wrong(&Path::root(), "It is configured, but its absence was planned."),
        _ => checker.planned_object(&schema.attributes, prior, config, planned, &Path::root()),
    }
    checker.found
}

/// Whatever an earlier answer said for certain, a later one must repeat.
pub(super) fn later_repeats_earlier(
    schema: &Schema,
    earlier: &Dynamic,
    later: &Dynamic,
    summary: &'static str,
) -> Diagnostics {
    let mut checker = Checker { schema, summary, found: Diagnostics::new() };
    checker.repeated(&schema.object_type, earlier, later, &Path::root());
    checker.found
}

/// A state has no unknown values and no write-only ones.
pub(super) fn state_is_storable(schema: &Schema, state: &Dynamic, operation: &str) -> Diagnostics {
    let mut found = crate::verify::complete(state, &schema.object_type, operation);
    let mut checker = Checker { schema, summary: "Provider stored a write-only value", found: Diagnostics::new() };
    checker.without_write_only(&schema.attributes, state, &Path::root());
    found.extend(checker.found);
    found
}

struct Checker<'a> {
    schema: &'a Schema,
    summary: &'static str,
    found: Diagnostics,
}

impl Checker<'_> {
    fn wrong(&mut self, path: &Path, what: impl Into<String>) {
        self.found.push(Diagnostic::error(self.summary).detail(what).at(path.clone()));
    }

    /// A value in words, unless it is sensitive.
    fn word(&self, value: &Dynamic, path: &Path) -> String {
        match value {
            Dynamic::Null => "null".to_owned(),
            Dynamic::Unknown => "unknown".to_owned(),
            _ if self.schema.is_sensitive(path) => "a sensitive value".to_owned(),
            known if known.is_wholly_known() => shown(known).to_string(),
            _ => "a value that holds unknowns".to_owned(),
        }
    }

    fn planned_object(
        &mut self,
        attributes: &[Attribute],
        prior: &Dynamic,
        config: &Dynamic,
        planned: &Dynamic,
        path: &Path,
    ) {
        for attribute in attributes {
            let of = |object: &Dynamic| object.attribute(&attribute.name).clone();
            self.planned(attribute, &of(prior), &of(config), &of(planned), &path.clone().attr(&attribute.name));
        }
    }

    fn planned(&mut self, attribute: &Attribute, prior: &Dynamic, config: &Dynamic, planned: &Dynamic, path: &Path) {
        if attribute.write_only {
            if !planned.is_null() {
                self.wrong(path, "It is write-only, so it must be planned as null.");
            }
        } else if planned == config {
        } else if config.is_null() {
            if !attribute.computed {
                let planned = self.word(planned, path);
                self.wrong(
                    path,
                    format!(
                        "It is neither configured nor computed, so it must stay null, but was planned as {planned}."
                    ),
                );
            }
        } else if !prior.is_null() && planned == prior {
            // Another spelling of the same: the provider kept the old one.
        } else if let Kind::Nested(nesting, children) = &attribute.kind {
            self.planned_elements(*nesting, children, prior, config, planned, path);
        } else {
            self.differs(prior, config, planned, path);
        }
    }

    fn differs(&mut self, prior: &Dynamic, config: &Dynamic, planned: &Dynamic, path: &Path) {
        let was = if prior.is_null() { String::new() } else { format!(" and was {}", self.word(prior, path)) };
        let (config, planned) = (self.word(config, path), self.word(planned, path));
        self.wrong(path, format!("It is configured as {config}{was}, but was planned as {planned}."));
    }

    fn planned_elements(
        &mut self,
        nesting: Nesting,
        children: &[Attribute],
        prior: &Dynamic,
        config: &Dynamic,
        planned: &Dynamic,
        path: &Path,
    ) {
        match (nesting, config, planned) {
            (Nesting::Single, Dynamic::Map(_), Dynamic::Map(_)) => {
                self.planned_object(children, prior, config, planned, path);
            }
            (Nesting::Map, Dynamic::Map(configs), Dynamic::Map(elements)) if configs.keys().eq(elements.keys()) => {
                for (key, config) in configs {
                    let (prior, planned) = (prior.attribute(key), planned.attribute(key));
                    self.planned_element(children, prior, config, planned, &path.clone().key(key));
                }
            }
            (Nesting::List, Dynamic::List(configs), Dynamic::List(elements)) if configs.len() == elements.len() => {
                for (index, (config, planned)) in configs.iter().zip(elements).enumerate() {
                    let prior = match prior {
                        Dynamic::List(prior) => prior.get(index).unwrap_or(&Dynamic::Null),
                        _ => &Dynamic::Null,
                    };
                    self.planned_element(children, prior, config, planned, &path.clone().index(index));
                }
            }
            (Nesting::Set, Dynamic::Set(configs), Dynamic::Set(elements)) if configs.len() == elements.len() => {
                for planned in elements {
                    let fits = configs.iter().any(|config| {
                        let mut alone = Checker { found: Diagnostics::new(), ..*self };
                        alone.planned_element(children, &Dynamic::Null, config, planned, path);
                        alone.found.is_empty()
                    });
                    if !fits {
                        let planned = self.word(planned, path);
                        self.wrong(path, format!("The element planned as {planned} is none of the configured ones."));
                    }
                }
            }
            (Nesting::Map | Nesting::List | Nesting::Set, _, Dynamic::Map(_) | Dynamic::List(_) | Dynamic::Set(_))
                if config.is_wholly_known() =>
            {
                self.wrong(path, "The planned elements are not the configured ones: some were added or left out.");
            }
            _ => self.differs(prior, config, planned, path),
        }
    }

    fn planned_element(
        &mut self,
        children: &[Attribute],
        prior: &Dynamic,
        config: &Dynamic,
        planned: &Dynamic,
        path: &Path,
    ) {
        match (config, planned) {
            (Dynamic::Map(_), Dynamic::Map(_)) => self.planned_object(children, prior, config, planned, path),
            _ if config == planned => {}
            _ => self.differs(prior, config, planned, path),
        }
    }

    fn repeated(&mut self, of: &Type, earlier: &Dynamic, later: &Dynamic, path: &Path) {
        match (earlier, later, of) {
            (Dynamic::Unknown, _, _) => {}
            _ if earlier == later => {}
            (Dynamic::Typed(earlier), Dynamic::Typed(later), _) if earlier.0 == later.0 => {
                self.repeated(&earlier.0, &earlier.1, &later.1, path);
            }
            (Dynamic::Map(earlier), Dynamic::Map(later), _) => {
                let keys: BTreeSet<&String> = earlier.keys().chain(later.keys()).collect();
                for key in keys {
                    let (path, inner) = match of {
                        Type::Object(attributes) => (path.clone().attr(key), attributes.get(key)),
                        Type::Map(element) => (path.clone().key(key), Some(element.as_ref())),
                        _ => (path.clone().key(key), None),
                    };
                    match (earlier.get(key), later.get(key)) {
                        (Some(earlier), Some(later)) => {
                            self.repeated(inner.unwrap_or(&Type::Dynamic), earlier, later, &path);
                        }
                        (None, _) => self.wrong(&path, "This element has appeared."),
                        (_, None) => self.wrong(&path, "This element has vanished."),
                    }
                }
            }
            (Dynamic::List(earlier), Dynamic::List(later), _) if earlier.len() == later.len() => {
                for (index, (earlier, later)) in earlier.iter().zip(later).enumerate() {
                    let inner = match of {
                        Type::List(element) => Some(element.as_ref()),
                        Type::Tuple(elements) => elements.get(index),
                        _ => None,
                    };
                    self.repeated(inner.unwrap_or(&Type::Dynamic), earlier, later, &path.clone().index(index));
                }
            }
            (Dynamic::List(earlier), Dynamic::List(later), _) => {
                self.wrong(path, format!("It had {} elements and now has {}.", earlier.len(), later.len()));
            }
            (Dynamic::Set(earlier), Dynamic::Set(later), _) => self.repeated_set(of, earlier, later, path),
            _ => {
                let (earlier, later) = (self.word(earlier, path), self.word(later, path));
                self.wrong(path, format!("It was to be {earlier}, but is {later}."));
            }
        }
    }

    /// An element of a set that holds unknowns may become any that fits.
    fn repeated_set(&mut self, of: &Type, earlier: &[Dynamic], later: &[Dynamic], path: &Path) {
        let element = match of {
            Type::Set(element) => element,
            _ => &Type::Dynamic,
        };
        let becomes = |earlier: &Dynamic, later: &Dynamic| {
            let mut alone = Checker { found: Diagnostics::new(), ..*self };
            alone.repeated(element, earlier, later, path);
            alone.found.is_empty()
        };
        let lost: Vec<&Dynamic> =
            earlier.iter().filter(|earlier| !later.iter().any(|later| becomes(earlier, later))).collect();
        let new: Vec<&Dynamic> =
            later.iter().filter(|later| !earlier.iter().any(|earlier| becomes(earlier, later))).collect();
        for lost in lost {
            let lost = self.word(lost, path);
            self.wrong(path, format!("The element {lost} has vanished."));
        }
        for new in new {
            let new = self.word(new, path);
            self.wrong(path, format!("The element {new} has appeared."));
        }
    }

    fn without_write_only(&mut self, attributes: &[Attribute], object: &Dynamic, path: &Path) {
        for attribute in attributes {
            let value = object.attribute(&attribute.name);
            let path = path.clone().attr(&attribute.name);
            if attribute.write_only && !value.is_null() {
                self.wrong(&path, "A write-only attribute is null in every state.");
            } else if let Kind::Nested(nesting, children) = &attribute.kind {
                each_element(*nesting, value, &path, |element, path| {
                    self.without_write_only(children, element, path);
                });
            }
        }
    }
}

#[cfg(test)]
#[path = "rules/tests.rs"]
mod tests;
