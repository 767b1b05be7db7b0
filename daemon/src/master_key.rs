//! The master key: its source and its rotation.
//!
//! # Guarantees
//!
//! - A version is durable before anything is sealed under it, and it is deleted only when nothing is sealed under it
//!   any longer. So every secret opens at all times, even after a crash.
//! - The key never appears in logs, errors or arguments of processes.

mod reseal;
mod rotate;
mod source;

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::FromRef;
use ringfence_api::master_key::route;

use crate::access::{Access, Routes};
use crate::base::{Base, Task};

pub use source::MasterKeySource;
pub(crate) use source::{own_file, read};

/// The file of the master key, if this daemon may change it.
pub(crate) struct KeyFile(pub(crate) Option<PathBuf>);

/// The routes of the master key.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Base>: FromRef<S>,
    Arc<KeyFile>: FromRef<S>,
{
    Routes::new()
        .add(&route::READ_MASTER_KEY, rotate::read_master_key)
        .add(&route::ROTATE_MASTER_KEY, rotate::rotate_master_key)
}

/// The task that seals secrets anew.
pub(crate) fn tasks<S>(state: &S) -> Vec<Box<dyn Task>>
where
    Arc<Base>: FromRef<S>,
    Arc<KeyFile>: FromRef<S>,
{
    vec![Box::new(reseal::ResealSecrets::new(FromRef::from_ref(state), FromRef::from_ref(state)))]
}
