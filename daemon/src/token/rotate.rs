//! Takes the steps that are due, in one transaction with an audit row: at every start, so that keys exist before a
//! token is requested, and afterwards in a task.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use ringfence_pki::{MasterKey, PrivateKey, TokenKey};
use ringfence_store::sealed::SealedOf;
use ringfence_store::{StoreError, Transaction};

use crate::base::{Actor, Base, Failure, Task, seal};
use crate::token::JWKS_MAX_AGE;
use crate::token::next::{Policy, Step, next};

/// Rotates token keys when they are due.
pub(crate) struct RotateTokenKeys(pub(super) Arc<Base>);

#[async_trait]
impl Task for RotateTokenKeys {
    fn name(&self) -> &'static str {
        "rotate_token_keys"
    }

    fn purpose(&self) -> &'static str {
        "activates the next token key when it is due, and erases retired keys without live tokens"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn run(&self) -> anyhow::Result<String> {
        let Self(base) = self;
        let now = base.now();
        // Most runs find nothing to do, and must not occupy the store's writer.
        let mut tx = base.store.read("look_at_token_keys").await?;
        let step = find_step(&mut tx, now).await?;
        drop(tx);
        if step.is_none() {
            return Ok(String::new());
        }
        let mut tx = base.store.write("rotate_token_keys").await?;
        let done = rotate_due(&mut tx, &base.master_key, &base.rng, now).await?;
        tx.commit().await?;
        Ok(done)
    }
}

/// Takes every step that is due. Returns what was done, in words.
pub(crate) async fn rotate_due(
    tx: &mut Transaction,
    master_key: &MasterKey,
    rng: &SystemRandom,
    now: Timestamp,
) -> Result<String, Failure> {
    let mut done = Vec::new();
    while let Some(step) = find_step(tx, now).await? {
        done.push(take(tx, master_key, rng, &step, now).await?);
    }
    let done = done.join(", ");
    if !done.is_empty() {
        let cluster = tx.cluster().get().await?.name;
        Actor::daemon("rotate_token_keys").record(tx, "rotate_token_keys", cluster.as_str(), &done, now).await?;
    }
    Ok(done)
}

async fn find_step(tx: &mut Transaction, now: Timestamp) -> Result<Option<Step>, StoreError> {
    let key_lifetime = tx.cluster().get().await?.declared.authority.token_key_lifetime.as_signed();
    let keys = tx.token_keys().list_live().await?;
    Ok(next(&keys, now, Policy { key_lifetime, max_age: JWKS_MAX_AGE }))
}

/// Takes one step. Returns it in words.
pub(super) async fn take(
    tx: &mut Transaction,
    master_key: &MasterKey,
    rng: &SystemRandom,
    step: &Step,
    now: Timestamp,
) -> Result<String, Failure> {
    match step {
        Step::Prepare => {
            let algorithm = tx.cluster().get().await?.declared.authority.token_key_algorithm;
            let private = PrivateKey::generate_for(algorithm).map_err(Failure::internal)?;
            let public_key = TokenKey::new(&private).map_err(Failure::internal)?.public().clone();
            let of = SealedOf::TokenKey(public_key.kid.clone());
            let sealed_key = seal(tx, (master_key, rng), &of, &private.to_der()).await?;
            tx.token_keys().insert(&public_key, &sealed_key, now).await?;
            Ok(format!("{} prepared", public_key.kid))
        }
        Step::Rotate { activate, retire } => {
            // In this order, so that there are never two active keys.
            if let Some(retire) = retire {
                tx.token_keys().retire(retire, now).await?;
            }
            tx.token_keys().activate(activate, now).await?;
            let retired = retire.as_ref().map_or(String::new(), |kid| format!("{kid} retired, "));
            Ok(format!("{retired}{activate} active"))
        }
        Step::Erase(kid) => {
            tx.token_keys().erase(kid).await?;
            Ok(format!("{kid} gone"))
        }
    }
}
