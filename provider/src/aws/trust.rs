//! The attributes that ask for the trust policy of the cross-account role.

use std::collections::BTreeSet;

use ringfence_policy::aws::{TrustRequest, Unknown};
use tfplugin_rs::prelude::*;

use super::request::{PartialRequest, known};

/// The request for a trust policy.
pub(crate) fn trust_request(
    principals: &Value<BTreeSet<String>>,
    external_id: &Value<String>,
) -> PartialRequest<TrustRequest> {
    let mut unknown = Unknown::new();
    let request = TrustRequest {
        principals: known("principals", principals, &mut unknown),
        external_id: known("external_id", external_id, &mut unknown),
    };
    PartialRequest { request, unknown }
}
