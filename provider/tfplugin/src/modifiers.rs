//! Plan modifiers: what one attribute adds to planning.
//!
//! They run after defaults are in and unknowns are marked, in the order they are written.

use std::sync::Arc;

use crate::path::Path;
use crate::schema::Field;
pub use crate::schema::Modifier;
use crate::value::Dynamic;

/// A computed value that an update does not change: the prior value instead of unknown.
pub fn keep_state() -> Modifier {
    Modifier::KeepState
}

/// Any change makes a new resource.
pub fn requires_replace() -> Modifier {
    Modifier::RequiresReplace
}

/// A change of a value that the user set makes a new resource.
pub fn requires_replace_if_configured() -> Modifier {
    Modifier::RequiresReplaceIfConfigured
}

/// A change makes a new resource when the function says so of the prior and the planned value. `T` is the field's type.
pub fn requires_replace_if<T: Field>(decide: impl Fn(&T, &T) -> bool + Send + Sync + 'static) -> Modifier {
    let decode = |value: &Dynamic| T::decode(value.clone(), &Path::root());
    Modifier::RequiresReplaceIf(Arc::new(move |prior, planned| match (decode(prior), decode(planned)) {
        (Ok(prior), Ok(planned)) => decide(&prior, &planned),
        // A value that the type cannot hold cannot be called harmless.
        _ => true,
    }))
}
