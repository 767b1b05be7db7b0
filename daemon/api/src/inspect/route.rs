//! The routes of the daemon itself: health, document, sagas, tasks, and the audit log with its checkpoints.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use crate::inspect::{AuditCheckpoint, AuditEntry, Health, Saga, Task};
use crate::problem::ProblemCode;
use crate::route::{Callers, LIMIT, Route, after};
use crate::token::Jwks;

pub const READ_HEALTH: Route<(), Health> = Route::get("read_health", "/v1/health", Callers::Anyone)
    .tagged("public")
    .summary("Whether the daemon is up. Public.")
    .answers::<Health>();

pub const READ_OPENAPI: Route<(), ()> = Route::get("read_openapi", "/v1/openapi.json", Callers::Anyone)
    .tagged("public")
    .summary("The API document.")
    .meaning("This document");

pub const LIST_SAGAS: Route<(), Vec<Saga>> = Route::get("list_sagas", "/v1/sagas", Callers::Operator)
    .tagged("inspect")
    .summary("Sagas, newest first.")
    .parameters(&[LIMIT])
    .answers_list::<Saga>();

pub const LIST_TASKS: Route<(), Vec<Task>> = Route::get("list_tasks", "/v1/tasks", Callers::Operator)
    .tagged("inspect")
    .summary("Background tasks and what they last did.")
    .answers_list::<Task>();

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
        .answers::<AuditCheckpoint>()
        .problems(&[ProblemCode::Conflict]);

pub const LIST_AUDIT_KEYS: Route<(), Jwks> = Route::get("list_audit_keys", "/v1/audit/keys", Callers::Anyone)
    .tagged("public")
    .summary("Every key that ever signed tokens or checkpoints, also those that are gone. Public.")
    .answers::<Jwks>();
