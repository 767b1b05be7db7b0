//! Checks on one configured value.
//!
//! A validator sees only values that are known and not null: unknown ones are checked later, when they are known. One
//! that stands at an attribute of another type says so whenever the attribute is set.
//! Rules across several attributes are plain functions over [`Presence`], called from `validate` of a resource.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeBounds;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::duration::parse_duration;
use crate::path::Path;
use crate::schema::Field;
pub use crate::schema::Validator;
use crate::value::{DecodeError, Dynamic, Number, Presence};

/// A check that says what the value must be.
fn rule(check: impl Fn(&Dynamic) -> Result<(), String> + Send + Sync + 'static) -> Validator {
    Validator::new(move |value, path, out| {
        if let Err(rule) = check(value) {
            let name = if path.is_root() { "The value".to_owned() } else { format!("`{path}`") };
            out.error(path.clone(), "Invalid value", format!("{name} {rule}."));
        }
    })
}

fn number_rule(check: impl Fn(&Number) -> Result<(), String> + Send + Sync + 'static) -> Validator {
    rule(move |value| match value {
        Dynamic::Number(number) => check(number),
        _ => Err(MISPLACED.to_owned()),
    })
}

fn text_rule(check: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Validator {
    rule(move |value| value.as_str().map_or_else(|| Err(MISPLACED.to_owned()), &check))
}

/// A check that can never hold is told, not passed over: its author believes in it.
const MISPLACED: &str = "is checked as a value of another type, which is a defect of the provider";

/// The number of characters of a text.
pub fn length(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Validator {
    text_rule(move |text| {
        let is_in = range.contains(&text.chars().count());
        if is_in { Ok(()) } else { Err(format!("must have {} characters", bounds(&range))) }
    })
}

/// The number of elements of a list, set or map.
pub fn items(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Validator {
    rule(move |value| {
        let count = match value {
            // Unknown elements of a set may turn out equal, so its size is open.
            Dynamic::Set(elements) if value.is_wholly_known() => elements.len(),
            Dynamic::Set(_) => return Ok(()),
            Dynamic::List(elements) => elements.len(),
            Dynamic::Map(fields) => fields.len(),
            _ => return Err(MISPLACED.to_owned()),
        };
        if range.contains(&count) { Ok(()) } else { Err(format!("must have {} elements", bounds(&range))) }
    })
}

fn bounds(range: &impl RangeBounds<usize>) -> String {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let low = match range.start_bound() {
        Included(low) => Some(*low),
        Excluded(low) => Some(low + 1),
        Unbounded => None,
    };
    let high = match range.end_bound() {
        Included(high) => Some(*high),
        Excluded(high) => Some(high.saturating_sub(1)),
        Unbounded => None,
    };
    match (low, high) {
        (Some(low), Some(high)) => format!("between {low} and {high}"),
        (Some(low), None) => format!("at least {low}"),
        (None, Some(high)) => format!("at most {high}"),
        (None, None) => "any number of".to_owned(),
    }
}

/// One of the given texts.
pub fn one_of<T: Into<String>>(allowed: impl IntoIterator<Item = T>) -> Validator {
    let allowed: Vec<String> = allowed.into_iter().map(Into::into).collect();
    text_rule(move |text| {
        if allowed.iter().any(|one| one == text) {
            return Ok(());
        }
        let listed: Vec<String> = allowed.iter().map(|one| format!("{one:?}")).collect();
        Err(format!("must be one of {}", listed.join(", ")))
    })
}

/// A number not below `low`.
pub fn at_least(low: i64) -> Validator {
    number_rule(move |number| if *number < Number::from(low) { Err(format!("must be at least {low}")) } else { Ok(()) })
}

/// A number not above `high`.
pub fn at_most(high: i64) -> Validator {
    number_rule(
        move |number| {
            if *number > Number::from(high) { Err(format!("must be at most {high}")) } else { Ok(()) }
        },
    )
}

/// A number from `low` to `high`, both included.
pub fn between(low: i64, high: i64) -> Validator {
    number_rule(move |number| {
        let inside = (Number::from(low)..=Number::from(high)).contains(number);
        if inside { Ok(()) } else { Err(format!("must be between {low} and {high}")) }
    })
}

/// A text that a parse function accepts; its error becomes the detail, so it should read well there. Keep secrets out
/// of such errors: for a sensitive attribute, say what is wrong without quoting.
pub fn check<T, E: Display>(parse: impl Fn(&str) -> Result<T, E> + Send + Sync + 'static) -> Validator {
    Validator::new(move |value, path, out| match value.as_str().map(&parse) {
        Some(Ok(_)) => {}
        Some(Err(error)) => out.error(path.clone(), "Invalid value", format!("`{path}`: {error}.")),
        None => out.error(path.clone(), "Invalid value", format!("`{path}` {MISPLACED}.")),
    })
}

/// A text for which the predicate holds; `must` completes "must be ...".
pub fn matches(must: impl Into<String>, predicate: impl Fn(&str) -> bool + Send + Sync + 'static) -> Validator {
    let must = must.into();
    text_rule(move |text| if predicate(text) { Ok(()) } else { Err(format!("must be {must}")) })
}

/// A duration such as `90s`, `10m` or `1h30m`.
pub fn duration() -> Validator {
    text_rule(|text| match parse_duration(text) {
        Some(_) => Ok(()),
        None => Err("must be a duration such as \"90s\", \"10m\" or \"1h30m\"".to_owned()),
    })
}

/// A check on the decoded value; the error completes "must ...", as in "must be even". Skipped while any part that the
/// type needs is unknown.
pub fn custom<T: Field>(check: impl Fn(&T) -> Result<(), String> + Send + Sync + 'static) -> Validator {
    rule(move |value| match T::decode(value.clone(), &Path::root()) {
        Ok(typed) => check(&typed),
        Err(DecodeError::Unknown(_) | DecodeError::Null(_)) => Ok(()),
        Err(_) => Err(MISPLACED.to_owned()),
    })
}

/// A check on each element of a list, set or map.
pub fn each(validator: Validator) -> Validator {
    Validator::new(move |value, path, out| match value {
        Dynamic::List(elements) => {
            for (index, element) in elements.iter().enumerate() {
                validator.run(element, &path.clone().index(index), out);
            }
        }
        Dynamic::Set(elements) => {
            for element in elements {
                validator.run(element, path, out);
            }
        }
        Dynamic::Map(fields) => {
            for (key, element) in fields {
                validator.run(element, &path.clone().key(key), out);
            }
        }
        _ => out.error(path.clone(), "Invalid value", format!("`{path}` {MISPLACED}.")),
    })
}

/// A check on each key of a map.
pub fn keys(validator: Validator) -> Validator {
    Validator::new(move |value, path, out| {
        if value.as_object().is_none() {
            out.error(path.clone(), "Invalid value", format!("`{path}` {MISPLACED}."));
        }
        for key in value.as_object().map(BTreeMap::keys).into_iter().flatten() {
            validator.run(&Dynamic::String(key.clone()), &path.clone().key(key), out);
        }
    })
}

/// Exactly one of these attributes must be set. Silent while an unknown one may decide it.
pub fn exactly_one_of(attributes: &[(&str, Presence)], out: &mut Diagnostics) {
    conflicts_with(attributes, out);
    at_least_one_of(attributes, out);
}

/// At least one of these attributes must be set.
pub fn at_least_one_of(attributes: &[(&str, Presence)], out: &mut Diagnostics) {
    if attributes.iter().all(|(_, presence)| *presence == Presence::Absent) {
        out.push(
            Diagnostic::error("Missing attribute").detail(format!("One of {} must be set.", names(attributes.iter()))),
        );
    }
}

/// At most one of these attributes may be set.
pub fn conflicts_with(attributes: &[(&str, Presence)], out: &mut Diagnostics) {
    let mut present = attributes.iter().filter(|(_, presence)| *presence == Presence::Present);
    let Some((first, _)) = present.next() else { return };
    for (name, _) in present {
        out.error(
            Path::root().attr(*name),
            "Conflicting attributes",
            format!("`{name}` cannot be set together with `{first}`."),
        );
    }
}

/// When the first attribute is set, all the others must be.
pub fn required_with(first: (&str, Presence), others: &[(&str, Presence)], out: &mut Diagnostics) {
    if first.1 != Presence::Present {
        return;
    }
    for (name, _) in others.iter().filter(|(_, presence)| *presence == Presence::Absent) {
        out.error(
            Path::root().attr(first.0),
            "Missing attribute",
            format!("`{name}` must be set when `{}` is set.", first.0),
        );
    }
}

fn names<'a>(attributes: impl Iterator<Item = &'a (&'a str, Presence)>) -> String {
    attributes.map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(validator: &Validator, value: &Dynamic) -> Vec<String> {
        let mut out = Diagnostics::new();
        validator.run(value, &Path::root().attr("a"), &mut out);
        out.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn null_and_unknown_pass_every_check() {
        for validator in [length(5..), one_of(["a"]), between(1, 2), check(str::parse::<i64>), duration()] {
            assert!(said(&validator, &Dynamic::Null).is_empty());
            assert!(said(&validator, &Dynamic::Unknown).is_empty());
        }
    }

    #[test]
    fn each_rule_says_what_the_value_must_be() {
        let table = [
            (length(1..=3), Dynamic::from("long"), "must have between 1 and 3 characters"),
            (length(5..), Dynamic::from("long"), "must have at least 5 characters"),
            (one_of(["a", "b"]), Dynamic::from("c"), r#"must be one of "a", "b""#),
            (between(1, 3), Dynamic::from(4), "must be between 1 and 3"),
            (at_least(1), Dynamic::from(0), "must be at least 1"),
            (matches("lower case", |text| text == text.to_lowercase()), Dynamic::from("A"), "must be lower case"),
            (duration(), Dynamic::from("soon"), "must be a duration"),
            (items(1..), Dynamic::List(vec![]), "must have at least 1 elements"),
        ];
        for (validator, value, rule) in table {
            let said = said(&validator, &value);
            assert!(said.len() == 1 && said[0].contains(rule), "{said:?}");
        }
    }

    #[test]
    fn a_check_at_a_value_of_another_type_is_told_and_not_passed_over() {
        let table = [
            (length(1..=3), Dynamic::from(7)),
            (items(1..), Dynamic::from("text")),
            (one_of(["a"]), Dynamic::from(7)),
            (between(1, 3), Dynamic::from("2")),
            (check(str::parse::<i64>), Dynamic::from(7)),
            (matches("lower case", |_| true), Dynamic::from(7)),
            (duration(), Dynamic::from(7)),
            (custom(|_: &String| Ok(())), Dynamic::from(7)),
            (each(length(1..)), Dynamic::from("text")),
            (keys(length(1..)), Dynamic::from("text")),
        ];
        for (index, (validator, value)) in table.into_iter().enumerate() {
            let said = said(&validator, &value);
            assert!(said.len() == 1 && said[0].contains("a value of another type"), "{index}: {said:?}");
        }
    }

    #[test]
    fn elements_and_keys_are_reported_where_they_stand() {
        let map = Dynamic::Map([("k".to_owned(), Dynamic::from("bad"))].into());
        assert!(said(&each(one_of(["good"])), &map)[0].contains(r#"a["k"]"#));
        assert!(said(&keys(length(2..)), &map)[0].contains(r#"a["k"]"#));
    }

    #[test]
    fn unknown_attributes_leave_rules_across_fields_open() {
        use Presence::{Absent, Present, Undecided};
        let count = |pairs: &[(&str, Presence)]| {
            let mut out = Diagnostics::new();
            exactly_one_of(pairs, &mut out);
            out.iter().count()
        };
        assert_eq!(count(&[("a", Present), ("b", Absent)]), 0);
        assert_eq!(count(&[("a", Undecided), ("b", Absent)]), 0);
        assert_eq!(count(&[("a", Undecided), ("b", Present)]), 0);
        assert_eq!(count(&[("a", Absent), ("b", Absent)]), 1);
        assert_eq!(count(&[("a", Present), ("b", Present), ("c", Present)]), 2);
    }
}
