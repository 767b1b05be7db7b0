//! The inputs of the trust policy.

use std::collections::BTreeSet;

use ringfence_policy::aws::{ExternalId, Principal, Trust};
use tfplugin_rs::prelude::*;

use super::{Fault, required, texts};

/// The inputs, wherever they stand.
pub(crate) struct TrustInputs<'a> {
    pub(crate) principals: &'a Value<BTreeSet<String>>,
    pub(crate) external_id: &'a Value<String>,
}

impl TrustInputs<'_> {
    /// Whether all of it is known.
    pub(crate) fn is_known(&self) -> bool {
        !self.principals.is_unknown() && !self.external_id.is_unknown()
    }

    /// The request; or what is wrong with it, as far as it is known.
    pub(crate) fn request(&self) -> std::result::Result<Trust, Vec<Fault>> {
        let mut faults = Vec::new();
        let principals = texts(self.principals, "principals", Principal::parse, &mut faults);
        let external_id = required(self.external_id, "external_id", ExternalId::parse, &mut faults);
        let Some(external_id) = external_id else { return Err(faults) };
        let request = Trust { principals, external_id };
        if self.is_known() && faults.is_empty() {
            faults.extend(request.faults());
        }
        if faults.is_empty() { Ok(request) } else { Err(faults) }
    }
}
