//! The audit log and its checkpoints.

use super::{Callers, LIMIT, Route, after};
use crate::inspect::{AuditCheckpoint, AuditEntry};
use crate::token::Jwks;

pub const LIST_AUDIT: Route<(), Vec<AuditEntry>> = Route::get("list_audit", "/v1/audit", Callers::Operator)
    .tagged("inspect")
    .summary(
        "The audit log: the newest rows, newest first; with `after`, what follows that row, oldest first, to read \
        all of it.",
    )
    .parameters(&[after("The sequence number of the last row that is known; 0 for all"), LIMIT])
    .answers_list::<AuditEntry>();

pub const LIST_CHECKPOINTS: Route<(), Vec<AuditCheckpoint>> =
    Route::get("list_checkpoints", "/v1/audit/checkpoints", Callers::Operator)
        .tagged("inspect")
        .summary("The checkpoints that follow a row, oldest first.")
        .parameters(&[after("Only of rows after this one"), LIMIT])
        .answers_list::<AuditCheckpoint>();

pub const POST_CHECKPOINT: Route<(), AuditCheckpoint> =
    Route::post("post_checkpoint", "/v1/audit/checkpoints", Callers::Operator)
        .tagged("inspect")
        .summary("Signs how the log stands now.")
        .answers::<AuditCheckpoint>();

pub const LIST_AUDIT_KEYS: Route<(), Jwks> = Route::get("list_audit_keys", "/v1/audit/keys", Callers::Anyone)
    .tagged("public")
    .summary("Every key that ever signed tokens or checkpoints, also those that are gone. Public.")
    .answers::<Jwks>();
