//! Where the delta of a list is.

use ringfence_api::authority::AuthorityDomain;

/// Where the delta of a list is found. A root's list is short, and has none.
pub(super) fn delta_url(url: &str, domain: AuthorityDomain) -> Option<String> {
    (domain != AuthorityDomain::Root).then(|| format!("{url}/delta"))
}
