//! Planning as a pure function of schema, prior state, proposed state and configuration.
//!
//! The order is that of the documented rules: defaults fill nulls; write-only values become null; what is configured in
//! another spelling of the prior value keeps the prior one; when the result
//! differs from the prior state, computed values that nobody set become unknown; attribute modifiers run. The author's
//! `modify_plan` comes after, elsewhere.
//!
//! Guarantees: a configured value is planned as configured, or as it was before when that says the same; what is
//! neither configured nor computed stays null; with nothing to change the plan is exactly the prior state; the same
//! input gives the same plan.
//!
//! Objects in maps and lists are matched with their prior and configured selves by key and index, those in sets by
//! being compatible with what was configured, since they have no address.

use std::collections::BTreeSet;

use crate::path::Path;
use crate::schema::{Attribute, Kind, Modifier, Nesting};
use crate::spelling::same;
use crate::value::{Dynamic, Object};

/// What planning decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) state: Dynamic,
    pub(crate) requires_replace: BTreeSet<Path>,
}

/// Plans a change. `proposed` is what Terraform merged from `prior` and `config`; null when destroying.
pub(crate) fn plan(attributes: &[Attribute], prior: &Dynamic, proposed: &Dynamic, config: &Dynamic) -> Planned {
    let mut requires_replace = BTreeSet::new();
    let (Dynamic::Map(proposed), Dynamic::Map(config)) = (proposed, config) else {
        return Planned { state: proposed.clone(), requires_replace };
    };
    let mut planned = proposed.clone();
    fill(attributes, &mut planned, config, prior.as_object());
    if prior.as_object() != Some(&planned) {
        mark(attributes, &mut planned, config);
    }
    let mut modifying = Modifying { exists: !prior.is_null(), requires_replace: &mut requires_replace };
    modifying.run(attributes, &mut planned, config, prior.as_object(), &Path::root());
    Planned { state: Dynamic::Map(planned), requires_replace }
}

/// Nulls every write-only value, wherever it is.
pub(crate) fn null_write_only(attributes: &[Attribute], object: &mut Object) {
    for attribute in attributes {
        let Some(value) = object.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *value = Dynamic::Null;
        } else if let Kind::Nested(_, children) = &attribute.kind {
            match value {
                Dynamic::Map(fields) if matches!(attribute.kind, Kind::Nested(Nesting::Single, _)) => {
                    null_write_only(children, fields);
                }
                Dynamic::Map(elements) => {
                    for element in elements.values_mut() {
                        null_write_only_in(children, element);
                    }
                }
                Dynamic::List(elements) | Dynamic::Set(elements) => {
                    for element in elements {
                        null_write_only_in(children, element);
                    }
                }
                _ => {}
            }
        }
    }
}

fn null_write_only_in(children: &[Attribute], element: &mut Dynamic) {
    if let Dynamic::Map(fields) = element {
        null_write_only(children, fields);
    }
}

/// Defaults, write-only values, and the prior spelling of what says the same.
fn fill(attributes: &[Attribute], planned: &mut Object, config: &Object, prior: Option<&Object>) {
    for attribute in attributes {
        let configured = field(config, &attribute.name);
        let before = prior.map_or(&Dynamic::Null, |prior| field(prior, &attribute.name));
        let value = planned.entry(attribute.name.clone()).or_default();
        if attribute.write_only {
            *value = Dynamic::Null;
        } else if configured.is_null()
            && let Some(default) = &attribute.default
        {
            *value = default.clone();
        } else if same(attribute, configured, before) {
            *value = before.clone();
        }
        let Kind::Nested(nesting, children) = &attribute.kind else { continue };
        if let (Nesting::Set, Dynamic::Set(configs)) = (nesting, configured) {
            *value = fill_set(children, configs, before);
        } else {
            each_object(*nesting, children, value, configured, before, |object, config, prior, _| {
                fill(children, object, config, prior);
            });
        }
    }
}

/// A set is merged anew: Terraform, which does not know the defaults, may have paired an element with the wrong prior
/// one.
fn fill_set(children: &[Attribute], configs: &[Dynamic], prior: &Dynamic) -> Dynamic {
    let prior = objects(prior);
    let merged = pair(children, configs, &prior).into_iter().map(|(config, prior)| {
        let mut object = merge(children, config, prior);
        fill(children, &mut object, config, prior);
        Dynamic::Map(object)
    });
    let unknown = configs.iter().filter(|config| config.as_object().is_none()).cloned();
    Dynamic::set(merged.chain(unknown).collect())
}

