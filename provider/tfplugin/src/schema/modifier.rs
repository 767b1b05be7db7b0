//! A step of planning that an attribute carries; [`modifiers`](crate::modifiers) makes them.

use std::sync::Arc;

use crate::value::Dynamic;

type Compare = dyn Fn(&Dynamic, &Dynamic) -> bool + Send + Sync;

/// One step of planning an attribute.
#[derive(Clone)]
pub enum Modifier {
    /// See [`keep_state`](crate::modifiers::keep_state).
    KeepState,
    /// See [`requires_replace`](crate::modifiers::requires_replace).
    RequiresReplace,
    /// See [`requires_replace_if_configured`](crate::modifiers::requires_replace_if_configured).
    RequiresReplaceIfConfigured,
    /// See [`requires_replace_if`](crate::modifiers::requires_replace_if); called with prior and planned.
    RequiresReplaceIf(Arc<Compare>),
}
