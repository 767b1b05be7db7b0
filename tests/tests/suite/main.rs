//! Whole paths through the real programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod acceptance;
mod api;
mod aws;
mod commands;
mod crashes;
mod faults;
mod interrupts;
mod kept_apart;
mod linted;
mod mishaps;
mod newer_cores;
mod nodes;
mod plugin;
mod project_members;
mod refusals;
mod secrets_in_terraform;
mod service_manager;
mod services;
mod story;
mod taking_over;
mod token;
