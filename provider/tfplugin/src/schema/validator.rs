//! A check that an attribute or a parameter carries; [`validators`](crate::validators) makes the usual ones.

use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::path::Path;
use crate::value::Dynamic;

type Check = dyn Fn(&Dynamic, &Path, &mut Diagnostics) + Send + Sync;

/// A check on one value.
#[derive(Clone)]
pub struct Validator(Arc<Check>);

impl Validator {
    /// A validator from its full form: the value, where it stands, where to report.
    pub fn new(check: impl Fn(&Dynamic, &Path, &mut Diagnostics) + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    /// Checks a value; null and unknown pass.
    pub(crate) fn run(&self, value: &Dynamic, path: &Path, out: &mut Diagnostics) {
        match value {
            Dynamic::Null | Dynamic::Unknown => {}
            Dynamic::Typed(typed) => self.run(&typed.1, path, out),
            known => (self.0)(known, path, out),
        }
    }
}
