//! Requests for documents, made of models whose values may not be known yet.

use ringfence_policy::aws::{Fault, Unknown};
use tfplugin_rs::prelude::*;

/// A request as far as it is known.
pub(crate) struct PartialRequest<R> {
    /// What is known.
    pub(crate) request: R,
    /// The attributes that are not.
    pub(crate) unknown: Unknown,
}

impl<R> PartialRequest<R> {
    /// The request, when all of it is known.
    pub(crate) fn whole(&self) -> Option<&R> {
        Some(&self.request).filter(|_| self.unknown.is_empty())
    }

    /// What the request is checked into, when all of it is known; or what is wrong with as much as is known.
    pub(crate) fn checked<T>(
        &self,
        check: impl FnOnce(&R) -> std::result::Result<T, Vec<Fault>>,
        faults: impl FnOnce(&R, &Unknown) -> Vec<Fault>,
    ) -> std::result::Result<Option<T>, Vec<Fault>> {
        if let Some(whole) = self.whole() {
            return check(whole).map(Some);
        }
        let faults = faults(&self.request, &self.unknown);
        if faults.is_empty() { Ok(None) } else { Err(faults) }
    }
}

/// A value as a request holds it; one that is not known is noted as such.
pub(crate) fn known<T: Clone>(attribute: &'static str, value: &Value<T>, unknown: &mut Unknown) -> Option<T> {
    if value.is_unknown() {
        unknown.insert(attribute);
    }
    value.known().cloned()
}
