//! Keeping the user's spelling where a value says the same in another form.
//!
//! Some types have several spellings of one value, such as JSON with other white space. Terraform compares texts, so
//! what comes back from a remote system in its own spelling would look like a change. Objects in maps and lists are
//! matched by key and index; those in sets have no address and are left alone.

use crate::schema::{Attribute, Kind, Nesting};
use crate::value::Dynamic;

/// Gives values in `after` the spelling that they have in `before`, wherever both say the same.
pub(crate) fn keep_spelling(attributes: &[Attribute], before: &Dynamic, after: &mut Dynamic) {
    let (Dynamic::Map(before), Dynamic::Map(after)) = (before, after) else { return };
    for attribute in attributes {
        let (Some(before), Some(after)) = (before.get(&attribute.name), after.get_mut(&attribute.name)) else {
            continue;
        };
        if same(attribute, before, after) {
            *after = before.clone();
        } else if let Kind::Nested(nesting, children) = &attribute.kind {
            keep_in_nested(*nesting, children, before, after);
        }
    }
}

/// Whether two values of an attribute are two spellings of the same.
pub(crate) fn same(attribute: &Attribute, left: &Dynamic, right: &Dynamic) -> bool {
    attribute.equivalent.is_some_and(|equivalent| equivalent(left, right))
}

fn keep_in_nested(nesting: Nesting, children: &[Attribute], before: &Dynamic, after: &mut Dynamic) {
    match (nesting, before, after) {
        (Nesting::Single, before, after) => keep_spelling(children, before, after),
        (Nesting::Map, Dynamic::Map(before), Dynamic::Map(after)) => {
            for (key, after) in after {
                if let Some(before) = before.get(key) {
                    keep_spelling(children, before, after);
                }
            }
        }
        (Nesting::List, Dynamic::List(before), Dynamic::List(after)) => {
            for (before, after) in before.iter().zip(after) {
                keep_spelling(children, before, after);
            }
        }
        _ => {}
    }
}
