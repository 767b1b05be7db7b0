//! The audit log: who did what, and signed checkpoints of it.

mod checkpoint;
mod log;

use std::sync::Arc;

use axum::extract::FromRef;
use ringfence_api::inspect::route;

use crate::access::{Access, Routes};
use crate::base::{Base, Task};

/// The routes of the audit log.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Base>: FromRef<S>,
{
    Routes::new()
        .add(&route::LIST_AUDIT, log::list_audit)
        .add(&route::LIST_CHECKPOINTS, checkpoint::list_checkpoints)
        .add(&route::POST_CHECKPOINT, checkpoint::post_checkpoint)
        .add(&route::LIST_AUDIT_KEYS, checkpoint::list_audit_keys)
}

/// The task that signs checkpoints.
pub(crate) fn tasks<S>(state: &S) -> Vec<Box<dyn Task>>
where
    Arc<Base>: FromRef<S>,
{
    vec![Box::new(checkpoint::SignCheckpoints(FromRef::from_ref(state)))]
}
