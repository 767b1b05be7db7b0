//! Signs a token and records it, in the transaction of the request. Its claims come from declared data.

use std::collections::BTreeMap;

use ringfence_api::token::{IssuedToken, TokenSubject};
use ringfence_api::{Audience, JobId, Lifetime};
use ringfence_pki::{About, Token, Validity, random_token_id};
use ringfence_store::Transaction;
use ringfence_store::token::TokenRow;
use serde_json::Value;

use crate::base::crash_point::signed;
use crate::base::{Base, Failure};
use crate::token::active_key;

/// A token to be signed.
pub(crate) struct NewToken<'a> {
    /// Whom it identifies.
    pub(crate) subject: TokenSubject,
    /// Its `sub` claim.
    pub(crate) sub: String,
    pub(crate) about: About<'a>,
    pub(crate) more: &'a BTreeMap<String, Value>,
    pub(crate) audience: &'a Audience,
    pub(crate) lifetime: Lifetime,
    pub(crate) job: Option<&'a JobId>,
    pub(crate) one_time: bool,
}

/// Signs a token and records it, without committing.
pub(crate) async fn sign_token(base: &Base, tx: &mut Transaction, new: &NewToken<'_>) -> Result<IssuedToken, Failure> {
    let (kid, key) = active_key(base, tx).await?;
    let now = base.now();
    let validity = Validity::starting(now, new.lifetime.as_signed());
    let id = random_token_id(base.rng());
    let token = Token {
        id: &id,
        issuer: &format!("urn:ringfence:{}", base.cluster_id),
        subject: &new.sub,
        audience: new.audience.as_str(),
        issued_at: now,
        validity,
        about: new.about.clone(),
        more: new.more,
    };
    let token = key.sign(&token).map_err(Failure::internal)?;
    signed("token");
    let expires_at = validity.not_after;
    tx.token_keys().record_token_expiry(&kid, expires_at).await?;
    let row = TokenRow {
        id: id.clone(),
        kid: kid.clone(),
        subject: new.subject.clone(),
        job: new.job.cloned(),
        one_time: new.one_time,
        issued_at: now,
        expires_at,
        ended_at: None,
    };
    tx.tokens().insert(&row).await?;
    Ok(IssuedToken { token, id, kid, expires_at })
}

/// Describes a token in the audit log.
pub(crate) fn describe(issued: &IssuedToken, audience: &Audience) -> String {
    let IssuedToken { id, kid, expires_at, .. } = issued;
    format!("token {id} for {audience}, until {expires_at}, key {kid}")
}
