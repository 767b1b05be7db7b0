//! Tokens of project users and services, for programs that verify who calls them without asking the daemon.
//!
//! # Guarantees
//!
//! - A token leaves only after the end of its life is noted at its key and its audit row is committed.
//! - Exactly one key signs. The next one is published before it signs anything, and the last one for as long as a
//!   token of its lives.
//! - Keys lie in the database sealed under the master key, and the token lies nowhere.

mod introspect;
mod issue;
mod jwks;
mod keys;
mod next;
mod rotate;
mod service;

use anyhow::Context as _;
use jiff::SignedDuration;
use ringfence_api::token::Jwk;
use ringfence_pki::{PrivateKey, PublicTokenKey, TokenKey};
use ringfence_store::Transaction;

use crate::Daemon;
use crate::http::Failure;

pub(crate) use introspect::{__path_delete_token, __path_introspect, delete_token, introspect};
pub(crate) use issue::{__path_post_token, post_token};
pub(crate) use jwks::{__path_read_jwks, read_jwks};
pub(crate) use keys::{__path_list_token_keys, __path_rotate_token_keys, list_token_keys, rotate_token_keys};
pub(crate) use rotate::{RotateTokenKeys, rotate_due};
pub(crate) use service::{__path_post_service_token, end_undeclared_tokens, post_service_token, tokens_to_replace};

/// How long a verifier may keep the JWKS, and so how long a key is published before it signs.
const JWKS_MAX_AGE: SignedDuration = SignedDuration::from_mins(5);

/// The key that signs, with its name.
pub(crate) async fn active_key(daemon: &Daemon, tx: &mut Transaction) -> Result<(String, TokenKey), Failure> {
    let row = tx.find_active_token_key().await?.context("no token key is active").map_err(Failure::internal)?;
    let kid = row.view.kid;
    let der = daemon.master_key.open(&sealed_key_context(&kid), &row.sealed_key)?;
    let private = PrivateKey::from_der(&der).map_err(Failure::internal)?;
    Ok((kid, TokenKey::new(&private).map_err(Failure::internal)?))
}

/// The public half as it is published.
fn jwk(key: &TokenKey) -> Jwk {
    let PublicTokenKey { kid, x, y } = key.public().clone();
    let [kty, crv, alg] =
        if y.is_some() { ["EC", "P-256", "ES256"] } else { ["OKP", "Ed25519", "EdDSA"] }.map(str::to_owned);
    Jwk { kid, kty, crv, x, y, alg, usage: "sig".to_owned() }
}

/// The public half that was published.
pub(crate) fn public_key(jwk: &Jwk) -> PublicTokenKey {
    PublicTokenKey { kid: jwk.kid.clone(), x: jwk.x.clone(), y: jwk.y.clone() }
}

/// The context under which a token key is sealed.
pub(crate) fn sealed_key_context(kid: &str) -> String {
    format!("token-key/{kid}")
}
