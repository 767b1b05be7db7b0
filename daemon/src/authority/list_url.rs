//! The URL of a delta CRL.

use ringfence_api::authority::AuthorityDomain;

/// The URL of the delta of a CRL. A root's CRL is short and has no delta.
pub(super) fn delta_url(url: &str, domain: AuthorityDomain) -> Option<String> {
    (domain != AuthorityDomain::Root).then(|| format!("{url}/delta"))
}