/// An object as configured, with the prior values of what is computed and not configured.
fn merge(attributes: &[Attribute], config: &Object, prior: Option<&Object>) -> Object {
    let merged = attributes.iter().map(|attribute| {
        let configured = field(config, &attribute.name);
        let before = prior.map_or(&Dynamic::Null, |prior| field(prior, &attribute.name));
        let value = if configured.is_null() && attribute.is_computed() {
            before.clone()
        } else if let Kind::Nested(nesting, children) = &attribute.kind {
            let mut value = configured.clone();
            each_object(*nesting, children, &mut value, configured, before, |object, config, prior, _| {
                *object = merge(children, config, prior);
            });
            value
        } else {
            configured.clone()
        };
        (attribute.name.clone(), value)
    });
    merged.collect()
}

/// Unknowns for what only the provider can tell.
fn mark(attributes: &[Attribute], planned: &mut Object, config: &Object) {
    for attribute in attributes {
        let configured = field(config, &attribute.name);
        let value = planned.entry(attribute.name.clone()).or_default();
        if configured.is_null() {
            if attribute.is_computed() && attribute.default.is_none() {
                *value = Dynamic::Unknown;
            }
        } else if let Kind::Nested(nesting, children) = &attribute.kind {
            each_object(*nesting, children, value, configured, &Dynamic::Null, |object, config, _, _| {
                mark(children, object, config);
            });
        }
    }
}

/// The attribute modifiers, outer attributes before inner ones.
struct Modifying<'a> {
    /// Whether there is a prior state, so that replacing means something.
    exists: bool,
    requires_replace: &'a mut BTreeSet<Path>,
}

impl Modifying<'_> {
    /// `prior` is `None` for an object that did not exist before.
    fn run(
        &mut self,
        attributes: &[Attribute],
        planned: &mut Object,
        config: &Object,
        prior: Option<&Object>,
        path: &Path,
    ) {
        for attribute in attributes {
            let path = path.clone().attr(&attribute.name);
            let configured = field(config, &attribute.name);
            let before = prior.map_or(&Dynamic::Null, |prior| field(prior, &attribute.name));
            let value = planned.entry(attribute.name.clone()).or_default();
            for modifier in &attribute.modifiers {
                if matches!(modifier, Modifier::KeepState) {
                    if prior.is_some() && value.is_unknown() && configured.is_null() {
                        *value = before.clone();
                    }
                } else if self.exists && value != before && replaces(modifier, configured, before, value) {
                    self.requires_replace.insert(path.clone());
                }
            }
            if let Kind::Nested(nesting, children) = &attribute.kind {
                each_object(*nesting, children, value, configured, before, |object, config, prior, step| {
                    self.run(children, object, config, prior, &step.under(&path));
                });
            }
        }
    }
}

fn replaces(modifier: &Modifier, configured: &Dynamic, before: &Dynamic, planned: &Dynamic) -> bool {
    match modifier {
        Modifier::KeepState => false,
        Modifier::RequiresReplace => true,
        Modifier::RequiresReplaceIfConfigured => !configured.is_null(),
        Modifier::RequiresReplaceIf(decide) => decide(before, planned),
    }
}

/// How an object is reached from its nested attribute.
enum Place<'a> {
    /// It is the attribute, or in a set, where elements have no address.
    Here,
    Key(&'a str),
    Index(usize),
}

impl Place<'_> {
    fn under(&self, path: &Path) -> Path {
        match self {
            Self::Here => path.clone(),
            Self::Key(key) => path.clone().key(*key),
            Self::Index(index) => path.clone().index(*index),
        }
    }
}

