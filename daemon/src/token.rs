//! Tokens of project users and services, with which programs verify their callers without asking the daemon.
//!
//! # Guarantees
//!
//! - A token is returned only after its expiry is recorded at its key and its audit row is committed.
//! - Exactly one key signs. The next one is published before it signs anything, and the last one stays published until
//!   its last token has expired.
//! - Keys are stored sealed under the master key; tokens are not stored.

mod introspect;
mod jwks;
mod keys;
mod next;
mod rotate;
mod sign;

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::FromRef;
use jiff::SignedDuration;
use ringfence_api::token::route;
use ringfence_pki::{PrivateKey, TokenKey};
use ringfence_store::Transaction;
use ringfence_store::sealed::SealedOf;

use crate::access::{Access, Routes};
use crate::base::{Base, Failure, Task, open};

pub(crate) use rotate::rotate_due;
pub(crate) use sign::{NewToken, describe, sign_token};

/// The routes of tokens and of the keys that sign them.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Base>: FromRef<S>,
{
    Routes::new()
        .add(&route::READ_JWKS, jwks::read_jwks)
        .add(&route::LIST_TOKEN_KEYS, keys::list_token_keys)
        .add(&route::ROTATE_TOKEN_KEYS, keys::rotate_token_keys)
        .add(&route::INTROSPECT, introspect::introspect)
        .add(&route::DELETE_TOKEN, introspect::delete_token)
}

/// The task that rotates the keys that sign tokens.
pub(crate) fn tasks<S>(state: &S) -> Vec<Box<dyn Task>>
where
    Arc<Base>: FromRef<S>,
{
    vec![Box::new(rotate::RotateTokenKeys(FromRef::from_ref(state)))]
}

/// How long a verifier may keep the JWKS, and so how long a key is published before it signs.
const JWKS_MAX_AGE: SignedDuration = SignedDuration::from_mins(5);

/// The active key, with its id.
pub(crate) async fn active_key(base: &Base, tx: &mut Transaction) -> Result<(String, TokenKey), Failure> {
    let row = tx.token_keys().find_active().await?.context("no token key is active").map_err(Failure::internal)?;
    let kid = row.view.kid;
    let der = open(base, &SealedOf::TokenKey(kid.clone()), &row.sealed_key)?;
    let private = PrivateKey::from_der(&der).map_err(Failure::internal)?;
    Ok((kid, TokenKey::new(&private).map_err(Failure::internal)?))
}
