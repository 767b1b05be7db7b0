//! A value that may be known, null, or not known yet.
//!
//! Terraform plans before everything exists, so each attribute has three states. [`Value`] makes all three visible in
//! the type; nothing in this crate turns an unknown into a default behind your back.

mod convert;
mod decode_error;
mod dynamic;
mod normalized;
mod number;
mod set;
mod types;

pub(crate) use convert::convert;
pub use decode_error::DecodeError;
pub use dynamic::{Dynamic, Object};
pub(crate) use normalized::normalized;
pub use number::{Number, NumberError};
pub use set::Set;
pub(crate) use types::DEPTH_MAX;
pub use types::{Type, TypeError};

/// A known value, null, or a value that is not known before apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Value<T> {
    /// Not set.
    #[default]
    Null,
    /// Not known before apply.
    Unknown,
    /// Set.
    Known(T),
}

/// Whether a value is set, as far as can be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Null.
    Absent,
    /// Set to something known.
    Present,
    /// Unknown: may turn out null.
    Undecided,
}

impl<T> Value<T> {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether this is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether this is known and not null.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// The value, when known and not null.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The value, when known and not null.
    pub fn known_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The value, when known and not null.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The same state around a reference.
    pub fn as_ref(&self) -> Value<&T> {
        match self {
            Self::Null => Value::Null,
            Self::Unknown => Value::Unknown,
            Self::Known(value) => Value::Known(value),
        }
    }

    /// Changes what is known; null stays null and unknown stays unknown.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Value<U> {
        match self {
            Self::Null => Value::Null,
            Self::Unknown => Value::Unknown,
            Self::Known(value) => Value::Known(change(value)),
        }
    }

    /// The known value, or this one when null or unknown. Say it only where both mean the same.
    pub fn known_or(self, fallback: T) -> T {
        self.into_known().unwrap_or(fallback)
    }

    /// Whether it is set, for rules across fields.
    pub fn presence(&self) -> Presence {
        match self {
            Self::Null => Presence::Absent,
            Self::Unknown => Presence::Undecided,
            Self::Known(_) => Presence::Present,
        }
    }
}

impl Value<String> {
    /// The text, when known and not null.
    pub fn as_str(&self) -> Option<&str> {
        self.known().map(String::as_str)
    }
}

impl<T> From<T> for Value<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<Option<T>> for Value<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl From<&str> for Value<String> {
    fn from(text: &str) -> Self {
        Self::Known(text.to_owned())
    }
}

impl PartialEq<str> for Value<String> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value<String> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}
