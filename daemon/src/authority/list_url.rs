//! What a list is made of besides its entries: where its delta is, and how a reason is written in it.

use ringfence_api::certificate::RevocationReason;
use ringfence_pki::{Domain, Reason};

/// Where the delta of a list is found. A root's list is short, and has none.
pub(super) fn delta_url(url: &str, domain: Domain) -> Option<String> {
    (domain != Domain::Root).then(|| format!("{url}/delta"))
}

pub(super) fn reason_of(reason: RevocationReason) -> Reason {
    match reason {
        RevocationReason::KeyCompromise => Reason::KeyCompromise,
        RevocationReason::CaCompromise => Reason::CaCompromise,
        RevocationReason::Superseded => Reason::Superseded,
        RevocationReason::CessationOfOperation => Reason::CessationOfOperation,
        RevocationReason::PrivilegeWithdrawn => Reason::PrivilegeWithdrawn,
    }
}
