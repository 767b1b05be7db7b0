//! A value whose type is known only at run time.
//!
//! This is what the wire decodes to and what planning works on. Sets are kept sorted, so that two sets are equal when
//! Terraform would call them equal.

use std::collections::BTreeMap;

use super::{Number, Type};

/// The attributes of an object, by name.
pub type Object = BTreeMap<String, Dynamic>;

/// Any Terraform value. `Debug` shows the value: never log one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Dynamic {
    /// No value.
    #[default]
    Null,
    /// Not known before apply.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text, in NFC once it has crossed the wire.
    String(String),
    /// A list or tuple.
    List(Vec<Dynamic>),
    /// A set, sorted: make it with [`Dynamic::set`].
    Set(Vec<Dynamic>),
    /// A map or object.
    Map(Object),
    /// A value in a position of type [`Type::Dynamic`], with the type it has.
    Typed(Box<(Type, Dynamic)>),
}

impl Dynamic {
    /// A set: sorted, and without duplicates among the wholly known elements.
    pub fn set(mut elements: Vec<Self>) -> Self {
        elements.sort();
        elements.dedup_by(|left, right| left == right && left.is_wholly_known());
        Self::Set(elements)
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether this is unknown itself (not only something within).
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether nothing within is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
            Self::List(elements) | Self::Set(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Map(fields) => fields.values().all(Self::is_wholly_known),
            Self::Typed(typed) => typed.1.is_wholly_known(),
        }
    }

    /// The attributes, when this is an object or map.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// The text, when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The attribute of that name; null when there is none.
    pub fn attribute(&self, name: &str) -> &Self {
        self.as_object().and_then(|fields| fields.get(name)).unwrap_or(&Self::Null)
    }

    /// The same value with every unknown within turned to null.
    pub fn nulls_for_unknowns(self) -> Self {
        match self {
            Self::Unknown => Self::Null,
            Self::List(elements) => Self::List(elements.into_iter().map(Self::nulls_for_unknowns).collect()),
            Self::Set(elements) => Self::set(elements.into_iter().map(Self::nulls_for_unknowns).collect()),
            Self::Map(fields) => {
                Self::Map(fields.into_iter().map(|(key, value)| (key, value.nulls_for_unknowns())).collect())
            }
            Self::Typed(typed) => Self::Typed(Box::new((typed.0, typed.1.nulls_for_unknowns()))),
            known => known,
        }
    }

    /// `after`, but with this value's own form wherever `after` says the same as `before`.
    ///
    /// `before` and `after` are what typed code was given and gave back. Typed code may see less than there is (a
    /// collection with an unknown element reads as unknown); what it left alone keeps its full form.
    pub(crate) fn merged(&self, before: &Self, after: Self) -> Self {
        if *before == after {
            return self.clone();
        }
        match (self, before, after) {
            (Self::Map(own), Self::Map(before), Self::Map(after)) => Self::Map(
                after
                    .into_iter()
                    .map(|(key, after)| {
                        let value = match (own.get(&key), before.get(&key)) {
                            (Some(own), Some(before)) => own.merged(before, after),
                            _ => after,
                        };
                        (key, value)
                    })
                    .collect(),
            ),
            (Self::List(own), Self::List(before), Self::List(after))
                if own.len() == after.len() && before.len() == after.len() =>
            {
                let pairs = own.iter().zip(before).zip(after);
                Self::List(pairs.map(|((own, before), after)| own.merged(before, after)).collect())
            }
            (_, _, after) => after,
        }
    }
}

impl From<&str> for Dynamic {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<i64> for Dynamic {
    fn from(whole: i64) -> Self {
        Self::Number(whole.into())
    }
}

impl From<bool> for Dynamic {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_equal_whatever_their_order() {
        let set = |texts: &[&str]| Dynamic::set(texts.iter().map(|text| Dynamic::from(*text)).collect());
        assert_eq!(set(&["b", "a", "b"]), set(&["a", "b"]));
    }

    #[test]
    fn two_unknown_elements_stay_two() {
        let Dynamic::Set(elements) = Dynamic::set(vec![Dynamic::Unknown, Dynamic::Unknown]) else { panic!("a set") };
        assert_eq!(elements.len(), 2);
    }

    #[test]
    fn what_typed_code_left_alone_keeps_its_full_form() {
        let object = |a: Dynamic, b: Dynamic| Dynamic::Map([("a".into(), a), ("b".into(), b)].into());
        let full = object(Dynamic::List(vec![Dynamic::Unknown]), Dynamic::from(1));
        let before = object(Dynamic::Unknown, Dynamic::from(1));
        let after = object(Dynamic::Unknown, Dynamic::from(2));
        let merged = full.merged(&before, after);
        assert_eq!(merged, object(Dynamic::List(vec![Dynamic::Unknown]), Dynamic::from(2)));
    }
}
