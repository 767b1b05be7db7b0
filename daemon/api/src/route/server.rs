//! The daemon itself: health, document, sagas, tasks.

use super::{Callers, LIMIT, Route};
use crate::inspect::{Health, Saga, Task};

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
