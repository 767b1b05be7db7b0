//! Claims of the tokens of project users for one audience.

use std::collections::BTreeMap;

use ringfence_api::cluster::{OWN_CLAIMS, is_claim};
use ringfence_api::token::{ClaimSource, SubjectClaim, TokenClaims};
use tfplugin_rs::prelude::*;

/// Claims of the tokens of project users for one audience, besides those that every token has.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct TokenClaimsModel {
    /// What `sub` holds: `project_user` (`PROJECT__USER`), `project` or `user`. Default: `project_user`.
    #[tf(optional, validate = one_of(SubjectClaim::ALL.map(SubjectClaim::as_str)))]
    subject: Value<String>,
    /// Further claims by name. Each holds `project_user`, `project`, `user`, `role`, `roles` (a list) or `job` (in
    /// tokens of jobs).
    #[tf(optional, validate = keys(check(claim_name)), validate = each(one_of(sources())))]
    claims: Value<BTreeMap<String, String>>,
}

fn sources() -> impl Iterator<Item = &'static str> {
    ClaimSource::ALL.into_iter().map(ClaimSource::as_str)
}

fn claim_name(name: &str) -> std::result::Result<(), String> {
    if is_claim(name) {
        return Ok(());
    }
    let own = OWN_CLAIMS.join(", ");
    Err(format!("{name:?} must be 1 to 64 letters, digits and characters of _-.:/, and none of {own}"))
}

impl TokenClaimsModel {
    pub(super) fn to_claims(&self) -> TokenClaims {
        let claims = self.claims.known().into_iter().flatten();
        TokenClaims {
            subject: self.subject.as_str().and_then(SubjectClaim::from_word).unwrap_or_default(),
            claims: claims.filter_map(|(name, source)| Some((name.clone(), ClaimSource::from_word(source)?))).collect(),
        }
    }

    pub(super) fn spelled(claims: &TokenClaims) -> Self {
        let more: BTreeMap<_, _> =
            claims.claims.iter().map(|(name, source)| (name.clone(), source.as_str().to_owned())).collect();
        Self {
            subject: claims.subject.as_str().into(),
            claims: if more.is_empty() { Value::Null } else { more.into() },
        }
    }
}
