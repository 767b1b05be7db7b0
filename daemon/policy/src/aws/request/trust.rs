//! The request for the trust policy of the cross-account role.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Checker, Unknown};
use crate::aws::external_id::ExternalId;
use crate::aws::fault::Fault;
use crate::aws::name::Principal;
use crate::aws::trust::Trust;

/// The request, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrustRequest {
    /// ARNs of the roles or users who may assume the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principals: Option<BTreeSet<String>>,
    /// External id that they must name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

impl TrustRequest {
    /// The request with its words checked; or everything that is wrong with it.
    pub fn check(&self) -> Result<Trust, Vec<Fault>> {
        let (checked, mut faults) = self.check_known(&Unknown::new());
        if let Some(checked) = checked.as_ref().filter(|_| faults.is_empty()) {
            faults.extend(checked.faults());
        }
        checked.filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// What is wrong with what is known, whatever the unknown attributes turn out to be.
    pub fn faults(&self, unknown: &Unknown) -> Vec<Fault> {
        if unknown.is_empty() { self.check().err().unwrap_or_default() } else { self.check_known(unknown).1 }
    }

    fn check_known(&self, unknown: &Unknown) -> (Option<Trust>, Vec<Fault>) {
        let mut checker = Checker::new(unknown);
        let principals = checker.all("principals", self.principals.as_ref(), Principal::parse);
        let external_id = checker.required("external_id", self.external_id.as_ref(), ExternalId::parse);
        (external_id.map(|external_id| Trust { principals, external_id }), checker.faults)
    }
}