/// Visits each planned object of a nested attribute together with its configuration and, if it existed, its prior self.
/// Objects that are not configured (they come from the prior state) are left alone.
fn each_object(
    nesting: Nesting,
    children: &[Attribute],
    planned: &mut Dynamic,
    config: &Dynamic,
    prior: &Dynamic,
    mut visit: impl FnMut(&mut Object, &Object, Option<&Object>, Place<'_>),
) {
    match (nesting, planned, config) {
        (Nesting::Single, Dynamic::Map(planned), Dynamic::Map(config)) => {
            visit(planned, config, prior.as_object(), Place::Here);
        }
        (Nesting::Map, Dynamic::Map(planned), Dynamic::Map(config)) => {
            for (key, planned) in planned {
                if let (Dynamic::Map(planned), Dynamic::Map(config)) = (planned, field(config, key)) {
                    visit(planned, config, prior.attribute(key).as_object(), Place::Key(key));
                }
            }
        }
        (Nesting::List, Dynamic::List(planned), Dynamic::List(config)) => {
            let prior = match prior {
                Dynamic::List(prior) => prior.as_slice(),
                _ => &[],
            };
            for (index, (planned, config)) in planned.iter_mut().zip(config).enumerate() {
                if let (Dynamic::Map(planned), Dynamic::Map(config)) = (planned, config) {
                    visit(planned, config, prior.get(index).and_then(Dynamic::as_object), Place::Index(index));
                }
            }
        }
        (Nesting::Set, Dynamic::Set(elements), Dynamic::Set(configs)) => {
            let before = objects(prior);
            let prior_of = pair(children, configs, &before);
            let known: Vec<Object> = elements.iter().filter_map(Dynamic::as_object).cloned().collect();
            let known: Vec<&Object> = known.iter().collect();
            let mut visited: Vec<Dynamic> =
                elements.iter().filter(|element| element.as_object().is_none()).cloned().collect();
            let mut left = known.clone();
            for ((config, planned), (_, prior)) in pair(children, configs, &known).into_iter().zip(prior_of) {
                let Some(planned) = planned else { continue };
                if let Some(at) = left.iter().position(|candidate| std::ptr::eq(*candidate, planned)) {
                    left.swap_remove(at);
                }
                let mut object = planned.clone();
                visit(&mut object, config, prior, Place::Here);
                visited.push(Dynamic::Map(object));
            }
            visited.extend(left.into_iter().cloned().map(Dynamic::Map));
            let Dynamic::Set(ordered) = Dynamic::set(visited) else { return };
            *elements = ordered;
        }
        _ => {}
    }
}

/// The objects of a set.
fn objects(set: &Dynamic) -> Vec<&Object> {
    match set {
        Dynamic::Set(elements) => elements.iter().filter_map(Dynamic::as_object).collect(),
        _ => Vec::new(),
    }
}

/// Pairs each configured object of a set with the one it became. Those that say most choose first.
fn pair<'a>(
    children: &[Attribute],
    configs: &'a [Dynamic],
    candidates: &[&'a Object],
) -> Vec<(&'a Object, Option<&'a Object>)> {
    let mut configs: Vec<&Object> = configs.iter().filter_map(Dynamic::as_object).collect();
    configs.sort_by_key(|config| config.values().filter(|value| value.is_null()).count());
    let mut left = candidates.to_vec();
    let choose = configs.into_iter().map(|config| {
        let at = left.iter().position(|candidate| compatible(children, config, candidate));
        (config, at.map(|at| left.remove(at)))
    });
    choose.collect()
}

/// Whether an object may be what a configuration became: all that is configured is there, what is not has its default
/// or is computed.
fn compatible(attributes: &[Attribute], config: &Object, object: &Object) -> bool {
    attributes.iter().all(|attribute| {
        let (configured, value) = (field(config, &attribute.name), field(object, &attribute.name));
        if attribute.write_only || configured == value {
            return true;
        }
        match (&attribute.kind, configured, value) {
            (_, Dynamic::Null, _) => match &attribute.default {
                Some(default) => default == value,
                None => attribute.is_computed(),
            },
            (Kind::Nested(Nesting::Single, children), Dynamic::Map(config), Dynamic::Map(object)) => {
                compatible(children, config, object)
            }
            (Kind::Nested(Nesting::Map, children), Dynamic::Map(config), Dynamic::Map(objects)) => {
                config.len() == objects.len()
                    && config.iter().all(|(key, config)| compatible_values(children, config, field(objects, key)))
            }
            (Kind::Nested(Nesting::List, children), Dynamic::List(config), Dynamic::List(objects)) => {
                config.len() == objects.len()
                    && config.iter().zip(objects).all(|(config, object)| compatible_values(children, config, object))
            }
            (Kind::Nested(Nesting::Set, children), Dynamic::Set(config), Dynamic::Set(objects)) => {
                config.iter().all(|config| objects.iter().any(|object| compatible_values(children, config, object)))
            }
            _ => false,
        }
    })
}

fn compatible_values(attributes: &[Attribute], config: &Dynamic, object: &Dynamic) -> bool {
    match (config, object) {
        (Dynamic::Map(config), Dynamic::Map(object)) => compatible(attributes, config, object),
        _ => config == object,
    }
}

fn field<'a>(object: &'a Object, name: &str) -> &'a Dynamic {
    object.get(name).unwrap_or(&Dynamic::Null)
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
